"""What the desktop sees of the application, and how it asks it to open files. In a process of its own: Qt has one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_RUN = """
import json
from PySide6.QtCore import QCoreApplication, QUrl
from PySide6.QtGui import QFileOpenEvent, QGuiApplication
from xferviewer.gui.running import make_qt_application

qt = make_qt_application()
asked = []
qt.files_asked.connect(lambda paths: asked.append([str(path) for path in paths]))
def ask(path):
    QCoreApplication.sendEvent(qt, QFileOpenEvent(QUrl.fromLocalFile(path)))
for path in ("/films/one.dcm", "/films/two.dcm"):
    ask(path)
early = list(asked)
qt.begin()
ask("/checkpoints/own")
icon = qt.windowIcon()
print(json.dumps({
    "name": QGuiApplication.desktopFileName(), "icon": icon.pixmap(64, 64).toImage().pixelColor(46, 40).name(),
    "early": early, "asked": asked,
}))
"""


def test_that_files_that_the_desktop_names_are_asked_for_once_the_window_is_ready():
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run([sys.executable, "-c", _RUN], env=environment, capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    assert told["early"] == []
    assert told["asked"] == [["/films/one.dcm", "/films/two.dcm"], ["/checkpoints/own"]]
    assert told["name"] == "xferviewer"  # of the menu entry
    red, blue = int(told["icon"][1:3], 16), int(told["icon"][5:7], 16)
    assert red > blue + 40  # within the map on the icon's lung
