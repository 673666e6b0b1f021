"""Pictures of the three perspectives, and what must be true of them: nothing clipped, nothing empty, films large.

With `--screenshots=DIR` the pictures are those of the documentation: the demo cohort with the bundled checkpoints.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QBuffer, QPoint, QRect, QSize
from PySide6.QtGui import QColor, QFont, QImage
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QDockWidget, QLabel, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints.import_report import Candidate, FileReport, InputPreview
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.run_progress import RunProgress
from xferviewer.gui import theme
from xferviewer.gui.app import Application
from xferviewer.gui.field import Fold
from xferviewer.gui.main_window import MainWindow
from xferviewer.gui.notify import Toast
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.import_dialog import ImportDialog
from xferviewer.jobs.data_spec import PhantomData
from xferviewer.jobs.folder import JobFolder, list_jobs
from xferviewer.jobs.spec import read_spec
from xferviewer.processes import own_command
from xferviewer.resources import bundled_checkpoints
from xferviewer.settings import Settings

LONG = 570_000
SETTLED = 10_000
PERSPECTIVES = ("read", "evaluate", "train")
SPEC = Path(__file__).parents[2] / "models/specs/lite0-probe.toml"


@pytest.fixture(autouse=True)
def _one_font(qapp: QApplication) -> Iterator[None]:
    """The font that Makefile and CI install, in the application's size."""
    before = qapp.font()
    font = QFont("DejaVu Sans")
    font.setPointSize(before.pointSize())
    qapp.setFont(font)
    yield
    qapp.setFont(before)


@pytest.fixture
def pictured(request: pytest.FixtureRequest, qtbot: QtBot, colours: str, _themed: None) -> Application:
    """The window as it is to be pictured: the demo with `--screenshots`, else the small cohort."""
    if not request.config.getoption("screenshots"):
        application: Application = request.getfixturevalue("opened")
    else:
        make: Callable[..., Application] = request.getfixturevalue("make_application")
        application = make(demo=True, chosen=Settings(device="cpu", notice_seen=True, theme=colours))
        application.window.show()
        application.start()
        qtbot.waitUntil(lambda: application.predicting.running, timeout=LONG)
        qtbot.waitUntil(lambda: not application.predicting.running and not application.library.indexing, timeout=LONG)
        application.session.set_finding("Effusion")
        truth = {study.id: study.labels for study in application.session.studies}
        row = next(row for row, study in enumerate(application.session.studies) if truth[study.id] == "Effusion")
        application.library.show_study(row)
        digests = [checkpoint.weights_sha256 for checkpoint in application.session.classifiers.checkpoints]
        qtbot.waitUntil(lambda: all(map(application.session.maps.of, digests)), timeout=LONG)
        for toast in application.window.findChildren(Toast):
            toast.close_now()
    show_a_job(application, at_work=bool(request.config.getoption("screenshots")))
    application.window.training.form.estimate_asked.disconnect()  # a picture waits for no other process
    return application


def show_a_job(application: Application, *, at_work: bool) -> None:
    """A real specification that waits for its turn; for the documentation one that has run: no number is made up."""
    spec = read_spec(SPEC)
    if not at_work:
        JobFolder.create(application.folders.jobs / spec.name, spec).log("Waits for its turn.")
        return
    # from a bundled checkpoint: the package with ImageNet's weights need not be installed
    weights = next(str(folder) for folder in bundled_checkpoints() if folder.name == "lite0-imagenet")
    spec = replace(
        spec, data=replace(spec.data, phantom=PhantomData("A", 120, 101)), recipe=replace(spec.recipe, epochs=8),
        network=replace(spec.network, weights=weights), held_out=(),
    )  # fmt: skip
    job = JobFolder.create(application.folders.jobs / spec.name, spec)
    subprocess.run(own_command("train", "--job", str(job.path), "--now"), check=True, capture_output=True)


def show(application: Application, perspective: str, size: QSize, qtbot: QtBot) -> MainWindow:
    """The window in this size, laid out as at the first start."""
    window = application.window
    window.resize(size)
    window.show_perspective(perspective)
    qtbot.waitUntil(lambda: window.size() == size)
    qtbot.waitUntil(lambda: window.perspectives[perspective].was_shown)
    window.actions_by_name["reset_layout"].trigger()
    qtbot.wait(50)  # panels take their widths and heights in two steps
    if perspective == "train":
        window.jobs.table.selectRow(0)
        window.messages.list.setCurrentRow(0)
        told = any(event["kind"] == "epoch" for job in list_jobs(application.folders.jobs) for event in job.events())
        qtbot.waitUntil(lambda: not told or window.training.job.epochs.rowCount() > 0, timeout=LONG)
    return window


