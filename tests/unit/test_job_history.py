"""What a job told of its course is read on from where the last reading ended."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from xferviewer.gui.job_history import READ_AT_ONCE, JobHistory


def append(folder: Path, *events: dict[str, object]) -> None:
    with (folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"time": 0.0, **event}) + "\n" for event in events)


def step(number: int, loss: float = 0.5) -> dict[str, object]:
    return {"kind": "step", "step": number, "loss": loss, "images_per_second": 20.0}


def read_all(history: JobHistory) -> None:
    while history.read():
        pass


def test_that_only_what_is_new_is_read(tmp_path: Path) -> None:
    history = JobHistory(tmp_path)
    assert not history.read()  # there is no file yet
    append(tmp_path, step(1), step(2))
    assert history.read()
    assert not history.read()
    (tmp_path / "events.jsonl").write_bytes((tmp_path / "events.jsonl").read_bytes().replace(b"0.5", b"0.7"))
    append(tmp_path, step(3, 0.25))
    read_all(history)
    assert history.steps.number == [1, 2, 3]
    assert history.steps.loss == [0.5, 0.5, 0.25]  # the first two were not read again


def test_that_a_half_written_line_waits_for_its_end(tmp_path: Path) -> None:
    history = JobHistory(tmp_path)
    append(tmp_path, step(1))
    whole = json.dumps(step(2))
    with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(whole[:20])
    read_all(history)
    assert history.steps.number == [1]
    with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write(whole[20:] + "\n")
    read_all(history)
    assert history.steps.number == [1, 2]


def test_that_a_job_that_goes_back_to_a_kept_step_draws_one_curve(tmp_path: Path) -> None:
    history = JobHistory(tmp_path)
    epochs = [{"kind": "epoch", "epoch": number, "training_loss": 1 / number} for number in (1, 2)]
    append(tmp_path, step(1), step(2), epochs[0], step(3, 0.9), step(4, 0.9), epochs[1])
    read_all(history)
    append(tmp_path, {"kind": "resumed", "epoch": 1, "step": 0})  # of the epoch under way
    read_all(history)
    assert history.steps.number == [1, 2, 3, 4]
    append(tmp_path, step(3, 0.1))
    read_all(history)
    assert history.steps.number == [1, 2, 3]
    assert history.steps.loss[-1] == 0.1
    append(tmp_path, {**epochs[1], "training_loss": 0.25})
    read_all(history)
    assert [(epoch.number, epoch.training_loss) for epoch in history.epochs] == [(1, 1.0), (2, 0.25)]


def test_that_epochs_of_both_versions_of_the_events_are_understood(tmp_path: Path) -> None:
    history = JobHistory(tmp_path)
    old = {"kind": "epoch", "epoch": 1, "loss": 0.6, "learning_rate": 1e-3, "validation_auc": None,
           "validation_auc_per_finding": {"Edema": 0.7, "Mass": None}, "best": True}  # fmt: skip
    new = {"kind": "epoch", "epoch": 2, "training_loss": 0.5, "validation_loss": 0.55, "learning_rate": 1e-4,
           "validation_auc": 0.8, "majority_guess": True, "best": False,
           "findings": {"Edema": {"auc": 0.8, "lower": 0.7, "upper": 0.9}}}  # fmt: skip
    append(tmp_path, old, new)
    read_all(history)
    first, second = history.epochs
    assert (first.training_loss, first.areas["Edema"].auc, first.best) == (0.6, 0.7, True)
    assert math.isnan(first.mean_auc)
    assert math.isnan(first.validation_loss)
    assert math.isnan(first.areas["Mass"].auc)
    assert (second.validation_loss, second.areas["Edema"].upper, second.majority_guess) == (0.55, 0.9, True)


def test_that_another_job_under_the_same_name_is_read_from_its_beginning(tmp_path: Path) -> None:
    history = JobHistory(tmp_path)
    append(tmp_path, *(step(number) for number in range(1, 50)))
    read_all(history)
    (tmp_path / "events.jsonl").unlink()
    append(tmp_path, step(1, 0.125))
    read_all(history)
    assert history.steps.loss == [0.125]


def test_that_a_hundred_thousand_events_are_taken_in_without_holding_up_the_window(tmp_path: Path) -> None:
    """Each turn takes a bounded part of the file, so that the event loop goes on in between; broken lines cost only
    themselves."""
    append(tmp_path, *(step(number, 1 / number) for number in range(1, 50_001)))
    with (tmp_path / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write("torn by a full di\n[]\n")
    append(tmp_path, *(step(number, 1 / number) for number in range(50_001, 100_001)))
    history, turns, longest = JobHistory(tmp_path), 0, 0.0
    while True:
        began = time.process_time()
        more = history.read()
        longest = max(longest, time.process_time() - began)
        if not more:
            break
        turns += 1
    size = (tmp_path / "events.jsonl").stat().st_size
    assert len(history.steps.number) == 100_000
    assert turns >= size / READ_AT_ONCE
    assert longest < 0.1
    began = time.process_time()
    assert not history.read()
    assert time.process_time() - began < 0.01  # nothing new costs nothing
