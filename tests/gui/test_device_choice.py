"""The device and precision that the window says are those that compute, and numbers are kept under no other."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot
from safetensors.numpy import load_file

from xferviewer import protocol
from xferviewer.checkpoints import read_checkpoint, write_checkpoint
from xferviewer.evaluation.predictions import PredictionKey
from xferviewer.evaluation.tables import read_predictions
from xferviewer.gui import device_words
from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.settings import Settings, read_settings, settings_file

LONG = 120_000

PASSED = protocol.ParityCheck("cpu", "bf16", "CPU bf16 · x", True, 0.01, 0.2, 0.001, 0.01, "")
FAILED = protocol.ParityCheck("cpu", "bf16", "CPU bf16 · x", False, 0.9, 0.2, 0.05, 0.01, "Its numbers differ.")
NO_NUMBERS = protocol.ParityCheck("cuda", "fp32", "CUDA fp32", False, None, 1e-4, None, 1e-4, "No memory.")
OFFERS = (
    protocol.DeviceOffer(
        "cuda", "Card <&> Co", 48 << 30, "CUDA 13, driver 5", ("fp32", "fp16"), ("bf16: too old.",), ""
    ),
    protocol.DeviceOffer("mps", "", None, "", (), (), "No Metal."),
    protocol.DeviceOffer("cpu", "A processor", None, "torch", ("fp32", "bf16", "fp16"), (), ""),
)

# The table of `predict --logits` at each precision, by the command itself, in a process as a user starts it.
_PREDICT = """
import sys
from xferviewer import cli
out, images, *checkpoints = sys.argv[1:]
for precision in ("fp32", "bf16", "fp16"):
    words = ["predict", "--checkpoint", *checkpoints, "--images", images, "--device", "cpu", "--precision", precision]
    assert cli.main([*words, "--logits", "--json", "--out", f"{out}/{precision}.parquet"]) == 0
"""


def gentle(checkpoint: Path, out: Path) -> Path:
    """A copy of a transformer's folder with a head so flat that half precision cannot move its probabilities."""
    read = read_checkpoint(checkpoint)
    weights = load_file(read.weights)
    weights["head.weight"] = weights["head.weight"] / 50
    write_checkpoint(out, dataclasses.replace(read.card, name="gentle"), read.options, weights)
    return out


def opened_as(application: Application, place: int, *checks: protocol.ParityCheck, precision: str) -> None:
    """What the engine says when it has opened a checkpoint."""
    checkpoint = application.session.classifiers.checkpoints[place]
    application.engine.checkpoint_opened.emit(
        protocol.CheckpointOpened(
            0, str(checkpoint.folder), checkpoint.digest, f"CPU {precision} · x", "cpu", precision, checks
        )
    )


def stored(application: Application, place: int, device: str, precision: str) -> int:
    """How many images of a checkpoint the store has, computed there."""
    application.predicting.put_away()
    checkpoint = application.session.classifiers.checkpoints[place]
    identities = [image.identity for image in application.library.catalogue.all_images()]
    key = PredictionKey.of(checkpoint, device, precision)
    return len(identities) - len(application.store.missing(key, identities))


def predicted(application: Application, place: int, value: float) -> None:
    """An answer of the engine for the shown image."""
    shown, checkpoint = application.session.shown, application.session.classifiers.checkpoints[place]
    assert shown is not None
    logits = np.full(len(checkpoint.findings), value, np.float32)
    application.engine.predicted.emit(protocol.Predicted(1, shown.reference.identity, checkpoint.digest, logits))


def first_logit(application: Application, place: int) -> float:
    application.predicting._show_arrived()
    shown = application.session.shown
    assert shown is not None
    digest = application.session.classifiers.checkpoints[place].digest
    return float(application.session.scores.logits(digest, [shown.reference.identity])[0, 0])