def pixels(picture: QImage) -> np.ndarray:
    """(rows, columns) uint32, one number a colour."""
    picture = picture.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(picture.constBits(), np.uint32).reshape(picture.height(), picture.bytesPerLine() // 4)
    return rows[:, : picture.width()].copy()  # the bits go with the picture


def is_cut(label: QLabel) -> bool:
    if label.wordWrap():
        return label.heightForWidth(label.width()) > label.height() + 1
    needed = label.sizeHint()
    return needed.width() > label.width() + 1 or needed.height() > label.height() + 1


def is_seen(widget: QWidget) -> bool:
    """Visible, and not in a tab behind another one: that lies outside its window, and counts as visible for Qt."""
    window = widget.window()
    return widget.isVisible() and window.rect().intersects(QRect(widget.mapTo(window, QPoint()), widget.size()))


def cut_texts(window: QWidget) -> list[str]:
    """What cannot be read whole: labels, buttons and the choice that a combo box shows."""
    cut = [label.text() for label in window.findChildren(QLabel) if is_seen(label) and label.text() and is_cut(label)]
    for button in window.findChildren(QAbstractButton):
        needed = button.fontMetrics().horizontalAdvance(button.text())
        if is_seen(button) and button.text() and needed > button.width():
            cut.append(button.text())
    for bar in window.findChildren(QTabBar):
        room = [(bar.tabText(tab), bar.tabRect(tab).width() - 4 * GRID) for tab in range(bar.count()) if is_seen(bar)]
        cut += [text for text, width in room if bar.fontMetrics().horizontalAdvance(text) > width]
    boxes = [box for box in window.findChildren(QComboBox) if is_seen(box)]
    cut += [b.currentText() for b in boxes if b.fontMetrics().horizontalAdvance(b.currentText()) > b.width() - 24]
    return cut


def settle(window: QWidget, qtbot: QtBot) -> None:
    """Wait for the words that come late: a number may take its thread a while, and its panel is laid out after that."""
    with contextlib.suppress(qtbot.TimeoutError):
        qtbot.waitUntil(lambda: not cut_texts(window), timeout=SETTLED)


def bring_forward(panel: QWidget, qtbot: QtBot) -> None:
    """Show a panel that may be in a tab behind others, and wait for what it computes."""
    dock = panel.parentWidget()
    if isinstance(dock, QDockWidget):
        dock.raise_()
    qtbot.waitUntil(lambda: is_seen(panel))
    qtbot.wait(100)


@pytest.mark.parametrize("colours", ["dark", "light"])
def test_that_the_perspectives_are_pictured_without_clipped_text_and_empty_panels(
    pictured: Application, colours: str, qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All three with one application: for the documentation it predicts and trains before they are taken."""
    for perspective in PERSPECTIVES:
        window = show(pictured, perspective, QSize(1600, 950), qtbot)
        settle(window, qtbot)
        if perspective == "evaluate":
            words = window.evaluate.disagreement.heading
            qtbot.waitUntil(lambda words=words: bool(words.text()), timeout=LONG)
            qtbot.wait(100)
        panes = [pane.height() for pane in window.compare.panes]
        assert max(panes) - min(panes) <= 2
        picture = window.grab().toImage()
        written = tmp_path / (f"{perspective}.png" if colours == "dark" else f"{perspective}-{colours}.png")
        assert picture.save(str(written))
        kept: Path | None = request.config.getoption("screenshots")
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(written, kept / written.name)
        assert (picture.width(), picture.height()) == (1600, 950)
        docks = window.perspectives[perspective].findChildren(QDockWidget)
        for panel in (window.perspectives[perspective].centralWidget(), *(dock.widget() for dock in docks)):
            bring_forward(panel, qtbot)
            settle(window, qtbot)
            assert cut_texts(window) == [], perspective
            colours_seen, counts = np.unique(pixels(panel.grab().toImage()), return_counts=True)
            assert counts.max() < 0.99 * counts.sum(), f"{panel.accessibleName() or type(panel).__name__} is empty"
            assert len(colours_seen) > 8


FORM = "new-job"


def show_form(application: Application, size: QSize, qtbot: QtBot) -> MainWindow:
    """The form of a new job, filled in for phantom films."""
    window = show(application, "train", size, qtbot)
    form = window.training.form
    window.new_job()
    form.images.known.choose("phantom")
    form.images.known.activated.emit(0)
    form.tabs.setCurrentIndex(0)
    qtbot.wait(50)
    return window


def test_that_the_form_of_a_new_job_is_pictured(
    pictured: Application, qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    window = show_form(pictured, QSize(1600, 950), qtbot)
    picture = window.grab().toImage()
    kept: Path | None = request.config.getoption("screenshots")
    assert picture.save(str((kept or tmp_path) / f"{FORM}.png"))
    assert window.training.form.spec is not None
    assert cut_texts(window) == []


@pytest.mark.parametrize(("colours", "size"), [("dark", QSize(1440, 900)), ("light", QSize(1024, 700))])
def test_that_nothing_is_clipped_in_the_form_and_in_the_view_of_a_job(
    pictured: Application, colours: str, size: QSize, qtbot: QtBot, qapp: QApplication
) -> None:
    """In the Train perspective alone, which may be smaller than the window; open and wrong wherever that can be."""
    font = qapp.font()
    theme.apply(qapp, theme.read_theme(colours))
    qapp.setFont(font)
    window = show_form(pictured, QSize(1440, 900), qtbot)
    train, form = window.perspectives["train"], window.training.form
    train.setParent(None)
    train.resize(size)
    train.show()
    qtbot.waitUntil(lambda: train.size() == size)
    for fold in train.findChildren(Fold):
        fold.open()
    for path in ("recipe.epochs", "recipe.learning_rate"):
        form.recipe.first.controls[path].setText("wrong")
        form.recipe.first.controls[path].textEdited.emit("wrong")
    bar = form.scrolled.verticalScrollBar()
    for place in range(0, bar.maximum() + 1, max(1, bar.maximum() // 6)):
        bar.setValue(place)
        qtbot.wait(10)
        assert cut_texts(train) == []
    assert not form.scrolled.horizontalScrollBar().isVisible()
    for tab in range(form.tabs.count()):
        form.tabs.setCurrentIndex(tab)
        assert cut_texts(train) == []
    form.close_.click()
    for tab in range(window.training.job.tabs.count()):
        window.training.job.tabs.setCurrentIndex(tab)
        qtbot.wait(10)
        assert cut_texts(train) == []
    train.close()
    train.deleteLater()
    theme.apply(qapp, theme.read_theme("dark"))


@pytest.mark.parametrize("perspective", PERSPECTIVES)
def test_that_nothing_is_clipped_on_a_small_screen(pictured: Application, perspective: str, qtbot: QtBot) -> None:
    if pictured.window.minimumSizeHint().width() > 1280 or pictured.window.minimumSizeHint().height() > 768:
        pytest.fail(f"the window needs {pictured.window.minimumSizeHint()}")
    window = show(pictured, perspective, QSize(1280, 768), qtbot)
    for dock in window.perspectives[perspective].findChildren(QDockWidget):
        bring_forward(dock.widget(), qtbot)
        assert cut_texts(window) == []


REPORT = FileReport(
    "densenet121-a-name-as-long-as-laboratories-give-them-fold3-epoch27-best.pth", "torch.save, as before version 1.6",
    32_345_678, "5f" * 32, 728, 7_988_000, "features.conv0.weight",
    ("Taken from “state_dict”, not from “model”.", "“module.” was taken off every name.",
     "Left out criterion.weight, val_auroc.preds and 4 more: no part of the network's function."),
    ("densenet121-a-name-as-long-as-laboratories-give-them-fold3-epoch27-best.pth.toml",),
    candidates=(
        Candidate("densenet121", 0, outputs=14, head="linear", size=(224, 224)),
        Candidate("densenet169", 240, "It has no features.denseblock3.denselayer25.norm1.weight"),
    ),
)  # fmt: skip


def a_preview() -> InputPreview:
    """A grey ramp that nobody's network has seen."""
    written = QBuffer()
    ramp = QImage(224, 224, QImage.Format.Format_Grayscale8)
    for value in range(224):
        for row in range(224):
            ramp.setPixel(value, row, QColor(value, value, value).rgb())
    ramp.save(written, "PNG")
    picture = base64.b64encode(bytes(written.data().data())).decode()
    return InputPreview(
        picture, (224, 224), 3, -1024.0, 1024.0, -17.25, 512.5, tuple("abcdefghijklmn"), (-12.3456,) * 14,
        (0.001,) * 14, "0" * 64,
    )  # fmt: skip


@pytest.mark.parametrize("colours", ["dark", "light"])
@pytest.mark.parametrize("complete", [False, True])
def test_that_nothing_is_clipped_in_the_import_dialog(
    pictured: Application, colours: str, complete: bool, qtbot: QtBot, qapp: QApplication, tmp_path: Path
) -> None:  # fmt: skip
    font = qapp.font()
    theme.apply(qapp, theme.read_theme(colours))
    qapp.setFont(font)
    dialog = ImportDialog(pictured.session, tmp_path / "checkpoints", pictured.window)
    dialog.client.preview = lambda *_: None  # type: ignore[method-assign]
    dialog._file = tmp_path / REPORT.file
    dialog._take_report(REPORT)
    if complete:
        dialog.findings.vocabulary.choose("nih-14")
        dialog.findings.vocabulary.activated.emit(1)
        dialog.preprocessing.preset_box.choose("chestx-ray")
        dialog.preprocessing.preset_box.activated.emit(1)
        dialog._take_preview(a_preview())
    else:
        dialog.card.name.setText("")
        dialog._take_failure("import", XferviewerError("The weights were not imported.", "why " * 30, "todo " * 20))
        dialog.preprocessing.preset_box.choose("imagenet")
        dialog.preprocessing.preset_box.activated.emit(1)
        dialog.preprocessing.texts["mean"].setText("a")
        dialog.preprocessing.texts["mean"].textEdited.emit("a")
        dialog.preview.show_words("", "It does not compute images of 300 by 300: " + "sizes of tensors " * 20)
    dialog._settle.timeout.disconnect()  # its words about the preview would come while this looks
    dialog.show()
    qtbot.waitExposed(dialog)
    settle(dialog, qtbot)
    assert dialog.import_.isEnabled() == complete, dialog.import_.toolTip()
    assert dialog.width() <= 1280
    assert dialog.height() <= 720 - 40  # a title bar
    bar = dialog.sections.verticalScrollBar()
    for place in (0, bar.maximum() // 2, bar.maximum()):
        bar.setValue(place)
        settle(dialog, qtbot)
        assert cut_texts(dialog) == []
    assert not dialog.sections.horizontalScrollBar().isVisible()
    dialog.reject()
    theme.apply(qapp, theme.read_theme("dark"))


def test_that_nothing_is_clipped_in_the_preferences(pictured: Application, qtbot: QtBot) -> None:
    dialog = pictured.window.preferring.ask()
    qtbot.waitExposed(dialog)
    for page in range(dialog.tabs.count()):
        dialog.tabs.setCurrentIndex(page)
        settle(dialog, qtbot)
        assert cut_texts(dialog) == []
    dialog.reject()


def test_that_films_take_three_fifths_of_the_window(pictured: Application, qtbot: QtBot) -> None:
    window = show(pictured, "read", QSize(1440, 900), qtbot)
    films = window.compare.films
    assert films.width() * films.height() >= 0.6 * 1440 * 900
    for pane in window.compare.panes:
        seen = pixels(pane.grab().toImage())
        assert len(np.unique(seen)) > 200  # a film and a map over it


def test_that_panes_of_one_study_differ_in_their_maps_only(pictured: Application, qtbot: QtBot) -> None:
    window = show(pictured, "read", QSize(1440, 900), qtbot)
    maps = [np.asarray(pane._overlay.image) for pane in window.compare.panes]
    assert maps[0].shape != maps[1].shape or (maps[0] != maps[1]).any()
    window.actions_by_name["overlay"].trigger()
    films = [np.asarray(pane._film.image) for pane in window.compare.panes]
    assert all((film == films[0]).all() for film in films)


def test_that_messages_and_progress_leave_the_referral_and_the_films_their_room(
    pictured: Application, qtbot: QtBot
) -> None:
    window = show(pictured, "read", QSize(1440, 900), qtbot)
    films, bar = window.compare.films.size(), window.referral.height()
    window.notifier.tell("The engine stopped unexpectedly and is started again; 51 images are still to be predicted.")
    qtbot.wait(1)
    assert window.compare.films.size() == films
    assert window.status.last_message.text().endswith("…")
    window.status.work.show_prediction(RunProgress(39, 90, 2.0))
    qtbot.wait(1)
    assert window.referral.height() <= bar + window.fontMetrics().height() + 8  # one more line of text at most
    assert not window.status.last_message.isVisible()
    assert cut_texts(window) == []
    window.status.work.show_prediction(RunProgress(90, 90, 2.0))
    assert window.status.last_message.isVisible()
