"""The window, built as the application builds it, on real files; and a watch that nothing outlives its test."""

from __future__ import annotations

import csv
import gc
import os
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # read when the QApplication is made

import numpy as np
import pydicom
import pyqtgraph as pg
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QMimeData, QPoint, QPointF, Qt, QThread, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui import theme
from xferviewer.gui.app import Application, Folders
from xferviewer.gui.notify import Toast
from xferviewer.protocol import Explained
from xferviewer.settings import Settings

LONG = 120_000
"""Milliseconds within which an engine on a busy machine has loaded its libraries and answered."""

STUDIES_EXPLAINED = 3


# pyqtgraph passes over moves of the mouse that come within 10 ms of one another, which only a test's hand can do.
pg.setConfigOption("mouseRateLimit", 0)


@pytest.fixture(scope="session", autouse=True)
def _look(qapp: QApplication) -> None:
    """Palette, fonts and style sheet as in the application."""
    theme.apply(qapp, theme.read_theme("dark"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings of whoever runs it."""
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


def _children() -> set[int]:
    """Process ids of this process's children; empty where the system does not list them in /proc."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(child) for path in lists for child in path.read_text().split()} if sys.platform == "linux" else set()


def _delete_now() -> None:
    gc.collect()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note whether a test failed: its traceback keeps what it worked with."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True)
def _no_leaks(request: pytest.FixtureRequest, qtbot: QtBot, qapp: QApplication) -> Iterator[None]:
    """Afterwards there are no windows, threads and child processes that there were not before."""
    _delete_now()
    windows, threads, children = set(qapp.topLevelWidgets()), set(threading.enumerate()), _children()
    yield
    if request.node.stash.get(_FAILED, False):
        return
    request.node.funcargs.clear()  # pytest would keep what the test was given until after this

    # By `type`: some objects of torch warn when they are asked for their class, and a warning fails a test.
    def nothing_is_left() -> None:
        _delete_now()
        assert not set(qapp.topLevelWidgets()) - windows
        assert not set(threading.enumerate()) - threads
        assert not [thread for thread in gc.get_objects() if issubclass(type(thread), QThread) and thread.isRunning()]
        assert not _children() - children

    qtbot.waitUntil(nothing_is_left, timeout=10_000)


MakeApplication = Callable[..., Application]


@pytest.fixture
def make_application(qtbot: QtBot, tmp_path: Path) -> Iterator[MakeApplication]:
    """Builds an application in a home and closes it when the test is over; nothing is started yet."""
    made: list[Application] = []

    def make(home: Path = tmp_path / "home", chosen: Settings | None = None, *, demo: bool = False) -> Application:
        home.mkdir(parents=True, exist_ok=True)
        settings = chosen or Settings(device="cpu", notice_seen=True)
        application = Application(Folders.under(home, demo=demo), settings, demo=demo)
        made.append(application)
        return application

    yield make
    for application in made:
        end(application)


def end(application: Application) -> None:
    """Close an application as its `run` does, and delete its window."""
    application.window.close()
    application.close()
    application.window.deleteLater()
    application.deleteLater()
    _delete_now()


@dataclass(frozen=True)
class Prepared:
    """A home with everything indexed and predicted, and the maps of the first studies, by image and checkpoint."""

    home: Path
    explained: dict[tuple[str, str], Explained]


@pytest.fixture(scope="session")
def prepared(
    request: pytest.FixtureRequest,
    qapp: QApplication,
    tmp_path_factory: pytest.TempPathFactory,
    cohort: Path,
    checkpoints: list[Path],
) -> Prepared:
    """Index and predict the cohort once, by the application itself with its real engine."""
    home = tmp_path_factory.mktemp("prepared")
    chosen = Settings(device="cpu", notice_seen=True, checkpoints=tuple(map(str, checkpoints)))
    application = Application(Folders.under(home, demo=False), chosen, demo=False)
    bot = QtBot(request)
    explained: dict[tuple[str, str], Explained] = {}
    application.engine.explained.connect(
        lambda message: explained.update({(message.identity, message.checkpoint): message})
    )
    with bot.waitSignal(application.predicting.finished, timeout=LONG):
        application.start()
        application.opening.open([cohort])
        bot.waitUntil(lambda: application.session.shown is not None, timeout=LONG)
    for row in range(STUDIES_EXPLAINED):
        application.library.show_study(row)
        bot.waitUntil(lambda count=2 * (row + 1): len(explained) >= count, timeout=LONG)
    bot.waitUntil(lambda: not application.predicting.running, timeout=LONG)
    end(application)
    application.folders.layout.unlink(missing_ok=True)  # of a window that was never shown
    return Prepared(home, explained)


@pytest.fixture
def colours() -> str:
    """The theme of the window; a test that wants another one has it as a parameter."""
    return "dark"


@pytest.fixture
def _themed(qapp: QApplication, colours: str) -> Iterator[None]:
    """Palette and style sheet of that theme, as the process of the window applies them."""
    if colours != "dark":
        theme.apply(qapp, theme.read_theme(colours))
    yield
    if colours != "dark":
        theme.apply(qapp, theme.read_theme("dark"))


@pytest.fixture
def opened(
    make_application: MakeApplication,
    prepared: Prepared,
    checkpoints: list[Path],
    tmp_path: Path,
    qtbot: QtBot,
    colours: str,
    _themed: None,
) -> Application:
    """The window on the indexed and predicted cohort, the first study shown with its maps; no engine is started."""
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home, dirs_exist_ok=True)
    application = make_application(home, Settings(device="cpu", notice_seen=True, theme=colours))
    session = application.session
    application.library.refresh()
    application.checkpoints.open(checkpoints)
    application.window.show()
    session.image_changed.connect(partial(_explain_as_recorded, application, prepared))
    application.library.show_study(0)
    qtbot.waitExposed(application.window)
    qtbot.waitUntil(lambda: application.window.compare.image is not None, timeout=LONG)
    qtbot.waitUntil(lambda: not application.numbers._settle.isActive())
    qtbot.wait(1)  # the panels take their widths in two steps after the first paint
    return application


@pytest.fixture
def ct_study(cohort: Path, tmp_path: Path) -> Path:
    """A CT study: a series of three slices of one size and a fourth image of another series."""
    folder = tmp_path / "study"
    folder.mkdir()
    dataset = next(
        read
        for read in map(pydicom.dcmread, sorted((cohort / "A" / "images").glob("*.dcm")))
        if not read.file_meta.TransferSyntaxUID.is_compressed and "VOILUTSequence" not in read
    )
    dataset.Modality, dataset.PatientID = "CT", "one"
    dataset.StudyInstanceUID = pydicom.uid.generate_uid()
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"
    dataset.WindowCenter, dataset.WindowWidth = [40, -600], [400, 1500]
    dataset.WindowCenterWidthExplanation = ["SOFT TISSUE", "LUNGS"]
    for number, series in enumerate((1, 1, 1, 2)):
        dataset.SeriesInstanceUID = f"1.2.3.{series}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{series}.{number}"
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


@pytest.fixture
def stack(make_application: MakeApplication, ct_study: Path, checkpoints: list[Path], qtbot: QtBot) -> Application:
    """The window on that study, its first image shown in the panes of two checkpoints."""
    application = make_application()
    application.window.show()
    application.checkpoints.open(checkpoints)
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        application.opening.open([ct_study])
    qtbot.waitUntil(lambda: application.window.compare.image is not None, timeout=LONG)
    return application


@dataclass(frozen=True)
class Table:
    """Predictions of two checkpoints, the second one better, for one finding on cases of three sites."""

    labels: np.ndarray
    scores: np.ndarray  # (2, n)
    columns: dict[str, np.ndarray]
    patients: np.ndarray


SITES_FINDING = "Mass"


@pytest.fixture
def site_table() -> Table:
    """300 images of 150 patients: site A has 150 of them, C few; at site B all scores lie higher."""
    random = np.random.default_rng(11)
    n = 300
    labels = (random.random(n) < 0.35).astype(float)
    site = np.array(["A"] * 150 + ["B"] * 120 + ["C"] * 30)
    latent = random.normal(size=(2, n)) + labels * np.array([[1.0], [1.8]]) + (site == "B") * 0.9
    scores = np.round(1 / (1 + np.exp(1.2 - latent)), 6)
    columns = {
        "site": site,
        "sex": random.choice(["F", "M"], n),
        "age": random.integers(20, 90, n).astype(str),
    }
    return Table(labels, scores, columns, np.array([f"P{case // 2}" for case in range(n)]))


@pytest.fixture
def sites(make_application: MakeApplication, site_table: Table, tmp_path: Path, qtbot: QtBot) -> Application:
    """The Evaluate perspective on that table, which was opened as a user opens it; there are no films."""
    path = tmp_path / "sites.csv"
    names = list(site_table.columns)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["image", "patient", "checkpoint", *names, f"prob_{SITES_FINDING}", f"label_{SITES_FINDING}"]
        )  # fmt: skip
        for place, name in enumerate(("older", "newer")):
            for case in range(site_table.labels.size):
                facts = [site_table.columns[column][case] for column in names]
                row = [f"{case:03}.png", site_table.patients[case], name, *facts]
                writer.writerow([*row, site_table.scores[place, case], int(site_table.labels[case])])
    application = make_application()
    application.window.show()
    qtbot.waitExposed(application.window)
    application.opening.open([path])
    application.window.show_perspective("evaluate")
    qtbot.waitUntil(lambda: application.window.perspectives["evaluate"].was_shown)  # laid out in two turns
    for toast in application.window.findChildren(Toast):
        toast.close_now()
    return application


