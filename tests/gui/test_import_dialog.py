"""The import dialog with its real child process, from a file that is dropped to a checkpoint that is compared."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints import Preprocessing, read_checkpoint
from xferviewer.gui.app import Application
from xferviewer.gui.import_client import ImportProgress
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.import_dialog import ImportDialog

LONG = 120_000
FINDINGS = ("Edema", "Effusion", "Mass")
Drop = Callable[[QWidget, list[Path]], None]

# In a child process: this one stays as free of torch as the window is.
_MAKE_FILES = """
import os, pickle, sys, zipfile
from pathlib import Path
import timm, torch

out = Path(sys.argv[1])
torch.manual_seed(0)
network = timm.create_model("resnet18", num_classes=3)
state = network.state_dict()
torch.save({"state_dict": {f"module.{key}": values for key, values in state.items()}}, out / "lab.pth")
(out / "cut.pth").write_bytes((out / "lab.pth").read_bytes()[:100_000])
torch.save({key: values for key, values in state.items() if not key.startswith("fc.")}, out / "trunk.pth")
small = {key: torch.zeros(1) for key in state}
torch.save(small, out / "alike.pth")
torch.save(small | {"bn1.weight": torch.tensor([float("nan")])}, out / "nan.pth")

class Trap:
    def __reduce__(self):
        return os.system, (f"touch {out}/trapped",)

torch.save({"a": Trap(), **small}, out / "trap.pth")
(out / "bare.pkl").write_bytes(pickle.dumps(Trap(), 2))
torch.save(small, out / "plain.pth")
with zipfile.ZipFile(out / "plain.pth") as plain, zipfile.ZipFile(
    out / "bomb.pt", "w", zipfile.ZIP_DEFLATED
) as bomb:
    for entry in plain.infolist():
        bomb.writestr(entry.filename, plain.read(entry))
    bomb.writestr("plain/data/999", bytes(300_000_000))
"""


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good file of weights, one without a head, and some that are broken or mean harm."""
    folder = tmp_path_factory.mktemp("weights")
    subprocess.run([sys.executable, "-c", _MAKE_FILES, folder], check=True)
    return folder


def shown_dialog(application: Application) -> ImportDialog:
    dialog = application.importing.dialog
    assert dialog is not None
    return dialog


def wait_for_look(dialog: ImportDialog, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: dialog.client.work is None, timeout=LONG)


def choose_preset(dialog: ImportDialog, name: str) -> None:
    """As a person chooses from the list."""
    box = dialog.preprocessing.preset_box
    box.choose(name)
    assert box.value == name
    box.activated.emit(box.currentIndex())


