"""Maps against regions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.localisation import MEASURES, Localisation, MeasuredMap, localise, summarise
from xferviewer.evaluation.map_geometry import WHOLE

MAPS = arrays.arrays(np.float32, (16, 16), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]))
REGIONS = arrays.arrays(np.bool_, (16, 16)).filter(np.any)


def box(rows: slice, columns: slice, size: int = 100) -> np.ndarray:
    region = np.zeros((size, size), bool)
    region[rows, columns] = True
    return region


def one_peak(row: int, column: int, size: int = 100) -> np.ndarray:
    values = np.zeros((size, size), np.float32)
    values[row, column] = 1
    return values


@pytest.mark.parametrize(
    ("row", "column", "hit"),
    [(45, 45, 1.0), (24, 45, 0.0), (25, 45, 1.0), (74, 45, 1.0), (75, 45, 0.0), (30, 30, 1.0), (29, 29, 0.0)],
)
def test_that_the_maximum_may_lie_fifteen_pixels_from_the_box_and_not_sixteen(row, column, hit):
    # Rows and columns 40 to 59; at the corner the distance is that of the diagonal: 10² + 10² ≤ 15² < 11² + 11².
    assert localise(one_peak(row, column), WHOLE, box(slice(40, 60), slice(40, 60))).hit == hit


def test_that_of_equal_maxima_the_first_one_points():
    values = one_peak(10, 10) + one_peak(80, 80)
    assert localise(values, WHOLE, box(slice(75, 85), slice(75, 85))).hit == 0
    assert localise(values, WHOLE, box(slice(5, 15), slice(5, 15))).hit == 1


def test_that_the_tolerance_is_counted_in_pixels_of_the_film_and_not_of_the_map():
    # The map's pixel (1, 1) of 4 × 4 reaches over rows and columns 100 to 199 of a film of 400: centre near 149.
    values = one_peak(1, 1, 4)
    near, far = box(slice(150, 151), slice(163, 170), 400), box(slice(150, 151), slice(168, 170), 400)
    assert localise(values, WHOLE, near).hit == 1
    assert localise(values, WHOLE, far).hit == 0


def test_that_a_map_without_evidence_points_nowhere():
    measured = localise(np.zeros((8, 8), np.float32), WHOLE, box(slice(0, 5), slice(0, 5), 16))
    assert math.isnan(measured.energy)
    assert (measured.hit, measured.iou, measured.dice, measured.iou_of_area) == (0, 0, 0, 0)


def test_that_a_map_equal_to_its_region_is_perfect():
    region = box(slice(20, 40), slice(30, 50))
    assert localise(region.astype(np.float32), WHOLE, region).values.tolist() == [1] * 6


def test_that_the_measures_are_those_of_paper_and_pencil():
    values = np.zeros((2, 4), np.float32)
    values[0] = [1.0, 0.5, 0.1, 0.0]  # above 15 % of the maximum: the first two
    region = np.array([[False, True, True, True], [False, False, False, False]])
    measured = localise(values, WHOLE, region)
    assert measured.energy == pytest.approx(0.6 / 1.6)
    assert (measured.iou, measured.dice) == (pytest.approx(1 / 4), pytest.approx(2 / 5))
    # As many of the highest pixels as the region has: 1.0, 0.5 and 0.1, two of them inside.
    assert (measured.iou_of_area, measured.dice_of_area) == (pytest.approx(2 / 4), pytest.approx(4 / 6))


@given(MAPS, REGIONS)
def test_that_every_measure_is_a_share_and_dice_follows_from_iou(values, region):
    measured = localise(values, WHOLE, region)
    assert all(0 <= value <= 1 + 1e-12 for value in measured.values if not math.isnan(value))
    for iou, dice in ((measured.iou, measured.dice), (measured.iou_of_area, measured.dice_of_area)):
        assert dice == pytest.approx(2 * iou / (1 + iou))


@given(MAPS, REGIONS, st.sampled_from([0.5, 2.0, 4.0]))
def test_that_no_measure_depends_on_the_scale_of_the_map(values, region, factor):
    np.testing.assert_allclose(
        localise(values, WHOLE, region).values, localise(values * np.float32(factor), WHOLE, region).values
    )


@given(MAPS, REGIONS)
def test_that_turning_film_map_and_region_over_changes_no_overlap(values, region):
    straight, over = localise(values, WHOLE, region), localise(values[::-1], WHOLE, region[::-1])
    assert (over.iou, over.dice) == (straight.iou, straight.dice)
    assert over.energy == pytest.approx(straight.energy, nan_ok=True)


def test_that_an_empty_region_is_refused():
    with pytest.raises(ValueError, match="no pixel"):
        localise(one_peak(1, 1), WHOLE, np.zeros((100, 100), bool))


def measured(hit: float, energy: float, finding: str, checkpoint: str = "a", patient: str = "") -> MeasuredMap:
    return MeasuredMap("x", checkpoint, finding, Localisation(hit, energy, 0.2, 0.4, 0.1, 0.3), patient)


def test_that_the_pointing_game_is_counted_per_finding_with_wilsons_interval_and_then_averaged():
    maps = [measured(1, 0.5, "Mass", patient="p"), measured(0, 0.1, "Mass", patient="p"), measured(1, 0.3, "Edema")]
    mass, edema, mean = summarise(maps)
    assert (mass.finding, mass.n, mass.n_patients, mass.pointing.value) == ("Mass", 2, 1, 0.5)
    assert (mass.pointing.lower, mass.pointing.upper) == pytest.approx(tuple(map(float, wilson(1, 2))))
    assert (edema.n, edema.pointing.value) == (1, 1)
    assert (mean.finding, mean.n, mean.pointing.value) == ("", 3, 0.75)
    assert mean.energy.value == pytest.approx((0.3 + 0.3) / 2)


def test_that_a_zero_map_is_a_miss_and_counts_in_no_mean_of_energy():
    (mass, _) = summarise([measured(1, 0.5, "Mass"), measured(0, math.nan, "Mass")])
    assert (mass.n, mass.n_empty, mass.pointing.value, mass.energy.value) == (2, 1, 0.5, 0.5)


def test_that_intervals_of_shares_stay_between_nought_and_one():
    (mass, _) = summarise([measured(1, 0.0, "Mass"), measured(0, 0.9, "Mass")])
    assert (mass.energy.lower, mass.energy.upper) == (0, 1)


def test_that_the_measures_have_the_order_that_they_are_sent_in():
    assert tuple(Localisation.__dataclass_fields__) == MEASURES
