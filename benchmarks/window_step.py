"""A step of the window on four linked panes of a film of 3000 × 3000 pixels of 16 bits, to the painted window.

Beside it, in turns in one process: four linked panes of pyqtgraph, each with its plain ImageItem, in the same size.
The aim: at most a quarter of pyqtgraph's time, and 95 % of the steps below 16 ms; python -m benchmarks.window_step
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PySide6.QtCore import QSize

    from xferviewer.gui.views.compare import CompareView
    from xferviewer.studies.voi import Window

SIDE, STEPS, UNCOUNTED, ROUNDS = 3000, 40, 2, 5


def main() -> None:
    """Print medians, 95th percentiles and their ratio; and the same with maps over the films."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from xferviewer.gui import running, theme

    qt = running.make_qt_application()
    theme.apply(qt, theme.read_theme("dark"))
    with tempfile.TemporaryDirectory() as home:
        compare, close = _our_panes(Path(home))
        plain_step = _plain_panes(compare.films.size())
        ours, with_maps, plain = Taken(), Taken(), Taken()
        for _ in range(ROUNDS):
            _set_maps(compare, shown=False)
            ours.add(lambda n: compare.looks.set_window(0, _window(n)))
            _set_maps(compare, shown=True)
            with_maps.add(lambda n: compare.looks.set_window(0, _window(n)))
            plain.add(plain_step)
        print(f"pyqtgraph, four plain ImageItems of {SIDE} x {SIDE} uint16: {plain.words()}")
        for name, taken in (("films", ours), ("films under maps", with_maps)):
            print(
                f"xferviewer, four linked panes, {name}: {taken.words()}; "
                f"{statistics.median(taken.wall) / statistics.median(plain.wall):.2f} of pyqtgraph, "
                f"{statistics.median(taken.busy) / statistics.median(plain.busy):.2f} of its processor time "
                "(aims: 0.25; 95 % below 16 ms)"
            )
        close()


class Taken:
    """Milliseconds of steps: by the clock, and of processor time, which other programs do not lengthen."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.busy: list[float] = []

    def add(self, step: Callable[[int], object]) -> None:
        """Another round; its first steps are not counted."""
        for number in range(STEPS):
            begun, busy = time.perf_counter(), time.process_time()
            step(number)
            _settle()
            if number >= UNCOUNTED:
                self.wall.append(1000 * (time.perf_counter() - begun))
                self.busy.append(1000 * (time.process_time() - busy))

    def words(self) -> str:
        """Medians, and what 95 % stay below."""
        late = float(np.percentile(self.wall, 95))
        return (
            f"{statistics.median(self.wall):.1f} ms a step, 95 % below {late:.1f} ms, "
            f"{statistics.median(self.busy):.1f} ms of processor time"
        )


def _film() -> NDArray[np.uint16]:
    """A smooth body with noise, of the whole range of 16 bits."""
    across, down = np.meshgrid(np.linspace(-1, 1, SIDE, dtype=np.float32), np.linspace(-1, 1, SIDE, dtype=np.float32))
    body = 52_000 * np.exp(-1.5 * (across**2 + down**2))
    noise = np.random.default_rng(3).normal(0, 900, body.shape).astype(np.float32)
    return np.clip(body + noise, 0, 65_535).astype(np.uint16)


def _our_panes(home: Path) -> tuple[CompareView, Callable[[], None]]:
    """The window with four panes over a film that was read from a file, each with a map; and what closes it."""
    from PySide6.QtCore import QCoreApplication, QEventLoop

    from xferviewer import settings
    from xferviewer.gui import app
    from xferviewer.gui.display import ShownImage
    from xferviewer.protocol import Explained
    from xferviewer.resources import bundled_checkpoints
    from xferviewer.studies.catalogue import ImageRow, StudyRow

    path = home / "film.npy"
    np.save(path, _film())
    chosen = settings.Settings(notice_seen=True)
    application = app.Application(app.Folders.under(home, demo=False), chosen, demo=False)
    window, session = application.window, application.session
    application.checkpoints.open(bundled_checkpoints())
    window.resize(1920, 1080)
    window.show()
    nothing: dict[str, Any] = dict.fromkeys((*StudyRow._fields, *ImageRow._fields), "")
    known = {"id": 1, "study": 1, "age": None, "path": str(path), "first_path": str(path), "frames": 1}
    values = nothing | known | {"identity": "film", "rows": SIDE, "columns": SIDE, "n_images": 1, "first_image": 1}
    study = StudyRow(**{name: values[name] for name in StudyRow._fields})
    image = ImageRow(**{name: values[name] for name in ImageRow._fields})
    session.show(ShownImage(study, (image,), 0, 0))
    while window.compare.image is None:
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 50)
    heat = np.random.default_rng(5).random((1, 224, 224), dtype=np.float32)
    for checkpoint in session.classifiers.checkpoints:
        own = session.classifiers.own_name(checkpoint.digest, session.finding)
        session.maps.add(
            Explained(
                0, 0, "film", checkpoint.digest, "gradcam", "", (own or "",), "", (0.0, 0.0, 1.0, 1.0),
                np.zeros(len(checkpoint.findings), np.float32), heat, np.ones(1, np.float32),
            )
        )  # fmt: skip

    def close() -> None:
        window.close()
        application.close()

    _settle()
    return window.compare, close


def _set_maps(compare: CompareView, *, shown: bool) -> None:
    compare.overlay_bar.visible_box.setChecked(shown)
    _settle()


def _plain_panes(size: QSize) -> Callable[[int], None]:
    """Four linked panes of pyqtgraph in a window of the same size; what makes a step of the window in all of them."""
    import pyqtgraph as pg

    panes = pg.GraphicsLayoutWidget()
    panes.resize(size)
    film, items, boxes = _film(), [], []
    for place in range(4):
        box = panes.addViewBox(row=place // 2, col=place % 2, lockAspect=True, invertY=True)
        item = pg.ImageItem(film, axisOrder="row-major", levels=(0, 65_535))
        box.addItem(item)
        if boxes:
            box.linkView(pg.ViewBox.XAxis, boxes[0])
            box.linkView(pg.ViewBox.YAxis, boxes[0])
        boxes.append(box)
        items.append(item)
    panes.show()
    _settle()

    def step(number: int) -> None:
        window = _window(number)
        levels = (window.centre - window.width / 2, window.centre + window.width / 2)
        for item in items:
            item.setLevels(levels)

    step.panes = panes  # type: ignore[attr-defined]  # they live as long as the step
    return step


def _window(number: int) -> Window:
    """No two steps after one another have the same window."""
    from xferviewer.studies.voi import Window

    return Window(20_000 + 150 * (number % 97), 30_000 + 210 * (number % 89), "LINEAR")


def _settle() -> None:
    from PySide6.QtCore import QCoreApplication

    for _ in range(4):
        QCoreApplication.sendPostedEvents()
        QCoreApplication.processEvents()


if __name__ == "__main__":
    main()
