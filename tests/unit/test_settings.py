"""Settings survive whatever stands in their file; a file is replaced whole or not at all."""

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableFolder
from xferviewer.settings import Settings, change_settings, read_settings


def test_that_written_settings_are_read_back_equal(tmp_path: Path) -> None:
    chosen = Settings(theme="light", overlay_opacity=0.25, notice_seen=True, checkpoints=("/a/ä", "/b"))
    change_settings(tmp_path / "settings.toml", asdict(chosen))
    assert read_settings(tmp_path / "settings.toml") == (chosen, [])


def test_that_only_what_was_chosen_is_written_and_what_other_versions_wrote_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('of_a_newer_version = [1, 2]\ntheme = "light"\n', encoding="utf-8")
    change_settings(path, {"device": "cpu"})
    assert tomllib.loads(path.read_text()) == {"of_a_newer_version": [1, 2], "theme": "light", "device": "cpu"}
    change_settings(path, {"device": "auto"}, forget=("theme",))
    assert tomllib.loads(path.read_text()) == {"of_a_newer_version": [1, 2], "device": "auto"}


def test_that_a_file_that_cannot_be_read_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"theme = [")
    change_settings(path, {"device": "cpu"})
    assert read_settings(path) == (Settings(device="cpu"), [])
    assert (tmp_path / "settings.toml.unreadable").read_bytes() == b"theme = ["


def test_that_a_missing_file_means_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "nothing.toml") == (Settings(), [])


def test_that_a_bad_key_costs_only_itself_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('theme = "pink"\ndevice = "cpu"\noverlay_opacity = 1\nnotice_seen = "yes"\nshoe_size = 43\n')
    settings, complaints = read_settings(path)
    assert settings == Settings(device="cpu", overlay_opacity=1.0)
    assert [word for word in ("theme", "notice_seen", "shoe_size") if any(word in c for c in complaints)] == [
        "theme",
        "notice_seen",
        "shoe_size",
    ]


def test_that_a_file_which_is_no_toml_means_the_defaults_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe theme")
    settings, complaints = read_settings(path)
    assert settings == Settings()
    assert len(complaints) == 1


def test_that_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_that_a_place_that_cannot_be_written_is_told_in_three_parts(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnusableFolder) as told:
        write_atomically(tmp_path / "file" / "below", b"content")
    assert told.value.what
    assert told.value.why
    assert told.value.todo
