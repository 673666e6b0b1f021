"""The process of the window: what has to be right before it opens, its one copy, its event loop, its end."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QLockFile, Qt, QTimer, QtMsgType, qInstallMessageHandler

from xferviewer import settings
from xferviewer.errors import CannotStart
from xferviewer.gui import theme
from xferviewer.gui.app import Application, Folders
from xferviewer.gui.desktop_application import DesktopApplication
from xferviewer.log import start_logging

log = logging.getLogger(__name__)


def make_qt_application() -> DesktopApplication:
    """The one QApplication. Raises CannotStart where there is no display: Qt itself would abort."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    if (
        sys.platform.startswith("linux")
        and not platform
        and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    ):
        raise CannotStart(
            "The window cannot be opened.",
            "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set.",
            "Start it in a desktop session, or use the command line: xferviewer --help.",
        )
    if sys.platform.startswith("linux") and platform in ("", "xcb") and not os.environ.get("WAYLAND_DISPLAY"):
        _look_for_xcb_cursor()
    application = DesktopApplication()
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus)
    return application


def _look_for_xcb_cursor() -> None:
    """Qt aborts the process where its X11 platform lacks this library, which no desktop installs by itself."""
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        raise CannotStart(
            "The window cannot be opened.",
            "The system library libxcb-cursor is missing.",
            "Install it: apt-get install libxcb-cursor0 (Debian, Ubuntu), dnf install xcb-util-cursor (Fedora).",
        ) from error


def _only_copy(home: Path) -> QLockFile:
    """The lock that says that this home is in use. Raises CannotStart if another copy holds it."""
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            "The window cannot be opened.",
            f"Its data folder {home} cannot be made: {error.strerror}.",
            "Make it writable, or set XFERVIEWER_HOME to a folder that is.",
        ) from error
    lock = QLockFile(str(home / "window.lock"))
    lock.setStaleLockTime(0)
    if not lock.tryLock(100):
        other = lock.error() == QLockFile.LockError.LockFailedError
        raise CannotStart(
            "A second window cannot be opened." if other else "The window cannot be opened.",
            "xferviewer runs already with the same data folder." if other else f"{home} cannot be written to.",
            "Use the window that is open, or set XFERVIEWER_HOME to another folder.",
        )
    return lock


def _log_qt(kind: QtMsgType, context: object, message: str) -> None:
    log.log(logging.WARNING if kind != QtMsgType.QtDebugMsg else logging.DEBUG, "Qt: %s", message)


def _show_unexpected(application: Application) -> Callable[..., None]:
    """A hook for errors that nobody caught: logged, shown, and the window lives on."""

    def hook(kind: type[BaseException], error: BaseException, trace: object) -> None:
        log.error("unexpected", exc_info=(kind, error, trace))  # type: ignore[arg-type]
        details = f"{kind.__name__}: {error}. Please report it; the log has the details."
        application.notifier.tell("Something went wrong that should not.", details, lasting=True)

    return hook


def run(paths: list[Path], *, demo: bool = False) -> int:
    """Open the window on `paths` (or the demo cohort) and stay until it is closed. Raises CannotStart."""
    home = settings.data_folder()
    start_logging("window", settings.log_folder())
    qt = make_qt_application()
    lock = _only_copy(home)
    chosen, complaints = settings.read_settings(settings.settings_file())
    theme.apply(qt, theme.read_theme(chosen.theme))
    qInstallMessageHandler(_log_qt)
    application = Application(Folders.under(home, demo=demo), chosen, demo=demo)
    sys.excepthook = _show_unexpected(application)
    for complaint in complaints:
        application.notifier.tell(complaint, lasting=True)
    qt.files_asked.connect(application.open_paths)
    application.window.show()

    def begin() -> None:  # after the first paint: the window is there before anything slow begins
        application.start()
        application.open_paths(paths)
        qt.begin()

    QTimer.singleShot(0, application, begin)
    try:
        return qt.exec()
    finally:
        application.close()
        lock.unlock()