def _explain_as_recorded(application: Application, prepared: Prepared) -> None:
    shown = application.session.shown
    for (identity, _), explained in prepared.explained.items():
        if shown is not None and identity == shown.reference.identity:
            application.session.maps.add(explained)


@pytest.fixture
def bring_forward(qtbot: QtBot) -> Callable[[Application, QWidget], None]:
    """Shows the Evaluate perspective with a panel before the tabs that share its place, as a click on its tab does."""

    def bring(application: Application, panel: QWidget) -> None:
        application.window.show_perspective("evaluate")
        qtbot.waitUntil(lambda: application.window.perspectives["evaluate"].was_shown)
        panel.parentWidget().raise_()
        qtbot.waitUntil(lambda: panel.is_seen)
        qtbot.wait(1)

    return bring


@pytest.fixture
def drop() -> Callable[[QWidget, list[Path]], None]:
    """Drops files on a widget as a file manager does: the enter event must be accepted first."""

    def drop_paths(target: QWidget, paths: list[Path]) -> None:
        files = QMimeData()
        files.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(QPoint(9, 9), copy, files, left, none)
        QApplication.sendEvent(target, enter)
        assert enter.isAccepted()
        QApplication.sendEvent(target, QDropEvent(QPointF(9, 9), copy, files, left, none))

    return drop_paths
