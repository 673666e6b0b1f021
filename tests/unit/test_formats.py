"""Files of every older version are read with all that they say; a newer one is refused in words and stays as it is."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import MISSING, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xferviewer.checkpoints import CARD_VERSION, read_calibration, read_checkpoint, verify_digest
from xferviewer.checkpoints.fields import chosen_of
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
from xferviewer.jobs.folder import STATUS_VERSION, JobFolder
from xferviewer.jobs.spec import SPEC_VERSION, read_spec
from xferviewer.settings import Settings, change_settings, read_settings
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_format import FORMAT
from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.film_notes import FilmNoteStore, Measurement
from xferviewer.studies.split_file import read_split

FORMATS = Path(__file__).parents[1] / "data" / "formats"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A copy of the files of older versions."""
    return Path(shutil.copytree(FORMATS, tmp_path / "older"))


def test_that_a_file_of_every_older_version_is_kept_here() -> None:
    kept = {path.name for path in FORMATS.iterdir()}
    for name, present in (
        ("card", CARD_VERSION),
        ("spec", SPEC_VERSION),
        ("job", STATUS_VERSION),
        ("catalogue", FORMAT),
    ):
        older = {int(found[1]) for each in kept if (found := re.fullmatch(rf"{name}-(\d+)(\.\w+)?", each))}
        assert set(range(1, present)) <= older, name


@pytest.mark.parametrize("version", range(1, CARD_VERSION))
def test_that_a_checkpoint_with_an_older_card_is_the_same_checkpoint(older: Path, version: int) -> None:
    checkpoint = read_checkpoint(older / f"card-{version}")
    verify_digest(checkpoint)
    assert checkpoint.card.card_version == version
    assert (checkpoint.findings, checkpoint.card.trained_findings) == (("Effusion", "Edema"), ("Effusion",))
    assert checkpoint.preprocessing.digest == read_checkpoint(older / "card-1").preprocessing.digest


def test_that_a_job_of_an_older_version_is_found_with_its_events_and_its_checkpoint(older: Path) -> None:
    job = JobFolder(older / "job-1")
    status = job.status()
    assert (status.state, status.step, status.steps, status.message) == ("finished", 8, 8, "Finished.")
    assert [event["kind"] for event in job.events()] == ["epoch"]
    assert job.spec().name == "lite0-imagenet"
    made = job.checkpoint()
    assert made is not None
    assert read_checkpoint(made).name == "older"


def test_that_predictions_of_the_first_version_are_found(older: Path) -> None:
    with PredictionStore(older / "predictions-1.sqlite") as store:
        key = PredictionKey("a" * 64, "b" * 64, 2)
        kept = store.get(key, ["1.2.1#0", "1.2.2#0", "1.2.3#0"])
        store.put_many(key, ["1.2.3#0"], [[1.0, 1.0]])
        assert store.missing(key, ["1.2.1#0", "1.2.3#0", "1.2.4#0"]) == ["1.2.4#0"]
    assert kept[:2].tolist() == [[0.5, -1.25], [2.0, 3.5]]
    assert np.isnan(kept[2]).all()


def test_that_notes_of_the_first_version_are_found(older: Path) -> None:
    store = FilmNoteStore(older / "film_notes-1.sqlite")
    notes = store.read("1.2.3#0")
    store.close()
    assert notes.measurements == (Measurement("ruler", ((1.25, 2.0), (4.0, 6.0))),)
    assert (notes.is_key, notes.note) == (True, "an old note")


def test_that_settings_of_before_count_and_stay_when_one_is_changed(older: Path) -> None:
    path = older / "settings.toml"
    chosen, complaints = read_settings(path)
    assert complaints == []
    assert chosen == Settings(
        theme="light", device="cpu", notice_seen=True, hub="on", mirror="/srv/weights", checkpoints=("/srv/a",),
        keys=("invert = Ctrl+J",), largest_frame_mib=2048,
    )  # fmt: skip
    change_settings(path, {"theme": "dark"})
    assert read_settings(path)[0].keys == ("invert = Ctrl+J",)


