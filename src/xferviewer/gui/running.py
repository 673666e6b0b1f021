"""The process of the window: what has to be right before it opens, its one copy, its event loop, its end."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QLibraryInfo, QLockFile, Qt, QTimer, QtMsgType, qInstallMessageHandler

from xferviewer import settings
from xferviewer.errors import CannotStart
from xferviewer.gui import theme
from xferviewer.gui.app import Application, Folders
from xferviewer.gui.desktop_application import DesktopApplication
from xferviewer.gui.system_libraries import look_for_x11
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
        plugins = QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath)
        look_for_x11(Path(plugins) / "platforms" / "libqxcb.so")
    existing = DesktopApplication.instance()
    application = existing if isinstance(existing, DesktopApplication) else DesktopApplication()
    application.setAttribute(Qt.ApplicationAttribute.AA_DontShowIconsInMenus)
    return application


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
    try:
        _try_to_write(home)
    except OSError as error:
        raise CannotStart(
            "The window cannot be opened.",
            f"Its data folder {home} cannot be written to: {error.strerror}.",
            "Free space there, make it writable, or set XFERVIEWER_HOME to another folder.",
        ) from error
    lock = QLockFile(str(home / "window.lock"))
    lock.setStaleLockTime(0)
    if not lock.tryLock(100):
        raise _held_by_another(lock, home)
    return lock


def _held_by_another(lock: QLockFile, home: Path) -> CannotStart:
    """One that a killed window left is taken over, but for another user's, which only they can take away."""
    import psutil

    process, host, *_ = lock.getLockInfo()
    if host.casefold() == socket.gethostname().casefold() and psutil.pid_exists(process):
        return CannotStart(
            "A second window cannot be opened.",
            "xferviewer runs already with the same data folder.",
            "Use the window that is open, or set XFERVIEWER_HOME to another folder.",
        )
    return CannotStart(
        "The window cannot be opened.",
        f"{home / 'window.lock'} is held by a window on another computer, or was left by another user's.",
        "Set XFERVIEWER_HOME to a folder of your own; remove the file if nobody has a window open there.",
    )


def _try_to_write(home: Path) -> None:
    """Raises OSError, which says why; the lock would only say that it cannot be had."""
    with tempfile.NamedTemporaryFile(dir=home, prefix=".window.", buffering=0) as file:
        file.write(b" ")


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
    qt.files_asked.connect(application.opening.open)
    application.window.show()

    def begin() -> None:  # after the first paint: the window is there before anything slow begins
        application.start()
        application.opening.open(paths)
        qt.begin()

    QTimer.singleShot(0, application, begin)
    try:
        return qt.exec()
    finally:
        application.close()
        lock.unlock()
