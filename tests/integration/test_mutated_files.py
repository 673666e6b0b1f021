"""A part of the ten thousand damaged files of `mutations`: each is indexed and opened, and accounted for."""

from __future__ import annotations

import pytest
from tests.integration.conformance import SHARED
from tests.integration.mutations import account, mutated, originals

from xferviewer.studies.film_reading import FilmReading

FILES = 240


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not beside this checkout")
def test_that_each_damaged_file_is_shown_or_refused_and_the_index_counts_it(tmp_path):
    folder = tmp_path / "damaged"
    folder.mkdir()
    reading = FilmReading(2)

    outcomes = account(range(FILES), folder, reading)
    reading.close()

    indexed = outcomes.pop("indexed as images")
    assert sum(outcomes.values()) == FILES
    assert outcomes["shown"] > FILES // 6  # else the damage would only ever reach the first bytes
    assert outcomes["refused with a reason"] > FILES // 6
    assert outcomes["shown"] <= indexed + FILES // 10


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not beside this checkout")
def test_that_the_damage_is_the_same_each_time_and_differs_from_file_to_file():
    assert mutated(7) == mutated(7)
    assert len({mutated(number)[1] for number in range(50)}) == 50
    assert mutated(7)[1] not in {data for _, data in originals()}
