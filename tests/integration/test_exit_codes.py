"""Every command ends with 0, 1 or 2, as docs/deployment.md says; a 2 has its reason in three parts, for scripts too."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xferviewer import cli, policy
from xferviewer.errors import XferviewerError

FORMATS = Path(__file__).parents[1] / "data" / "formats"
(_TABLE,) = (action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction))
COMMANDS = {choice.dest for choice in _TABLE._choices_actions}

# What each needs before it looks at anything else; {here} is an empty folder, {no} a path that does not exist.
WORDS = {
    "open": "",
    "demo": "",
    "devices": "",
    "selftest": "",
    "settings": "",
    "inspect": "{no}",
    "index": "{no}",
    "phantom": "--out {here}/p --count 0 --seed 1 --site A",
    "import-dataset": "auto {no}",
    "split": "{no} --out a",
    "cohort": "{no}",
    "import-checkpoint": "{no} --out {here}/c",
    "describe-inputs": "--checkpoint {no} --images {here}",
    "predict": "--checkpoint {no} --images {here} --out {here}/p.csv",
    "explain": "--checkpoint {no} --image {no} --out {here}/maps",
    "notes": "--notes {no} --out {here}/n",
    "evaluate": "--labels {no} --predictions {no} --out {here}/e",
    "calibrate": "--checkpoint {no} --labels {no} --predictions {no} --method platt --split a",
    "recipes": "no-such-recipe",
    "train": "{no}",
    "jobs": "show",
    "cache": "",
}
NEVER_REFUSE = {"devices", "selftest", "settings", "cache"}
"""They have no input that could be missing; only what stops every command stops them."""
WITHOUT_JSON = {"open", "demo", "phantom"}

Run = Callable[..., tuple[int, dict | None, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as a script does; its exit code, its JSON and what it said."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()

    def run(command: str, words: str) -> tuple[int, dict | None, str]:
        given = words.format(here=tmp_path / "here", no=tmp_path / "no" / "such").split()
        code = cli.main([command, *given, *(() if command in WITHOUT_JSON else ("--json",))])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return run


def refused_in_three_parts(command: str, said: dict | None, errors: str) -> None:
    told = errors[errors.index("xferviewer: ") :].splitlines()
    assert len(told) >= 3
    assert all(line.strip() for line in told[:3])
    if command not in WITHOUT_JSON:
        assert said is not None
        assert list(said["error"]) == ["what", "why", "todo"]
        assert all(said["error"].values())


def test_that_no_command_is_left_out_here() -> None:
    assert set(WORDS) == COMMANDS


@pytest.mark.parametrize("command", sorted(set(WORDS) - NEVER_REFUSE))
def test_that_a_command_that_cannot_run_ends_with_2_and_says_why(run: Run, command: str) -> None:
    if command in ("open", "demo") and sys.platform != "linux":
        pytest.skip("only there a display can be missing")
    code, said, errors = run(command, WORDS[command])
    assert code == 2, errors
    assert "Traceback" not in errors
    refused_in_three_parts(command, said, errors)


@pytest.mark.parametrize("command", sorted(WORDS))
def test_that_a_policy_with_a_mistake_stops_every_command_with_2(
    run: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('version = 1\n[locked]\nhubb = "off"\n', encoding="utf-8")
    monkeypatch.setattr(policy, "machine_policy_file", lambda: file)
    code, said, errors = run(command, WORDS[command])
    assert code == 2
    assert "hubb" in errors
    refused_in_three_parts(command, said, errors)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", sorted(WORDS))
def test_that_a_command_line_that_is_none_ends_with_2(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--no-such-option"])
    assert ended.value.code == 2
    assert "usage: xferviewer" in capsys.readouterr().err


def test_that_what_nobody_foresaw_ends_with_2_and_not_with_pythons_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(_folder: object) -> object:
        raise RuntimeError("out of the blue")

    monkeypatch.setattr("xferviewer.exchange.inspection.inspect", fall)
    code, said, errors = run("inspect", "{here}")
    assert code == 2
    assert said is not None
    assert "out of the blue" in said["error"]["why"]
    assert "Traceback" in errors


def test_that_an_image_among_others_that_cannot_be_read_ends_predict_with_1(
    run: Run, checkpoints: list[Path], tmp_path: Path
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (70, 80), dtype=np.uint8)).save(films / "good.png")
    (films / "bad.png").write_bytes((films / "good.png").read_bytes()[:60])
    table = tmp_path / "films.csv"
    table.write_text("path\nfilms/good.png\nfilms/bad.png\n", encoding="utf-8")
    words = f"--checkpoint {checkpoints[0]} --images {table} --device cpu --out {tmp_path}/p.csv"
    code, said, errors = run("predict", words)
    assert code == 1, said
    assert said is not None
    assert [Path(entry["path"]).name for entry in said["failed"]] == ["bad.png"]
    assert "bad.png" in errors
    table.write_text("path\nfilms/good.png\n", encoding="utf-8")
    assert run("predict", words)[0] == 0


def test_that_one_job_of_several_that_is_not_there_ends_with_1(run: Run, tmp_path: Path) -> None:
    shutil.copytree(FORMATS / "job-1", tmp_path / "jobs" / "a")
    code, said, _ = run("jobs", f"show a no-such-job --folder {tmp_path}/jobs")
    assert code == 1, said
    assert said is not None
    assert ([job["name"] for job in said["jobs"]], len(said["failed"])) == (["a"], 1)


def test_that_nothing_to_complain_about_ends_with_0(run: Run) -> None:
    for command, words in (("settings", ""), ("cache", ""), ("recipes", ""), ("jobs", "list"), ("index", "{here}")):
        assert run(command, words)[0] == 0, command


def test_that_every_refusal_has_three_parts() -> None:
    """The exception itself: none of the three can be left out."""
    with pytest.raises(TypeError):
        XferviewerError("what", "why")  # type: ignore[call-arg]
