"""Lengths name their calibration; without one they are pixels."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.studies.film_lengths import Calibration, round_length
from xferviewer.studies.images import read_image


@given(at_most=st.floats(1e-3, 1e4))
def test_that_a_scale_bar_is_one_two_or_five_and_fills_at_least_two_fifths_of_its_room(at_most: float) -> None:
    length, _ = round_length(at_most)
    assert 0.399 * at_most < length <= at_most * (1 + 1e-6)
    assert f"{length:.0e}"[0] in "125"


@pytest.mark.parametrize(
    ("at_most", "words"), [(170, "10 cm"), (70, "5 cm"), (19, "1 cm"), (9.9, "5 mm"), (0.3, "0.2 mm")]
)
def test_that_a_scale_bar_is_written_in_centimetres_from_one_on(at_most: float, words: str) -> None:
    assert round_length(at_most)[1] == words


def test_that_rows_and_columns_have_their_own_distances() -> None:
    calibration = Calibration(2.0, 0.5, "mm", "in the patient")
    assert calibration.length(4, 0) == 2
    assert calibration.length(0, 4) == 8
    assert calibration.length(3 / 0.5, 4 / 2.0) == 5


@pytest.mark.parametrize(
    ("modality", "stated", "source"),
    [
        ("CT", {"PixelSpacing": [0.5, 0.4]}, "in the patient"),
        ("DX", {"ImagerPixelSpacing": [0.5, 0.4]}, "at the detector"),
        ("DX", {"PixelSpacing": [0.5, 0.4], "ImagerPixelSpacing": [0.5, 0.4]}, "at the detector"),
        ("DX", {"PixelSpacing": [0.5, 0.4], "ImagerPixelSpacing": [0.6, 0.5]}, "in the patient"),
        ("CR", {"PixelSpacing": [0.5, 0.4], "PixelSpacingCalibrationType": "FIDUCIAL"}, "in the patient"),
        ("CR", {"PixelSpacing": [0.5, 0.4]}, "as the file says"),
        ("CR", {"NominalScannedPixelSpacing": [0.5, 0.4]}, "on the scanned film"),
        ("DX", {}, ""),
    ],
)
def test_that_the_source_of_a_distance_is_named(
    cohort: Path, tmp_path: Path, modality: str, stated: dict[str, object], source: str
) -> None:
    dataset = pydicom.dcmread(next(iter(sorted((cohort / "A" / "images").glob("*.dcm")))))
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelSpacingCalibrationType"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.Modality = modality
    for keyword, value in stated.items():
        setattr(dataset, keyword, value)
    dataset.save_as(tmp_path / "film.dcm")
    calibration = Calibration.of(read_image(tmp_path / "film.dcm"))
    assert calibration.source == source
    assert (calibration.row, calibration.column, calibration.unit) == ((0.5, 0.4, "mm") if source else (1, 1, "px"))
