"""Why a window cannot be opened, said in three parts: on the terminal, in a dialog, or by a program of the desktop."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from xferviewer.cli import window
from xferviewer.errors import CannotStart
from xferviewer.gui import desktop_message, refusal
from xferviewer.gui.system_libraries import PACKAGES, look_for_x11, missing_library

ERROR = CannotStart("The window cannot be opened.", "Because <b>& so on.", "Do this.")


@pytest.mark.parametrize("library", PACKAGES)
def test_that_a_missing_library_is_named_with_its_package(library: str) -> None:
    told = missing_library(ImportError(f"{library}: cannot open shared object file: No such file or directory"))
    assert library in told.why
    assert all(package in told.todo for package in PACKAGES[library])


def test_that_what_the_loader_says_otherwise_is_passed_on() -> None:
    told = missing_library(ImportError("libunknown.so.3: cannot open shared object file: No such file or directory"))
    assert "libunknown.so.3 is missing" in told.why
    told = missing_library(ImportError("DLL load failed while importing QtGui"))
    assert "DLL load failed" in told.why
    assert "again" in told.todo


@pytest.mark.skipif(sys.platform != "linux", reason="the loader's words of Linux")
def test_that_the_platform_is_loaded_before_qt_would_abort(tmp_path: Path) -> None:
    (tmp_path / "needed.c").write_text("int needed(void) { return 1; }", encoding="ascii")
    (tmp_path / "plugin.c").write_text("int needed(void); int plugin(void) { return needed(); }", encoding="ascii")
    try:
        for name, *libraries in (("libxcb-cursor.so.0",), ("plugin.so", f"{tmp_path}/libxcb-cursor.so.0")):
            source = "plugin.c" if libraries else "needed.c"
            soname = f"-Wl,-soname,{name}"
            subprocess.run(
                ["cc", "-shared", "-fPIC", soname, "-o", tmp_path / name, tmp_path / source, *libraries], check=True
            )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no C compiler")
    (tmp_path / "libxcb-cursor.so.0").rename(tmp_path / "elsewhere")
    if subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout.count(
        "libxcb-cursor.so.0"
    ):
        pytest.skip("the system has the library")
    with pytest.raises(CannotStart, match="libxcb-cursor0"):
        look_for_x11(tmp_path / "plugin.so")


def test_that_a_platform_that_can_be_loaded_or_is_not_there_is_passed(tmp_path: Path) -> None:
    look_for_x11(tmp_path / "no-such-plugin.so")


def test_that_the_dialog_has_the_three_parts_and_takes_no_markup(qtbot: QtBot) -> None:
    box = refusal.box(ERROR)
    qtbot.addWidget(box)
    assert box.text() == ERROR.what
    assert box.informativeText() == "Because <b>& so on.\n\nDo this."
    assert box.icon() == QMessageBox.Icon.Critical


def test_that_who_started_it_from_a_menu_gets_the_dialog_and_who_has_a_terminal_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[str] = []
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setattr(refusal, "make_qt_application", lambda: None)
    monkeypatch.setattr(QMessageBox, "exec", lambda box: shown.append(box.text()))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    window.show_refusal(ERROR)
    assert shown == []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    window.show_refusal(ERROR)
    assert shown == [ERROR.what]


@pytest.mark.skipif(os.name == "nt", reason="shell scripts")
@pytest.mark.parametrize("program", ["zenity", "kdialog", "xmessage"])
def test_that_a_program_of_the_desktop_shows_it_where_qt_cannot(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / program
    script.write_text(f'#!/bin/sh\nfor word in "$@"; do last=$word; done\nprintf %s "$last" >"{tmp_path}/said"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(desktop_message.shutil, "which", lambda name: str(tmp_path / name) if name == program else None)
    assert desktop_message.show_without_qt(ERROR)
    assert (tmp_path / "said").read_text() == f"{ERROR.what}\n\n{ERROR.why}\n\n{ERROR.todo}"


def test_that_nothing_is_started_where_there_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("something was started"))
    assert not desktop_message.show_without_qt(ERROR)
