"""A policy sets defaults and locks; one that is not understood stops everything, and none can be got round."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from xferviewer import cli, policy
from xferviewer.errors import CannotStart, UnusableChoice
from xferviewer.settings import (
    LOCKABLE,
    PERSONAL,
    Settings,
    allowed_devices,
    change_settings,
    data_folder,
    policy_in_force,
    read_settings,
    settings_file,
    settings_in_force,
)
from xferviewer.studies.limits import too_large

Write = Callable[[str], Path]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the policy of this computer."""
    file = tmp_path / "etc" / "policy.toml"
    file.parent.mkdir()
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XFERVIEWER_POLICY", raising=False)

    def write(text: str) -> Path:
        file.write_text(f"version = 1\n{text}", encoding="utf-8")
        return file

    return write


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict, str]:
    code = cli.main([*words, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


def test_that_a_persons_choice_counts_over_a_default_and_a_lock_over_the_choice(machine: Write) -> None:
    machine('[defaults]\ntheme = "light"\ncine_per_second = 30\n[locked]\nhub = "off"\nlargest_frame_mib = 64\n')
    settings_file().parent.mkdir()
    settings_file().write_text('cine_per_second = 5\nhub = "on"\nlargest_frame_mib = 9999\n', encoding="utf-8")
    found = settings_in_force(settings_file())
    assert found.settings == Settings(theme="light", cine_per_second=5, hub="off", largest_frame_mib=64)
    assert found.complaints == []
    origins = {key: found.origins[key] for key in ("theme", "cine_per_second", "hub", "device")}
    assert origins == {
        "theme": "policy default", "cine_per_second": "settings file", "hub": "policy lock", "device": "built in",
    }  # fmt: skip


def test_that_a_locked_setting_can_be_changed_by_nobody_and_its_lock_is_named(machine: Write) -> None:
    file = machine('[locked]\nhub = "off"\n')
    with pytest.raises(UnusableChoice, match="cannot be changed") as told:
        change_settings(settings_file(), {"theme": "light", "hub": "on"})
    assert str(file) in told.value.why
    assert not settings_file().exists()  # all or nothing


def test_that_a_default_of_the_policy_reaches_whoever_has_not_chosen_and_a_lifted_lock_gives_the_choice_back(
    machine: Write,
) -> None:
    change_settings(settings_file(), {"theme": "light", "hub": "on"})
    machine('[defaults]\ncine_per_second = 30\n[locked]\nhub = "off"\n')
    change_settings(settings_file(), {"theme": "dark"})
    assert read_settings(settings_file())[0] == Settings(cine_per_second=30, theme="dark")
    machine("[defaults]\ncine_per_second = 40\n")
    assert read_settings(settings_file())[0] == Settings(cine_per_second=40, hub="on", theme="dark")


BROKEN = [
    ("version = 2", "version is 2"),
    ('version = "1"', "version is '1'"),
    ("version = true", "version is True"),
    ("[locked]", "does not say its version"),
    ("version = 1\n[locked", "no TOML"),
    ("version = 1\n[forbidden]\nx = 1", "forbidden"),
    ("version = 1\nlocked = 3", "locked"),
    ('version = 1\n[locked]\nhubb = "off"', "hubb"),
    ('version = 1\n[locked]\nhub = "of"', "hub = 'of'"),
    ("version = 1\n[locked]\nlargest_frame_mib = 0", "largest_frame_mib = 0"),
    ('version = 1\n[locked]\ntheme = "dark"', "theme"),
    ('version = 1\n[locked]\nallowed_devices = ["cuda"]', "allowed_devices"),
    ('version = 1\n[locked]\nallowed_devices = ["cpu", ["mps"]]', "allowed_devices"),
    ('version = 1\n[defaults]\nallowed_devices = ["cpu"]', "allowed_devices"),
    ('version = 1\n[locked]\ndata_folder = "relative"', "data_folder"),
    ('version = 1\n[locked]\ndata_folder = "~nobody-of-that-name/x"', "data_folder"),
    *((f"version = 1\n[defaults]\n{key} = true", key) for key in PERSONAL),
]


@pytest.mark.parametrize(("text", "named"), BROKEN)
def test_that_a_policy_with_anything_wrong_in_it_stops_every_command_and_names_what(
    machine: Write, capsys: pytest.CaptureFixture[str], text: str, named: str
) -> None:
    file = machine("")
    file.write_text(text, encoding="utf-8")
    code, said, errors = run(capsys, "settings")
    assert code == 2
    assert str(file) in said["error"]["what"]
    assert named in said["error"]["why"]
    assert "looks after this computer" in said["error"]["todo"]
    assert said["error"]["what"] in errors


def test_that_no_bytes_of_a_policy_get_past(machine: Write) -> None:
    file = machine("")
    file.write_bytes(b"version = 1 # \xff\n")
    with pytest.raises(CannotStart, match="no TOML"):
        policy_in_force()
    file.unlink()
    file.mkdir()
    with pytest.raises(CannotStart, match="cannot be read"):
        policy_in_force()


def test_that_windows_mark_of_utf8_is_read_over(machine: Write) -> None:
    machine("").write_bytes(b'\xef\xbb\xbfversion = 1\n[locked]\nhub = "off"\n')
    assert policy_in_force().locked == {"hub": "off"}


def test_that_a_policy_to_try_counts_only_where_the_computer_has_none(
    machine: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = tmp_path / "tried.toml"
    tried.write_text('version = 1\n[locked]\nhub = "off"\njobs_per_device = 3\n', encoding="utf-8")
    monkeypatch.setenv("XFERVIEWER_POLICY", str(tried))
    assert policy_in_force().locked == {"hub": "off", "jobs_per_device": 3}
    file = machine("[locked]\nhide_identity = true\n")
    assert policy_in_force().locked == {"hide_identity": True}
    assert policy_in_force().file == file
    file.unlink()
    tried.unlink()
    with pytest.raises(CannotStart, match="tried"):
        policy_in_force()


@pytest.mark.parametrize("variable", ["XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "ProgramData", "HOME", "XFERVIEWER_HOME"])
def test_that_no_variable_moves_the_policy_of_a_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    before = policy.machine_policy_file()
    monkeypatch.setenv(variable, str(tmp_path))
    assert policy.machine_policy_file() == before
    assert before.is_absolute()


def test_that_a_locked_data_folder_is_each_persons_own_and_cannot_be_left(
    machine: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine('[locked]\ndata_folder = "/data/xferviewer/{user}"\n')
    monkeypatch.setenv("LOGNAME", "somebody")
    code, said, _ = run(capsys, "settings")
    assert code == 2
    assert "XFERVIEWER_HOME" in said["error"]["what"]
    assert "/data/xferviewer/somebody" in said["error"]["why"]
    monkeypatch.delenv("XFERVIEWER_HOME")
    assert data_folder() == Path("/data/xferviewer/somebody")
    monkeypatch.setenv("XFERVIEWER_HOME", "/data/xferviewer/somebody")
    assert data_folder() == Path("/data/xferviewer/somebody")


def test_that_a_default_of_the_data_folder_gives_way_to_the_variable(
    machine: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine('[defaults]\ndata_folder = "~/films"\n')
    assert data_folder() == tmp_path / "home"
    monkeypatch.delenv("XFERVIEWER_HOME")
    assert data_folder() == Path.home() / "films"


def test_that_allowed_devices_keep_their_order_and_all_are_allowed_without_a_policy(machine: Write) -> None:
    assert allowed_devices() == ("cuda", "mps", "cpu")
    machine('[locked]\nallowed_devices = ["cpu", "cuda"]\n')
    assert allowed_devices() == ("cuda", "cpu")


def test_that_the_refusal_of_a_large_frame_says_whom_to_ask_where_the_limit_is_locked(machine: Write) -> None:
    file = machine("[locked]\nlargest_frame_mib = 1\n")
    refused = too_large("a.dcm", "3 by 4 pixels")
    assert str(file) in refused.why
    assert "1 MiB" in refused.why
    assert "looks after this computer" in refused.todo


def test_that_every_key_that_can_be_locked_is_a_setting_and_no_persons_own() -> None:
    settable = set(Settings.__dataclass_fields__)
    assert set(LOCKABLE) <= settable
    assert not set(LOCKABLE) & set(PERSONAL)
    assert set(PERSONAL) <= settable