def test_that_a_catalogue_of_the_first_version_keeps_its_studies(older: Path) -> None:
    with Catalogue(older / "catalogue-1.sqlite") as catalogue:
        assert catalogue.counts().images == 3
    assert (older / "catalogue-1.sqlite.format-1").is_file()


def test_that_a_field_that_a_later_version_adds_does_not_make_another_run_of_a_paused_job() -> None:
    spec = read_spec(FORMATS / "spec-2.toml")
    same: list[Any] = []
    for each in fields(spec):
        if each.default_factory is not MISSING:
            same.append((each.name, Any, field(default_factory=each.default_factory)))
        elif each.default is not MISSING:
            same.append((each.name, Any, field(default=each.default)))
        else:
            same.append((each.name, Any))
    later = make_dataclass("Later", [*same, ("added", int, field(default=3))], frozen=True)
    values = {each.name: getattr(spec, each.name) for each in fields(spec)}
    assert chosen_of(later(**values)) == chosen_of(spec)
    assert chosen_of(later(**values, added=4)) != chosen_of(spec)
    assert chosen_of(replace(spec, recipe=replace(spec.recipe, epochs=99))) != chosen_of(spec)


# --- newer ones

Newer = tuple[str, Callable[[Path], None], Callable[[Path], object]]


def _numbered(pattern: str, number: str) -> Callable[[Path], None]:
    def make_newer(path: Path) -> None:
        text, count = re.subn(pattern, number, path.read_text(encoding="utf-8"), count=1, flags=re.M)
        assert count == 1, path
        path.write_text(text, encoding="utf-8")

    return make_newer


def _user_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _calibrated(path: Path) -> None:
    path.write_text(json.dumps({"version": 99, "findings": {}}), encoding="utf-8")


def _notes(folder: Path) -> object:
    return FilmNoteStore(folder / "film_notes-1.sqlite").read("1.2.3#0")


def _split(folder: Path) -> object:
    return read_split(folder / "split-1.csv", read_cohort(folder / "cohort-1"))


TOML = (r"^version = 1$", "version = 99")
NEWER: tuple[Newer, ...] = (
    ("catalogue-1.sqlite", _user_version, lambda f: Catalogue(f / "catalogue-1.sqlite")),
    ("predictions-1.sqlite", _user_version, lambda f: PredictionStore(f / "predictions-1.sqlite")),
    ("film_notes-1.sqlite", _user_version, _notes),
    ("card-1/README.md", _numbered(r"^card_version: 1$", "card_version: 99"), lambda f: read_checkpoint(f / "card-1")),
    ("card-1/calibration.json", _calibrated, lambda f: read_calibration(read_checkpoint(f / "card-1"))),
    ("spec-1.toml", _numbered(*TOML), lambda f: read_spec(f / "spec-1.toml")),
    ("job-1/status.json", _numbered(r'"version": 1', '"version": 99'), lambda f: JobFolder(f / "job-1").status()),
    ("cohort-1/cohort.toml", _numbered(*TOML), lambda f: read_cohort(f / "cohort-1")),
    ("split-1.toml", _numbered(*TOML), _split),
)


@pytest.mark.parametrize(("name", "make_newer", "read"), NEWER, ids=[name for name, *_ in NEWER])
def test_that_a_newer_file_is_refused_in_three_parts_and_left_as_it_is(
    older: Path, name: str, make_newer: Callable[[Path], None], read: Callable[[Path], object]
) -> None:
    make_newer(older / name)
    before = {path: path.read_bytes() for path in older.rglob("*") if path.is_file()}
    with pytest.raises(XferviewerError) as told:
        read(older)
    assert "99" in told.value.why
    assert told.value.what
    assert told.value.todo
    assert {path: path.read_bytes() for path in older.rglob("*") if path.is_file()} == before
