"""An update is the new program on what the old one left: everything that a person had is there, in the window too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.predictions import PredictionKey
from xferviewer.gui.app import Application
from xferviewer.jobs.folder import JobFolder
from xferviewer.settings import read_settings, settings_file

FORMATS = Path(__file__).parents[1] / "data" / "formats"
CARD = "card-2"


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What versions before this one left in a data folder, each file as its version wrote it."""
    home = tmp_path / "home"
    home.mkdir()
    for name, place in (
        ("catalogue-1.sqlite", "catalogue.sqlite"),
        ("predictions-1.sqlite", "predictions.sqlite"),
        ("film_notes-1.sqlite", "film_notes.sqlite"),
    ):
        shutil.copyfile(FORMATS / name, home / place)
    shutil.copytree(FORMATS / "job-1", home / "jobs" / "lite0-imagenet")
    shutil.copytree(FORMATS / CARD, home / "checkpoints" / "older")
    settings = (FORMATS / "settings.toml").read_text(encoding="utf-8")
    own = str(home / "checkpoints" / "older")
    (home / "settings.toml").write_text(settings.replace("/srv/a", own), encoding="utf-8")
    return home


def test_that_an_update_keeps_settings_catalogue_predictions_notes_jobs_and_checkpoints(
    left: Path, make_application: Callable[..., Application], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    chosen, complaints = read_settings(settings_file())
    assert complaints == []
    assert (chosen.theme, chosen.notice_seen, chosen.largest_frame_mib) == ("light", True, 2048)
    application = make_application(left, chosen)
    monkeypatch.setattr(application.engine, "start", lambda: None)
    application.window.show()
    application.start()
    session = application.session
    assert [study.patient_id for study in session.studies] == ["P1", "P2", ""]
    assert [checkpoint.name for checkpoint in session.classifiers.checkpoints] == ["older"]
    predictions = application.store.get(PredictionKey("a" * 64, "b" * 64, 2), ["1.2.1#0"])
    assert predictions.tolist() == [[0.5, -1.25]]
    assert (left / "catalogue.sqlite.format-1").is_file()
    assert application.decisions.of("1.2.3#0").note == "an old note"
    application.window.show_perspective("train")
    (job,) = (left / "jobs").iterdir()
    assert JobFolder(job).status().state == "finished"
    qtbot.waitUntil(lambda: application.jobs.job("lite0-imagenet") is not None)
    application.settings.keep(drag_up="darker")
    kept = read_settings(settings_file())[0]
    assert (kept.theme, kept.keys, kept.drag_up) == ("light", ("invert = Ctrl+J",), "darker")
