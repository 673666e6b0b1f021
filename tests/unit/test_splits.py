"""The split of a cohort is found again from its digest, wherever its seed is known."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.checkpoints import read_checkpoint
from xferviewer.resources import bundled_checkpoints
from xferviewer.studies.phantom.patients import plan_study
from xferviewer.studies.splits import find_split, split_digest, split_patients

NAMES = [f"{row}.png" for row in range(60)]
PATIENTS = [str(row // 2) for row in range(60)]


def test_that_the_split_of_a_seed_is_found_by_its_digest_in_any_order_of_the_rows():
    made = split_patients(NAMES, PATIENTS, 0.2 * 60, seed=5)
    order = np.random.default_rng(0).permutation(60)
    names, patients = [NAMES[row] for row in order], [PATIENTS[row] for row in order]
    found = find_split(names, patients, made.digest, made.validation.size, [0, 5])
    assert found is not None
    assert {names[row] for row in found.training} == {NAMES[row] for row in made.training}


def test_that_no_split_is_made_up_where_rows_or_seeds_are_others():
    made = split_patients(NAMES, PATIENTS, 12, seed=5)
    assert find_split(NAMES, PATIENTS, made.digest, 12, [0, 1]) is None
    assert find_split(NAMES[1:], PATIENTS[1:], made.digest, 12, [5]) is None
    assert find_split(NAMES, ["x", *PATIENTS[1:]], made.digest, 12, [5]) is None


def test_that_the_digest_tells_sides_names_and_patients_apart():
    digest = split_digest(["a", "b"], ["1", "2"], [1])
    assert digest == split_digest(["b", "a"], ["2", "1"], [0])
    assert digest not in (
        split_digest(["a", "b"], ["1", "2"], [0]),
        split_digest(["a", "c"], ["1", "2"], [1]),
        split_digest(["a", "b"], ["1", "3"], [1]),
    )


@pytest.mark.parametrize("folder", bundled_checkpoints(), ids=lambda folder: folder.name)
def test_that_the_split_on_a_bundled_card_is_found_again(folder):
    card = read_checkpoint(folder).card
    count = card.data.training + card.data.validation
    patients = [plan_study(card.data.seed, card.data.site, index).patient.patient_id for index in range(count)]
    names = [f"{card.data.site}-{index:06d}.png" for index in range(count)]
    found = find_split(names, patients, card.data.split_digest, card.data.validation, [card.seed])
    assert found is not None
    assert (found.training.size, found.validation.size) == (card.data.training, card.data.validation)
