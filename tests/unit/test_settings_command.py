"""`xferviewer settings` says what counts and where it comes from, and changes it as the window does."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

from xferviewer import cli
from xferviewer.settings import Settings, read_settings, settings_file


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    code = cli.main(["settings", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_that_every_setting_is_listed_with_its_origin(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    code, said = run(capsys)
    assert code == 0
    assert list(said["settings"]) == [field.name for field in fields(Settings)]
    assert {each["origin"] for each in said["settings"].values()} == {"built in"}
    assert said["folders"] == {
        "data": str(home), "settings": str(home / "settings.toml"), "log": str(home / "log"), "policy": None,
    }  # fmt: skip
    assert said["allowed_devices"] == ["cuda", "mps", "cpu"]


def test_that_values_are_set_and_unset_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "hub=on",
        "largest_frame_mib=64",
        "overlay_opacity=1",
        "hide_identity=true",
        "mirror=/a=b",
        "unlinked=pan, zoom",
    )
    code, said = run(capsys, "--set", *words, 'recent=["/a, b", "/c"]')
    assert code == 0
    chosen = Settings(
        hub="on", largest_frame_mib=64, overlay_opacity=1.0, hide_identity=True, mirror="/a=b",
        unlinked=("pan", "zoom"), recent=("/a, b", "/c"),
    )  # fmt: skip
    assert read_settings(settings_file()) == (chosen, [])
    assert said["settings"]["hub"] == {"value": "on", "origin": "settings file", "locked": False}
    code, said = run(capsys, "--unset", "hub", "recent", "theme")
    assert said["settings"]["hub"] == {"value": "off", "origin": "built in", "locked": False}
    assert "hub" not in settings_file().read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--set", "hubb=on"), "hubb"),
        (("--set", "hub=perhaps"), "off, on"),
        (("--set", "largest_frame_mib=0"), "from 1 to 65536"),
        (("--set", "hide_identity=yes"), "true or false"),
        (("--unset", "shoe_size"), "shoe_size"),
    ],
)
def test_that_what_cannot_be_set_is_refused_in_three_parts(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], named: str
) -> None:
    code, said = run(capsys, *words)
    assert code == 2
    assert all(said["error"].values())
    assert named in " ".join(said["error"].values())
    assert not settings_file().exists()


def test_that_a_person_reads_the_same(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text('theme = "light"\nshoe_size = 43\n', encoding="utf-8")
    assert cli.main(["settings"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f"data: {home}" in lines
    assert any(line.split() == ["theme", '"light"', "(yours)"] for line in lines)
    assert "shoe_size" in lines[-1]
