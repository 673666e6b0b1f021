"""`xferviewer split` and `xferviewer cohort`, as a script runs them."""

from __future__ import annotations

import csv
import io
import json
import tomllib

import numpy as np
import PIL.Image
import pytest

from xferviewer.cli import main
from xferviewer.studies.cohort import CohortRow


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def cohort(folder, tmp_path):
    """24 pictures of 12 patients in an official split; the first picture again as the last, of another patient."""
    films = tmp_path / "films"
    films.mkdir()
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (24, 48, 48))
    pictures[23] = pictures[0]
    rows = []
    for number, pixels in enumerate(pictures):
        PIL.Image.fromarray(pixels.astype(np.uint8)).save(films / f"{number}.png")
        split = "test" if number >= 20 else "train"
        patient = str(number // 2)
        rows.append(CohortRow(f"{number}.png", (number % 2,), patient=patient, split=split, sex="F", age=50.0))
    return folder(rows)


def test_that_a_split_is_frozen_and_shown_with_its_cohort(cohort, capsys):
    assert main(["split", str(cohort), "--out", "first", "--seed", "2", "--validation", "0.25", "--test", "0.25"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(str(cohort / "splits" / "first.csv"))
    assert "by patient, stratified; digest " in printed
    assert "No patient in two of them." in printed
    about = tomllib.loads((cohort / "splits" / "first.toml").read_text())
    assert about["parameters"] == {
        "method": "stratified", "seed": 2, "shared": "refuse", "validation": 0.25, "test": 0.25, "folds": 0,
        "fraction": 1.0, "together": False,
    }  # fmt: skip
    assert main(["cohort", str(cohort), "--split", "first", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [(part["part"], part["images"], part["groups"]) for part in shown["parts"]] == [
        ("all", 24, 12), ("training", 12, 6), ("validation", 6, 3), ("test", 6, 3)
    ]  # fmt: skip
    assert shown["frozen_split"]["digest"] == about["digest"]
    assert shown["splits"] == ["first"]
    assert main(["cohort", str(cohort), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {"part": "all", "measure": "Edema", "value": "positive", "n": "12", "of": "24"} in rows
    assert main(["cohort", str(cohort), "--split", "first"]) == 0
    table = capsys.readouterr().out
    assert "Edema" in table
    assert "Leakage receipt: 6 patients (12 images) in training" in table


def test_that_the_official_split_names_the_picture_that_two_parts_hold(cohort, capsys):
    assert main(["split", str(cohort), "--out", "official", "--method", "official", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    (overlap,) = said["receipt"]["overlaps"]
    assert (overlap["exact"], overlap["exact_examples"]) == (1, [{"first": "0.png", "second": "23.png", "distance": 0}])
    assert main(["split", str(cohort), "--out", "quick", "--method", "official", "--without-duplicates"]) == 0
    assert "Nobody looked for duplicates." in capsys.readouterr().out


def test_that_lists_of_files_make_a_split(cohort, tmp_path, capsys):
    for part, numbers in (("training", range(16)), ("test", range(16, 24))):
        (tmp_path / f"{part}.txt").write_text("".join(f"{number}.png\n" for number in numbers))
    lists = [f"--list={part}={tmp_path / part}.txt" for part in ("training", "test")]
    words = ["split", str(cohort), "--out", "lists", "--method", "lists", *lists, "--validation", "0.25", "--json"]
    assert main([*words, "--without-duplicates"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["receipt"]["images"] == {"training": 12, "validation": 4, "test": 8}
    about = tomllib.loads((cohort / "splits" / "lists.toml").read_text())
    assert about["parameters"]["lists"]["test"].startswith("test.txt ")


def test_that_an_unreadable_image_is_named_and_the_split_is_made(cohort, tmp_path, capsys):
    (tmp_path / "films" / "3.png").write_bytes(b"none")
    assert main(["split", str(cohort), "--out", "first", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["receipt"]["unreadable"] == 1
    assert "3.png" in said["failed"][0]["what"]
    assert (cohort / "splits" / "first.csv").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--validation", "1.5"], "below 1"),
        (["--method", "official", "--test", "0.2"], "only the method stratified"),
        (["--method", "lists"], "needs a file for each part"),
        (["--out", "a/b"], "name of a file"),
    ],
)
def test_that_an_impossible_option_is_named_and_nothing_is_written(cohort, capsys, words, why):
    assert main(["split", str(cohort), "--out", "x", *words, "--without-duplicates"]) == 2
    assert why in capsys.readouterr().err
    assert not (cohort / "splits").exists()


def test_that_a_changed_cohort_is_refused_by_the_command_too(cohort, capsys):
    assert main(["split", str(cohort), "--out", "first", "--without-duplicates"]) == 0
    table = (cohort / "images.csv").read_text().splitlines()
    (cohort / "images.csv").write_text("\n".join(table[:-1]) + "\n")
    capsys.readouterr()
    assert main(["cohort", str(cohort), "--split", "first", "--json"]) == 2
    assert "1 images are gone (23.png)" in json.loads(capsys.readouterr().out)["error"]["why"]
