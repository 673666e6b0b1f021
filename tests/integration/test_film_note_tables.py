"""`xferviewer notes`: every number with its unit, the image by its digest, and nobody's name."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pydicom
import pytest

from xferviewer.cli import main
from xferviewer.studies.film_measurements import quantities
from xferviewer.studies.film_notes import FilmNotes, FilmNoteStore, Measurement, Verdict
from xferviewer.studies.images import read_image

RULER = Measurement("ruler", ((10.5, 20.0), (40.0, 61.25)))
ELLIPSE = Measurement("ellipse", ((10.0, 20.0), (40.0, 61.0)))
VERDICT = Verdict("ab" * 32, "probe", "Effusion", True, False)


@pytest.fixture
def films(cohort: Path, tmp_path: Path) -> list[Path]:
    """Two films of a patient with a name, in files that are called like him."""
    folder = tmp_path / "films"
    folder.mkdir()
    made = []
    for number, source in enumerate(sorted((cohort / "A" / "images").glob("*.dcm"))[:2]):
        dataset = pydicom.dcmread(source)
        dataset.PatientName, dataset.PatientID = "Quixote^Alonso", "QUIXOTE-7"
        dataset.save_as(folder / f"Quixote{number}.dcm")
        made.append(folder / f"Quixote{number}.dcm")
    return made


@pytest.fixture
def notes(films: list[Path], tmp_path: Path) -> Path:
    store = FilmNoteStore(tmp_path / "film_notes.sqlite")
    store.write(read_image(films[0]).identity, FilmNotes((RULER, ELLIPSE), True, "Quixote has a shadow", (VERDICT,)))
    store.write(read_image(films[1]).identity, FilmNotes(is_key=True))
    store.write("1.2.3#0", FilmNotes((RULER,)))
    store.close()
    return tmp_path / "film_notes.sqlite"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict]:
    code = main(["notes", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_that_the_tables_hold_what_the_window_shows_and_nobody_s_name(
    films: list[Path], notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tables"
    code, said = run(capsys, "--out", out, "--images", films[0].parent, "--notes", notes)
    assert code == 0
    assert (said["measurements"], said["verdicts"], said["images"], said["elsewhere"]) == (2, 1, 1, 1)
    image = read_image(films[0])
    digest = hashlib.sha256(films[0].read_bytes()).hexdigest()
    measured = rows_of(out / "measurements.csv")
    expected = [
        (str(number), each.name, each.value, each.unit, each.calibration)
        for number, measurement in enumerate((RULER, ELLIPSE), 1)
        for each in quantities(measurement, image)
    ]
    got = [(r["measurement"], r["quantity"], float(r["value"]), r["unit"], r["calibration"]) for r in measured]
    assert got == expected
    assert {(r["image"], r["sha256"], r["frame"]) for r in measured} == {(image.identity, digest, "0")}
    assert measured[0]["points"] == "10.5 20.0; 40.0 61.25"
    (verdict,) = rows_of(out / "agreement.csv")
    assert verdict == {
        "image": image.identity, "sha256": digest, "frame": "0", "checkpoint": "probe", "weights_sha256": "ab" * 32,
        "finding": "Effusion", "called": "1", "agrees": "0",
    }  # fmt: skip
    written = b"".join(path.read_bytes() for path in out.iterdir()).lower()
    assert b"quixote" not in written
    assert image.facts.study_date.encode() not in written


def test_that_an_image_that_is_gone_is_named_with_its_reason_and_costs_only_itself(
    films: list[Path], notes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = tmp_path / "catalogue.sqlite"
    assert main(["index", str(films[0].parent), "--catalogue", str(catalogue)]) == 0
    store = FilmNoteStore(notes)
    store.write(read_image(films[1]).identity, FilmNotes((RULER,)))
    store.close()
    films[0].unlink()
    capsys.readouterr()
    code, said = run(capsys, "--out", tmp_path / "tables", "--images", catalogue, "--notes", notes)
    assert code == 1
    assert [each["path"] for each in said["failed"]] == [str(films[0])]
    assert (said["measurements"], said["verdicts"], said["images"]) == (1, 0, 1)


def test_that_it_reads_the_window_s_own_files_unless_told_otherwise(
    films: list[Path], notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("XFERVIEWER_HOME", str(home))
    shutil.copyfile(notes, home / "film_notes.sqlite")
    main(["index", str(films[0].parent), "--catalogue", str(home / "catalogue.sqlite")])
    capsys.readouterr()
    code, said = run(capsys, "--out", tmp_path / "tables")
    assert (code, said["measurements"]) == (0, 2)
    code, said = run(capsys, "--out", tmp_path / "tables", "--images", tmp_path / "nothing")
    assert (code, set(said["error"])) == (2, {"what", "why", "todo"})