def test_that_every_precision_gives_the_window_the_numbers_of_the_command_to_the_bit(
    make_application: Callable[..., Application],
    cohort: Path,
    checkpoints: list[Path],
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    checkpoints = [*checkpoints, gentle(checkpoints[1], tmp_path / "gentle")]
    command = [sys.executable, "-c", _PREDICT, str(tmp_path), str(cohort / "A"), *map(str, checkpoints)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    in_use = [json.loads(line)["in_use"] for line in ended.stdout.splitlines()]
    chosen = Settings(device="cpu", notice_seen=True, checkpoints=tuple(map(str, checkpoints)))
    application = make_application(chosen=chosen)
    application.window.show()
    with qtbot.waitSignal(application.predicting.finished, timeout=LONG):
        application.start()
        application.opening.open([cohort / "A"])
    button, session = application.window.top.device, application.session
    by_precision = {}
    for precision, used in zip(("fp32", "bf16", "fp16"), in_use, strict=True):
        if precision != "fp32":
            button._precisions[precision].trigger()
        names = dict.fromkeys(f"CPU {each['precision']}" for each in used)
        qtbot.waitUntil(lambda names=names: button.text() == f"device: {', '.join(names)}", timeout=LONG)  # type: ignore[misc]
        qtbot.waitUntil(lambda: len(application.engine.in_use) == 3, timeout=LONG)
        qtbot.waitUntil(
            lambda: all(len(session.scores.identities(c.digest)) == 12 for c in session.classifiers.checkpoints),
            timeout=LONG,
        )
        qtbot.waitUntil(lambda: not application.predicting.running, timeout=LONG)
        table = read_predictions(tmp_path / f"{precision}.parquet")
        paths = {Path(image.path).name: image.identity for image in application.library.catalogue.all_images()}
        for place, checkpoint in enumerate(session.classifiers.checkpoints):
            rows = [row for row, name in enumerate(table.checkpoint) if name == checkpoint.name]
            identities = [paths[Path(table.image[row]).name] for row in rows]
            columns = [checkpoint.findings.index(finding) for finding in checkpoint.trained_findings]
            shown = session.scores.logits(checkpoint.digest, identities)[:, columns]
            theirs = table.scores[rows][:, [table.findings.index(f) for f in checkpoint.trained_findings]]
            assert np.array_equal(shown, theirs.astype(np.float32)), (precision, checkpoint.name)
            assert stored(application, place, "cpu", used[place]["precision"]) == 12
            checks = application.engine.in_use[checkpoint.digest].checks
            assert used[place]["checks"] == [dataclasses.asdict(check) for check in checks]
            by_precision[precision, place] = shown
        fallen = [each["checkpoint"] for each in used if each["precision"] != precision]
        said = " ".join(toast.what for toast in application.window.findChildren(Toast))
        assert all(f"{name} computes on CPU fp32, not on CPU {precision}." in said for name in fallen)
        assert read_settings(settings_file())[0].precision == precision or precision == "fp32"
    for precision in ("bf16", "fp16"):
        assert in_use[("fp32", "bf16", "fp16").index(precision)][2]["precision"] == precision
        assert not np.array_equal(by_precision["fp32", 2], by_precision[precision, 2])


def test_that_numbers_of_the_device_before_are_neither_shown_nor_stored_once_another_is_chosen(
    opened: Application,
) -> None:
    assert stored(opened, 0, "cpu", "fp32") == 24
    exact = first_logit(opened, 0)

    opened.window.top.device._precisions["bf16"].trigger()
    assert np.isnan(first_logit(opened, 0))
    predicted(opened, 0, 7.0)  # computed before the engine read that it is to compute otherwise
    assert np.isnan(first_logit(opened, 0))
    assert stored(opened, 0, "cpu", "bf16") == 0

    opened_as(opened, 0, PASSED, precision="bf16")
    predicted(opened, 0, 8.0)
    assert first_logit(opened, 0) == 8.0
    assert stored(opened, 0, "cpu", "bf16") == 1
    assert stored(opened, 0, "cpu", "fp32") == 24

    opened.window.top.device._precisions["fp32"].trigger()
    assert first_logit(opened, 0) == exact


def test_that_a_checkpoint_that_fell_back_shows_and_stores_what_it_really_computed(opened: Application) -> None:
    exact, precisions = first_logit(opened, 0), opened.window.top.device._precisions
    precisions["bf16"].trigger()
    opened_as(opened, 0, PASSED, precision="bf16")
    predicted(opened, 0, 8.0)
    precisions["fp32"].trigger()
    precisions["bf16"].trigger()
    assert first_logit(opened, 0) == 8.0  # stored, and likely to be what is in use

    opened_as(opened, 0, FAILED, precision="fp32")  # not so: another driver, say

    assert first_logit(opened, 0) == exact
    assert len(opened.session.scores.identities(opened.session.classifiers.checkpoints[0].digest)) == 24
    opened_as(opened, 1, PASSED, precision="bf16")
    assert np.isnan(first_logit(opened, 1))
    predicted(opened, 1, 3.0)
    assert stored(opened, 1, "cpu", "bf16") == 1


def test_that_an_evaluation_that_leaves_the_window_says_on_what_its_scores_were_computed(
    opened: Application, tmp_path: Path
) -> None:
    opened.window.top.device._precisions["bf16"].trigger()
    opened_as(opened, 0, FAILED, precision="fp32")
    opened_as(opened, 1, PASSED, precision="bf16")
    predicted(opened, 1, 3.0)
    opened.predicting._show_arrived()

    snapshot = opened.evaluating.snapshot(tmp_path)

    said = json.loads((snapshot.folder / "computed.json").read_text("utf-8"))
    checkpoints = opened.session.classifiers.checkpoints
    assert [each["checkpoint"] for each in said] == [checkpoint.name for checkpoint in checkpoints]
    assert [each["weights_sha256"] for each in said] == [checkpoint.digest for checkpoint in checkpoints]
    assert [(each["device"], each["precision"]) for each in said] == [("cpu", "fp32"), ("cpu", "bf16")]


def test_that_a_choice_is_kept_and_asked_of_the_engine(opened: Application) -> None:
    button = opened.window.top.device
    button._precisions["fp16"].trigger()
    button._devices["auto"].trigger()

    kept, _ = read_settings(settings_file())
    assert (kept.device, kept.precision) == ("auto", "fp16")
    opening = opened.engine._requests._opening
    assert opening is not None
    assert (opening.device, opening.precision) == ("auto", "fp16")
    assert set(opening.folders) == {str(checkpoint.folder) for checkpoint in opened.session.classifiers.checkpoints}
    assert button._precisions["fp16"].isChecked()
    assert button._devices["auto"].isChecked()


def test_that_what_the_computer_has_not_cannot_be_chosen_and_says_why(opened: Application) -> None:
    button = opened.window.top.device
    opened.engine.devices_listed.emit(protocol.DevicesListed(OFFERS))

    assert button._devices["cuda"].isEnabled()
    assert "Card <&> Co" in button._devices["cuda"].text()
    assert not button._devices["mps"].isEnabled()
    assert button._devices["mps"].toolTip() == "No Metal."
    assert button._devices["auto"].text() == "automatic: CUDA"
    assert button._precisions["bf16"].isEnabled()  # the processor, which is chosen, has it
    button._devices["cuda"].trigger()
    assert not button._precisions["bf16"].isEnabled()
    assert button._precisions["bf16"].toolTip() == "too old."


def test_that_the_tool_tip_and_the_dialog_say_what_computes_and_what_the_checks_gave(
    opened: Application, qtbot: QtBot
) -> None:
    opened.engine.devices_listed.emit(protocol.DevicesListed(OFFERS))
    names = [checkpoint.name for checkpoint in opened.session.classifiers.checkpoints]
    request = opened.engine._requests._opening.request  # type: ignore[union-attr]
    for place, (checks, precision) in enumerate([((NO_NUMBERS, FAILED), "fp32"), ((PASSED,), "bf16")]):
        checkpoint = opened.session.classifiers.checkpoints[place]
        opened.engine._receive(
            protocol.CheckpointOpened(
                request, str(checkpoint.folder), checkpoint.digest, f"CPU {precision} · x", "cpu", precision, checks
            )
        )
    button = opened.window.top.device
    assert button.text() == "device: CPU fp32, CPU bf16"
    tip = button.toolTip()
    assert tip.index(names[0]) < tip.index("CUDA fp32 is not used: No memory.") < tip.index(names[1])
    failed, passed = tip.split(names[1])
    assert "CPU bf16 is not used" in failed
    assert "from CPU fp32: probability 0.05 (at most 0.01), logit 0.9 (at most 0.2)" in failed
    assert "CPU bf16 was checked" in passed
    assert "from CPU fp32: probability 0.001 (at most 0.01)" in passed

    opened.window.actions_by_name["device"].trigger()
    (box,) = opened.window.findChildren(QMessageBox)
    assert box.textFormat() == Qt.TextFormat.RichText
    for words in ("Card &lt;&amp;&gt; Co, 48 GiB", "No Metal.", "bf16: too old.", *names, "at most 0.2"):
        assert words in box.text()
    box.close()
    assert (
        device_words.use_lines(opened.engine.in_use[opened.session.classifiers.checkpoints[1].digest])[0]
        == "CPU bf16 · x"
    )


def test_that_what_had_to_be_done_otherwise_is_told_in_the_window(opened: Application) -> None:
    opened.engine._receive(protocol.Warned(0, "", "B computes 4 images at a time.", "Memory.", "Nothing."))

    toasts = {toast.what: toast.details for toast in opened.window.findChildren(Toast)}
    assert toasts["B computes 4 images at a time."] == "Memory. Nothing."
