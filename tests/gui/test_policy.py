"""What the policy of a computer locks is seen in the window, with the reason, and cannot be changed there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from xferviewer import policy
from xferviewer.gui import films
from xferviewer.gui.app import Application
from xferviewer.gui.field import FaultLine
from xferviewer.gui.films import film_memory_mib
from xferviewer.gui.notify import Toast
from xferviewer.gui.palette import Palette
from xferviewer.gui.views.import_dialog.published_dialog import PublishedDialog
from xferviewer.gui.views.preferences import PreferencesDialog
from xferviewer.settings import Settings, read_settings, settings_file


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy that locks what the window has controls for."""
    file = tmp_path / "policy.toml"
    file.write_text(
        'version = 1\n[locked]\nhide_identity = true\nhub = "off"\nmirror = "/srv/weights"\nlargest_frame_mib = 64\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    return file


def test_that_a_locked_identity_is_hidden_and_nothing_shows_it(locked: Path, opened: Application) -> None:
    opened.settings.now = read_settings(settings_file())[0]
    opened.window.identity_hiding.follow_setting()
    action = opened.window.actions_by_name["hide_identity"]
    assert (action.isChecked(), action.isEnabled()) == (True, False)
    assert str(locked) in action.toolTip()
    patient = opened.session.shown.study.patient_id
    assert patient not in opened.window.compare.panes[0]._corners["top_left"].text()
    action.trigger()
    assert patient not in opened.window.compare.panes[0]._corners["top_left"].text()
    opened.window.actions_by_name["palette"].trigger()
    (palette,) = opened.window.findChildren(Palette)
    palette.words.setText("hide patient identity")
    assert palette.list.count() == 0
    palette.close()


def test_that_hiding_the_identity_is_remembered(
    opened: Application, make_application: Callable[..., Application]
) -> None:
    opened.window.actions_by_name["hide_identity"].trigger()
    chosen = read_settings(settings_file())[0]
    assert chosen.hide_identity
    again = make_application(chosen=chosen)
    assert again.window.actions_by_name["hide_identity"].isChecked()
    assert again.window.worklist.model.hide_identity


def test_that_locked_network_and_mirror_stand_greyed_with_the_reason(
    locked: Path, make_application: Callable[..., Application], qtbot: QtBot
) -> None:
    application = make_application(chosen=read_settings(settings_file())[0])
    dialog = PublishedDialog(application.settings, application.window)
    assert dialog.mirror.text() == "/srv/weights"
    assert dialog.name.isEnabled()
    assert not any(control.isEnabled() for control in (dialog.mirror, dialog.choose, dialog.network))
    faults = [line.text() for line in dialog.findChildren(FaultLine) if str(locked) in line.text()]
    assert len(faults) == 2
    dialog.reject()
    qtbot.waitUntil(lambda: dialog.client.work is None)


def test_that_a_setting_that_is_locked_meanwhile_is_refused_and_told(opened: Application, locked: Path) -> None:
    opened.settings.keep(hub="on")
    toast = opened.window.findChildren(Toast)[-1]
    assert "hub cannot be changed" in toast.what
    assert str(locked) in toast.details
    assert read_settings(settings_file())[0] == Settings(
        hide_identity=True, mirror="/srv/weights", largest_frame_mib=64
    )  # fmt: skip


def preferences(application: Application) -> PreferencesDialog:
    application.window.actions_by_name["preferences"].trigger()
    return application.window.findChildren(PreferencesDialog)[-1]


def test_that_the_preferences_change_what_is_open_and_grey_what_is_locked(locked: Path, opened: Application) -> None:
    opened.settings.now = read_settings(settings_file())[0]
    dialog = preferences(opened)
    page = dialog.computer
    assert (page.largest_frame.isEnabled(), page.largest_frame.value()) == (False, 64)
    assert str(locked) in " ".join(line.text() for line in page.findChildren(FaultLine))
    assert str(locked) in page.places.text()
    assert page.film_memory.text().startswith("automatic (")
    page.jobs.setValue(2)
    page.film_memory.setValue(1)
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    chosen = read_settings(settings_file())[0]
    assert (chosen.jobs_per_device, chosen.film_memory_mib, chosen.largest_frame_mib) == (2, 1, 64)
    assert "largest_frame_mib" not in settings_file().read_text(encoding="utf-8")
    assert not opened.window.findChildren(Toast)


def test_that_a_policy_that_comes_while_the_preferences_are_open_holds_and_the_rest_is_kept(
    opened: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = opened.window.actions_by_name["hide_identity"]
    action.trigger()
    dialog = preferences(opened)
    dialog.computer.film_memory.setValue(4096)
    dialog.computer.jobs.setValue(3)
    file = tmp_path / "policy.toml"
    file.write_text("version = 1\n[locked]\nfilm_memory_mib = 300\nhide_identity = true\n", encoding="utf-8")
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()
    assert opened.films._most_bytes == 300 << 20
    assert (opened.settings.now.film_memory_mib, opened.settings.now.jobs_per_device) == (300, 3)
    assert "film_memory_mib" not in settings_file().read_text(encoding="utf-8")
    assert read_settings(settings_file())[0].jobs_per_device == 3
    told = opened.window.findChildren(Toast)[-1]
    assert "film_memory_mib cannot be changed" in told.what
    action.trigger()  # it could be switched off when the window was opened
    assert opened.window.worklist.model.hide_identity
    assert not action.isEnabled()


def test_that_a_policy_that_cannot_be_understood_keeps_every_setting_as_it_is(
    opened: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("version = 99\n", encoding="utf-8")
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    opened.settings.keep(jobs_per_device=5)
    assert opened.settings.now.jobs_per_device == 1
    assert "policy file" in opened.window.findChildren(Toast)[-1].what


def test_that_films_are_kept_within_the_chosen_memory_and_the_shown_one_always(
    opened: Application, qtbot: QtBot
) -> None:
    shelf = opened.films

    def kept() -> list[str]:
        return [path for path, _ in shelf._films]

    for row in range(3):
        opened.library.show_study(row)
        qtbot.waitUntil(lambda: opened.window.compare.image is not None, timeout=30_000)
    qtbot.waitUntil(lambda: len(kept()) >= 4, timeout=30_000)
    size = max(film.raster.nbytes for film in shelf._films.values())
    shelf._most_bytes = size
    shelf._forget_the_oldest()
    assert len(kept()) == 1
    assert kept()[0] == opened.session.shown.reference.path
    shelf.set_memory(0)
    assert shelf._most_bytes == film_memory_mib(0) << 20


@pytest.mark.parametrize(
    ("memory_gib", "chosen", "mib"), [(1, 0, 256), (16, 0, 2048), (512, 0, 8192), (16, 700, 700), (1, 64, 64)]
)
def test_that_an_eighth_of_the_memory_is_for_films_unless_a_person_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, memory_gib: int, chosen: int, mib: int
) -> None:
    monkeypatch.setattr(films, "computer_memory_bytes", lambda: memory_gib << 30)
    assert film_memory_mib(chosen) == mib
