"""Process start to first paint: the window against a bare window of PySide6 and pyqtgraph, on the same machine.

Both are whole processes, started in turn. The window opens a catalogue of studies, as a user's does;
the engine starts after the first paint.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7

_REPORT = """
import os, time
from PySide6.QtCore import QEvent, QObject
class FirstPaint(QObject):
    def eventFilter(self, watched, event):
        painted = super().eventFilter(watched, event)
        if event.type() == QEvent.Type.Paint:
            print(f"painted {time.time()}", flush=True)
            os._exit(0)  # what follows is not measured
        return painted
"""

_BARE = (
    _REPORT
    + """
from PySide6.QtWidgets import QApplication, QMainWindow
import pyqtgraph as pg
application = QApplication([])
report = FirstPaint()
application.installEventFilter(report)
window = QMainWindow()
window.setCentralWidget(pg.GraphicsLayoutWidget())
window.resize(1440, 900)
window.show()
application.exec()
"""
)

_OURS = (
    _REPORT
    + """
from xferviewer import settings
from xferviewer.gui import app, running, theme
qt = running.make_qt_application()
report = FirstPaint()
qt.installEventFilter(report)
chosen, _ = settings.read_settings(settings.settings_file())
theme.apply(qt, theme.read_theme(chosen.theme))
application = app.Application(app.Folders.under(settings.data_folder(), demo=False), chosen, demo=False)
application.window.show()
qt.exec()
"""
)


def main() -> None:
    """Print the medians and their ratio; the aim is a ratio of at most 2."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"XFERVIEWER_HOME": home, "QT_QPA_PLATFORM": "offscreen"}
        _first_paint(_BARE, environment), _first_paint(_OURS, environment)  # once each, so that files are in memory
        pairs = [(_first_paint(_BARE, environment), _first_paint(_OURS, environment)) for _ in range(RUNS)]
    bare, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(o / b for b, o in pairs)
    print(
        f"start to first paint: bare window {bare:.2f} s, xferviewer {ours:.2f} s, ratio {ratio:.2f} (aim: at most 2)"
    )


def _first_paint(program: str, environment: dict[str, str]) -> float:
    begun = time.time()
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[1],
    )
    painted = next(line for line in answer.stdout.splitlines() if line.startswith("painted "))
    return float(painted.removeprefix("painted ")) - begun


if __name__ == "__main__":
    main()