def command(*words: str) -> str:
    asked = [sys.executable, "-m", "xferviewer", *words]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def test_that_a_dropped_file_becomes_a_compared_checkpoint_whose_numbers_are_those_of_the_command_line(
    opened: Application, files: Path, drop: Drop, tmp_path: Path, qtbot: QtBot
) -> None:
    drop(opened.window, [files / "lab.pth"])
    dialog = shown_dialog(opened)
    assert not dialog.import_.isEnabled()
    wait_for_look(dialog, qtbot)
    assert dialog.file.candidate.architecture == "resnet18"
    assert "resnet34" in [each.architecture for each in dialog._report.candidates]
    assert "“module.”" in dialog.file.done.text()
    assert "3 logits" in dialog.import_.toolTip()

    dialog.findings.name_from("\n".join(FINDINGS))
    dialog.findings.table.item(2, 0).setCheckState(Qt.CheckState.Unchecked)
    assert "choose" in dialog.fields["preset"].fault.text()
    choose_preset(dialog, "imagenet")
    dialog.preprocessing.texts["size"].setText("128, 160")
    dialog.preprocessing.texts["size"].textEdited.emit("128, 160")
    qtbot.keyClicks(dialog.card.origin, "a laboratory's own")
    qtbot.waitUntil(lambda: dialog.preview.shown is not None, timeout=LONG)
    previewed = dialog.preview.shown
    assert (previewed.size, previewed.channels) == ((128, 160), 3)
    assert dialog.preview.table.item(0, 0).text() == "Edema"
    assert -2.2 < previewed.minimum < -1 < 1 < previewed.maximum < 2.7
    assert dialog.preview.picture.pixmap().height() > 0

    assert dialog.import_.isEnabled()
    qtbot.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    same = shlex.split(QGuiApplication.clipboard().text())
    with qtbot.waitSignal(opened.importing.imported, timeout=LONG):
        qtbot.mouseClick(dialog.import_, Qt.MouseButton.LeftButton)
    made = opened.session.classifiers.checkpoints[-1]
    assert made.folder == opened.folders.home / "checkpoints" / "lab"
    assert opened.importing.dialog is None
    assert str(made.folder) in opened.settings.now.checkpoints
    assert made.trained_findings == FINDINGS[:2]
    assert made.preprocessing == Preprocessing(
        (128, 160), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "shorter", 0.875
    )
    assert made.card.initialisation[0].source == "a laboratory's own"

    same[same.index("--out") + 1] = str(tmp_path / "again")
    told = json.loads(command(*same[1:], "--json"))
    again = read_checkpoint(tmp_path / "again")
    assert (again.digest, told["preprocessing_digest"]) == (made.digest, made.preprocessing.digest)
    assert made.card.command.replace(str(made.folder), str(again.folder)) == again.card.command
    readme = (made.folder / "README.md").read_text("utf-8")
    assert (
        readme.replace(str(made.folder), str(again.folder)).split()
        == (again.folder / "README.md").read_text("utf-8").split()
    )
    assert (made.folder / "config.json").read_bytes() == (again.folder / "config.json").read_bytes()

    identity = opened.session.shown.reference.identity
    opened.engine.start()
    qtbot.waitUntil(lambda: not np.isnan(opened.session.scores.logits(made.digest, [identity])).any(), timeout=LONG)
    in_window = opened.session.scores.logits(made.digest, [identity])[0]
    film = opened.session.shown.reference.path
    (tmp_path / "films.csv").write_text(f"path\n{film}\n")
    command(
        "predict", "--checkpoint", str(made.folder), "--images", str(tmp_path / "films.csv"), "--out",
        str(tmp_path / "logits.csv"), "--device", "cpu", "--logits",
    )  # fmt: skip
    with (tmp_path / "logits.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    written = np.array([np.float32(row[finding]) for finding in FINDINGS if row.get(finding)])
    assert len(written) >= 2
    assert np.array_equal(written, in_window[: len(written)])
    assert np.array_equal(np.array(previewed.logits, np.float32), in_window)


def test_that_hostile_and_broken_files_are_refused_in_words_and_nothing_runs(
    opened: Application, files: Path, qtbot: QtBot
) -> None:
    opened.opening.open([files / "trap.pth"])
    dialog = shown_dialog(opened)
    for name, why in [
        ("trap.pth", "would run a command"),
        ("bare.pkl", "torch did not write"),
        ("bomb.pt", "declare more bytes than the file has"),
        ("cut.pth", "damaged or cut off"),
        ("nan.pth", "bn1.weight holds values that are not finite"),
        ("missing.pth", "could not be"),
    ]:
        dialog.show_file(files / name)
        wait_for_look(dialog, qtbot)
        assert why in dialog.file.refused.text()
        assert name in dialog.file.refused.text()
        assert not dialog.import_.isEnabled()
        assert dialog.import_.toolTip()
    assert not (files / "trapped").exists()

    dialog.show_file(files / "alike.pth")
    wait_for_look(dialog, qtbot)
    assert "conv1.weight" in dialog.fields["architecture"].fault.text()
    dialog.file.named.setText("resnet999")
    qtbot.mouseClick(dialog.file.compare, Qt.MouseButton.LeftButton)
    wait_for_look(dialog, qtbot)
    assert "no architecture named resnet999" in dialog.file.refused.text()
    dialog.file.named.setText("densenet121")
    qtbot.mouseClick(dialog.file.compare, Qt.MouseButton.LeftButton)
    wait_for_look(dialog, qtbot)
    assert dialog.file.candidate.architecture == "densenet121"
    assert "densenet121" in dialog.fields["architecture"].fault.text()

    dialog.show_file(files / "trunk.pth")
    wait_for_look(dialog, qtbot)
    assert "network.weights" in dialog.fields["architecture"].fault.text()
    assert not dialog.import_.isEnabled()
    assert opened.window.isVisible()
    child = dialog.client.process_id
    dialog.reject()
    assert child > 0
    assert not Path(f"/proc/{child}").exists() or sys.platform != "linux"


def test_that_stopping_an_import_leaves_nothing_half_written_and_it_can_be_done_again(
    opened: Application, files: Path, qtbot: QtBot
) -> None:
    opened.opening.open([files / "lab.pth"])
    dialog = shown_dialog(opened)
    wait_for_look(dialog, qtbot)
    dialog.findings.name_from("a,b,c")
    choose_preset(dialog, "half")
    folder = dialog.card.folder.parent
    half_written: list[Path] = []

    def stop_while_writing(progress: ImportProgress) -> None:
        if (progress.work, progress.stage) == ("import", "writing"):
            while not half_written:  # the child goes on meanwhile
                half_written.extend(folder.glob(".lab.*") if folder.exists() else ())
            dialog.stop.click()

    dialog.client.progressed.connect(stop_while_writing)
    qtbot.mouseClick(dialog.import_, Qt.MouseButton.LeftButton)
    assert not dialog.card.isEnabled()
    qtbot.waitUntil(lambda: bool(half_written) and dialog.client.work is None, timeout=LONG)
    assert list(folder.iterdir()) == []
    assert "nothing was written" in dialog.status.text()
    assert dialog.client.process_id == 0
    dialog.client.progressed.disconnect(stop_while_writing)
    assert dialog.import_.isEnabled()
    with qtbot.waitSignal(opened.importing.imported, timeout=LONG):
        qtbot.keyClick(dialog, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert [path.name for path in folder.iterdir()] == ["lab"]

    opened.opening.open([files / "lab.pth"])  # the same weights once more, under another name
    dialog = shown_dialog(opened)
    assert dialog.client.work == "look"
    wait_for_look(dialog, qtbot)
    assert dialog.card.folder.name == "lab-2"
    dialog.card.out.setText(str(folder / "lab"))
    dialog.card.out.textEdited.emit("")
    assert "not empty" in dialog.fields["out"].fault.text()
    dialog.card.write_below(folder)
    dialog.findings.name_from("a,b,c")
    choose_preset(dialog, "imagenet")
    with qtbot.waitSignal(opened.importing.imported, timeout=LONG):
        qtbot.mouseClick(dialog.import_, Qt.MouseButton.LeftButton)
    assert (folder / "lab-2" / "README.md").is_file()
    assert len(opened.session.classifiers.checkpoints) == 3
    assert any("not compared yet" in toast.what for toast in opened.window.findChildren(Toast))


def test_that_a_child_that_dies_is_told_and_the_next_file_starts_another_with_what_stands_beside_it(
    opened: Application, files: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    opened.opening.open([files / "lab.pth"])
    dialog = shown_dialog(opened)
    qtbot.waitUntil(lambda: dialog.client.process_id > 0, timeout=LONG)
    os.kill(dialog.client.process_id, 9)
    qtbot.waitUntil(lambda: "ended unexpectedly" in dialog.file.refused.text(), timeout=LONG)
    assert dialog.client.process_id == 0
    (files / "lab.pth.toml").write_text(
        'architecture = "resnet18"\nfindings = ["x", "y", "z"]\nuntrained = ["y"]\ntask = "multi-class"\n'
        'license = "MIT"\ntitle = "<b>Ours</b>"\n[preprocessing]\nsize = [96, 96]\nmean = [0.1, 0.2, 0.3]\n'
        "std = [0.123456789, 1.0, 1.0]\n"
    )
    try:
        dialog.show_file(files / "lab.pth")
        wait_for_look(dialog, qtbot)
    finally:
        (files / "lab.pth.toml").unlink()
    assert dialog.import_.isEnabled(), dialog.import_.toolTip()
    assert dialog.findings.names == ("x", "y", "z")
    assert dialog.findings.untrained == (1,)
    words = shlex.split(dialog.command.text())
    assert words[words.index("--std") + 1] == "0.123456789,1.0,1.0"
    assert words[words.index("--task") + 1] == "multi-class"
    assert (dialog.card.license.text(), dialog.card.title.text()) == ("MIT", "<b>Ours</b>")

    (tmp_path / "names.csv").write_text("place,finding\n1,no\n2,yes\n3,perhaps\n")
    dialog.findings.read_from(tmp_path / "names.csv")
    assert dialog.findings.names == ("no", "yes", "perhaps")
    assert dialog.findings.untrained == ()
    assert "--untrained=" in dialog.command.text()  # else the file beside it would be asked
    (tmp_path / "names.json").write_text("{")
    dialog.findings.read_from(tmp_path / "names.json")
    assert "names.json gives no findings" in dialog.fields["findings"].fault.text()
    assert dialog.findings.names == ("no", "yes", "perhaps")
    QGuiApplication.clipboard().setText("a; b; c; d")
    qtbot.keyClick(dialog.findings.table, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert "take 1 away" in dialog.fields["findings"].fault.text()
    assert not dialog.import_.isEnabled()


def test_that_files_of_keras_and_onnx_are_refused_with_the_reason_and_no_dialog(
    opened: Application, tmp_path: Path, drop: Drop
) -> None:
    for name, why in [("net.h5", "TensorFlow"), ("net.keras", "TensorFlow"), ("net.onnx", "graph")]:
        (tmp_path / name).write_bytes(b"\x89HDF")
        drop(opened.window, [tmp_path / name])
        details = {toast.what: toast.details for toast in opened.window.findChildren(Toast)}
        assert why in details[f"{name} cannot be imported."]
    assert opened.importing.dialog is None


def test_that_the_dialog_is_worked_by_keyboard(opened: Application, qtbot: QtBot) -> None:
    dialog = ImportDialog(opened.session, opened.folders.home / "checkpoints", opened.window)
    dialog.show()
    qtbot.waitExposed(dialog)
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    passed = []
    for _ in range(60):
        dialog.focusNextChild()
        widget = dialog.focusWidget()
        if widget in passed:
            break
        passed.append(widget)
    names = {widget.accessibleName() for widget in passed}
    wanted = {"Architecture", "Findings", "Published findings", "Task", "Short name", "Folder"}
    assert wanted <= names
    assert all(names), [type(widget).__name__ for widget in passed if not widget.accessibleName()]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_that_logits_of_a_checkpoint_that_was_removed_are_not_those_of_one_with_another_preprocessing(
    opened: Application,
) -> None:
    first, second = opened.session.classifiers.checkpoints
    images = list(opened.session.scores.identities(first.digest))
    assert len(images) == 24
    opened.session.set_checkpoints([second])
    card = replace(first.card, preprocessing=replace(first.preprocessing, polarity="inverted"))
    opened.session.checkpoints_changed.disconnect(opened.predicting._new_checkpoints)
    opened.session.set_checkpoints([second, replace(first, card=card)])
    assert not opened.session.scores.identities(first.digest)
    assert np.isnan(opened.session.scores.logits(first.digest, images)).all()
    assert not np.isnan(opened.session.scores.logits(second.digest, images)).any()
