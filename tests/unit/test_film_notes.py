"""What a person keeps about films: found again, whole or not at all, measured with the calibration named."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.errors import UnusableFolder
from xferviewer.studies.film_lengths import Calibration
from xferviewer.studies.film_measurements import angle, quantities, region, words_of
from xferviewer.studies.film_notes import NOTHING, FilmNotes, FilmNoteStore, Measurement, Verdict
from xferviewer.studies.image import Image, ImageFacts

RULER = Measurement("ruler", ((1.25, 2.0), (4.0, 6.0)))
VERDICT = Verdict("ab" * 32, "probe", "Effusion", True, False)
KEPT = FilmNotes(
    (RULER, Measurement("angle", ((0.0, 1.0), (0.0, 0.0), (1.0, 0.0)))), True, "hinter dem Herzen ä\n2", (VERDICT,)
)
FORMATS = Path(__file__).parents[1] / "data" / "formats"


def film(pixels: np.ndarray, **changes: object) -> Image:
    given = {"unit": "", "windows": (), "voi_lut": None, "inverted": False, "spacing_mm": None, "orientation": None}
    return Image(pixels, **{**given, **changes}, identity="", frame=0, frames=1, facts=ImageFacts())


def test_that_what_is_kept_is_found_at_the_next_start_and_removed_where_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    store = FilmNoteStore(path)
    assert store.read("a") == NOTHING
    assert not path.exists()  # looking makes no file
    store.write("a", KEPT)
    store.write("b", FilmNotes(is_key=True))
    store.close()
    again = FilmNoteStore(path)
    assert again.read("a") == KEPT
    again.write("b", NOTHING)
    assert again.all() == {"a": KEPT}
    again.close()


@pytest.mark.parametrize("statement", ["PRAGMA user_version = 99", "PRAGMA application_id = 7"])
def test_that_a_newer_file_or_one_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "notes.sqlite"
    store = FilmNoteStore(path)
    store.write("a", KEPT)
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(UnusableFolder):
        FilmNoteStore(path).read("a")
    with pytest.raises(UnusableFolder):
        FilmNoteStore(path).write("a", NOTHING)
    assert path.read_bytes() == before


def test_that_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.sqlite").write_bytes(b"no database, only words" * 99)
    with pytest.raises(UnusableFolder):
        FilmNoteStore(tmp_path / "notes.sqlite").read("a")


@pytest.mark.parametrize(("kind", "points"), [("ruler", 3), ("circle", 2), ("angle", 2)])
def test_that_there_is_no_measurement_of_another_shape(kind: str, points: int) -> None:
    with pytest.raises(ValueError, match="no measurement"):
        Measurement(kind, ((0.0, 0.0),) * points)


def test_that_a_length_is_millimetres_of_the_file_or_pixels() -> None:
    pixels = np.zeros((9, 9), np.uint8)
    calibrated = film(pixels, spacing_mm=(0.5, 2.0), spacing_source="at the detector")
    assert words_of(Measurement("ruler", ((0, 0), (2, 6))), calibrated) == "5.0 mm at the detector"
    assert words_of(Measurement("ruler", ((0, 0), (3, 4))), film(pixels)) == "5.0 px"


@given(degrees=st.floats(1, 179), turned=st.floats(0, 360), long=st.floats(1, 50), row=st.floats(0.2, 3))
def test_that_an_angle_is_that_of_the_plane_of_the_film(degrees: float, turned: float, long: float, row: float) -> None:
    one, other = np.radians(turned), np.radians(turned + degrees)
    calibration = Calibration(row, 0.7, "mm", "")
    points = ((np.cos(one) / 0.7, np.sin(one) / row), (0, 0), (long * np.cos(other) / 0.7, long * np.sin(other) / row))
    assert angle(Measurement("angle", points), calibration) == pytest.approx(degrees, abs=1e-6)


def test_that_a_region_is_the_pixels_whose_centres_lie_in_it() -> None:
    pixels = np.arange(25, dtype=np.int16).reshape(5, 5)
    inside = region(Measurement("ellipse", ((1, 1), (4, 4))), film(pixels))
    assert sorted(inside.tolist()) == [6, 7, 8, 11, 12, 13, 16, 17, 18]
    assert region(Measurement("ellipse", ((2.2, 2.2), (2.8, 2.8))), film(pixels)).tolist() == [12]
    assert region(Measurement("ellipse", ((-9, -9), (-1, -1))), film(pixels)).size == 0
    assert region(Measurement("ellipse", ((2, 2), (2, 4))), film(pixels)).size == 0


def test_that_the_words_of_a_region_are_numpy_s_numbers_with_the_unit() -> None:
    values = np.random.default_rng(4).normal(40, 9, (40, 40)).astype(np.float32)
    image = film(values, unit="HU", spacing_mm=(0.5, 0.5), spacing_source="in the patient")
    region_of = Measurement("ellipse", ((3.2, 4.1), (30.5, 38.0)))
    inside = region(region_of, image).astype(np.float64)
    mean, extent, count, size = words_of(region_of, image).splitlines()
    assert mean == f"mean {inside.mean():.1f} SD {inside.std(ddof=1):.1f} HU"
    assert extent == f"{inside.min():g} to {inside.max():g}"
    assert count == f"n {inside.size} px"
    assert size == f"{np.pi / 4 * 27.3 * 33.9 * 0.25:.1f} mm² in the patient"
    assert inside.size == pytest.approx(np.pi / 4 * 27.3 * 33.9, rel=0.02)


def test_that_stored_values_are_called_so_and_colour_has_three_means() -> None:
    whole = Measurement("ellipse", ((0, 0), (8, 8)))
    assert "mean 5.0 SD 0.0 stored values" in words_of(whole, film(np.full((8, 8), 5, np.uint16)))
    colour = np.zeros((8, 8, 3), np.uint8)
    colour[..., 1] = 200
    assert "mean R 0 G 200 B 0" in words_of(whole, film(colour))


def test_that_of_a_checkpoint_and_a_finding_there_is_one_verdict() -> None:
    other = Verdict("ab" * 32, "probe", "Edema", False, True)
    changed = Verdict("ab" * 32, "probe", "Effusion", True, True)
    notes = FilmNotes().with_verdict(VERDICT).with_verdict(other).with_verdict(changed)
    assert notes.verdict("ab" * 32, "Effusion") == changed
    assert notes.verdict("cd" * 32, "Effusion") is None
    assert set(notes.verdicts) == {other, changed}
    assert notes.without_verdict("ab" * 32, "Effusion").verdicts == (other,)


def test_that_a_file_of_the_first_format_is_read_and_stays_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "film_notes.sqlite"
    shutil.copyfile(FORMATS / "film_notes-1.sqlite", path)
    store = FilmNoteStore(path)
    before = store.all()
    assert before == {"1.2.3#0": FilmNotes((RULER,), True, "an old note")}
    store.write("1.2.3#0", before["1.2.3#0"].with_verdict(VERDICT))
    store.close()
    again = FilmNoteStore(path)
    assert again.read("1.2.3#0").verdicts == (VERDICT,)
    again.close()
    kept = FilmNoteStore(tmp_path / "film_notes.sqlite.format-1")  # migrated in its turn, not refused
    assert kept.all() == before
    kept.close()


def test_that_every_number_of_a_measurement_has_its_unit_and_lengths_their_calibration() -> None:
    values = np.random.default_rng(4).normal(40, 9, (40, 40)).astype(np.float32)
    image = film(values, unit="HU", spacing_mm=(0.5, 0.25), spacing_source="in the patient")
    found = {each.name: each for each in quantities(Measurement("ellipse", ((3.2, 4.1), (30.5, 38.0))), image)}
    inside = region(Measurement("ellipse", ((3.2, 4.1), (30.5, 38.0))), image).astype(np.float64)
    assert found["mean"].value == inside.mean()
    assert found["standard deviation"].value == inside.std(ddof=1)
    assert {name: each.unit for name, each in found.items()} == {
        "mean": "HU", "standard deviation": "HU", "minimum": "HU", "maximum": "HU", "pixels": "pixels", "area": "mm²",
    }  # fmt: skip
    assert {name for name, each in found.items() if each.calibration} == {"area"}
    (length,) = quantities(Measurement("ruler", ((0, 0), (4, 0))), image)
    assert (length.value, length.unit, length.calibration) == (1.0, "mm", "in the patient")
    (turn,) = quantities(Measurement("angle", ((4, 0), (0, 0), (0, 3))), image)
    assert (turn.value, turn.unit) == (pytest.approx(90), "°")
    assert [each.unit for each in quantities(Measurement("ruler", ((0, 0), (4, 0))), film(values))] == ["px"]
    colour = np.zeros((8, 8, 3), np.uint8)
    names = [each.name for each in quantities(Measurement("ellipse", ((0, 0), (8, 8))), film(colour))]
    assert names == ["mean red", "mean green", "mean blue", "pixels", "area"]
