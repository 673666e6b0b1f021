"""Splits keep groups whole, give every part its share, and depend on the seed alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.errors import UnusableChoice
from xferviewer.studies.split_making import SplitPlan, fraction_of, groups_of, make_split
from xferviewer.studies.stratification import assign_groups, by_group, evidence_of, nested_order

rows = st.lists(
    st.tuples(st.integers(0, 12), st.tuples(*[st.sampled_from([1.0, 0.0, -1.0, float("nan")])] * 3)),
    min_size=1,
    max_size=60,
)


def parts_of(cohort, parts):
    """Which parts each group is in."""
    found = {}
    for group, part in zip(groups_of(cohort), parts, strict=True):
        found.setdefault(group, set()).add(part)
    return found


@settings(deadline=None, max_examples=150)
@given(rows, st.integers(0, 3), st.sampled_from([{}, {"folds": 3}, {"fraction": 0.3}, {"test": 0.0}]))
def test_that_no_group_is_in_two_parts_of_any_table(table, drawn, seed, options):
    cohort = table([str(patient) for patient, _ in drawn], [labels for _, labels in drawn])
    made = make_split(cohort, SplitPlan(seed=seed, **options))
    assert all(len(parts) == 1 for parts in parts_of(cohort, made.parts).values())
    assert not made.published_leak


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(0, 3))
def test_that_the_order_of_the_rows_does_not_matter_to_a_seed(table, drawn, shuffler, seed):
    numbered = [(f"{number}.png", *row) for number, row in enumerate(drawn)]
    turned = shuffler.sample(numbered, len(numbered))
    found = []
    for each in (numbered, turned):
        cohort = table(
            [str(p) for _, p, _ in each], [labels for *_, labels in each], images=[name for name, *_ in each]
        )
        made = make_split(cohort, SplitPlan(seed=seed, fraction=0.5))
        found.append(dict(zip(cohort.images, made.parts, strict=True)))
    assert found[0] == found[1]


def crowd(patients, seed):
    """Labels of three findings, 30, 8 and 2 % of 1 to 6 images of each patient, who tend to keep what they have."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 7, patients)
    groups = np.repeat(np.arange(patients), sizes)
    had = random.random((patients, 3)) < np.array([0.3, 0.08, 0.02])
    flips = random.random((len(groups), 3)) < 0.1
    labels = np.where(flips, False, had[groups]).astype(np.float32)
    return [f"{group:05d}" for group in groups], labels


@pytest.mark.parametrize("seed", range(5))
def test_that_every_part_has_its_share_of_images_and_of_each_finding(table, seed):
    patients, labels = crowd(600, seed)
    cohort = table(patients, labels)
    made = np.array(make_split(cohort, SplitPlan(seed=seed)).parts)
    for part, share in (("training", 0.7), ("validation", 0.15), ("test", 0.15)):
        inside = made == part
        assert abs(inside.mean() - share) * len(made) <= 6  # the largest patient
        # each finding to within the images of one patient
        np.testing.assert_allclose(labels[inside].sum(axis=0), labels.sum(axis=0) * share, atol=6)


def test_that_patients_drawn_by_lot_alone_miss_those_shares():
    """The bounds above are not met by chance: a split of the same patients without regard to labels breaks them."""
    missed = 0
    for seed in range(5):
        patients, labels = crowd(600, seed)
        names = np.unique(patients)
        chosen = np.random.default_rng(seed).permutation(names)[: round(0.15 * len(names))]
        inside = np.isin(patients, chosen)
        missed += bool((np.abs(labels[inside].sum(axis=0) - 0.15 * labels.sum(axis=0)) > 6).any())
    assert missed >= 3


def test_that_folds_are_of_one_size_with_the_same_prevalences(table):
    patients, labels = crowd(500, 7)
    made = make_split(table(patients, labels), SplitPlan(folds=5, test=0.0))
    counts = np.array([[np.sum(np.array(made.parts) == str(fold + 1))] for fold in range(5)])
    assert sorted(set(made.parts)) == ["1", "2", "3", "4", "5"]
    assert np.ptp(counts) <= 6
    positives = np.array([labels[np.array(made.parts) == str(fold + 1)].sum(axis=0) for fold in range(5)])
    assert (np.ptp(positives, axis=0) <= 7).all()
    assert made.method == "by patient, stratified, 5 folds"


def test_that_findings_that_meet_are_dealt_out_together():
    """Two findings on the same images: single labels could be even while all that have both are in one part."""
    labels = np.array([[1, 1]] * 20 + [[1, 0]] * 100 + [[0, 1]] * 100 + [[0, 0]] * 400, dtype=np.float32)
    evidence = evidence_of(labels, pairs=True)
    part = assign_groups(evidence, np.ones(len(labels)), (0.5, 0.5), np.random.default_rng(0))
    assert (labels[:20].sum(), np.sum(part[:20] == 0)) == (40, 10)


def test_that_uncertain_and_unstated_labels_are_spread_too():
    nan = np.nan
    labels = np.array([[1]] * 8 + [[-1]] * 8 + [[0]] * 16 + [[nan]] * 40, dtype=np.float32)
    evidence = evidence_of(labels)
    assert evidence.sum(axis=0).tolist() == [8, 16, 8]  # present, absent, uncertain; unstated is what is left
    part = assign_groups(evidence, np.ones(72), (0.5, 0.25, 0.25), np.random.default_rng(1))
    for state, rows in (("present", slice(0, 8)), ("uncertain", slice(8, 16)), ("absent", slice(16, 32))):
        assert np.bincount(part[rows]).tolist() in ([4, 2, 2], [8, 4, 4]), state


@settings(deadline=None)
@given(rows, st.integers(0, 3), st.lists(st.floats(0.01, 1), min_size=2, max_size=4))
def test_that_a_smaller_fraction_lies_in_a_larger_one_and_keeps_groups_whole(table, drawn, seed, fractions):
    cohort = table([str(patient) for patient, _ in drawn], [labels for _, labels in drawn])
    groups, everything = groups_of(cohort), np.ones(len(drawn), dtype=bool)
    kept = [fraction_of(cohort.labels, groups, everything, share, seed) for share in sorted(fractions)]
    for smaller, larger in pairwise(kept):
        assert not (smaller & ~larger).any()
    for share, one in zip(sorted(fractions), kept, strict=True):
        inside = {group for group, keep in zip(groups, one, strict=True) if keep}
        assert one.tolist() == [group in inside for group in groups]
        largest = max(groups.count(group) for group in groups)
        assert share * len(drawn) - 1e-9 <= one.sum() < share * len(drawn) + largest


def test_that_fractions_are_stratified(table):
    patients, labels = crowd(2000, 3)
    kept = fraction_of(labels, patients, np.ones(len(labels), dtype=bool), 0.1, 0)
    np.testing.assert_allclose(labels[kept].sum(axis=0), 0.1 * labels.sum(axis=0), atol=6)  # images of one patient


def test_that_a_frozen_fraction_is_the_fraction_that_a_job_takes_of_the_whole_split(table):
    patients, labels = crowd(200, 5)
    cohort = table(patients, labels)
    whole, tenth = (make_split(cohort, SplitPlan(seed=4, fraction=share)) for share in (1.0, 0.1))
    training = np.array(whole.parts) == "training"
    taken = fraction_of(labels, groups_of(cohort), training, 0.1, 4)
    assert (np.array(tenth.parts) == "training").tolist() == taken.tolist()
    others = ~training
    assert np.array(tenth.parts)[others].tolist() == np.array(whole.parts)[others].tolist()


def test_that_an_order_names_every_group_once():
    _, _, evidence, sizes = by_group([str(n % 37) for n in range(100)], np.ones((100, 1)))
    assert sorted(nested_order(evidence, sizes, np.random.default_rng(0))) == list(range(37))


def test_that_images_without_patient_go_by_their_study_or_alone(table):
    cohort = table(["p", "", "", "p"], [[0]] * 4)
    assert len(set(groups_of(cohort))) == 3
    assert "2 images name no patient" in make_split(cohort, SplitPlan()).notes[0]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"validation": 0.6, "test": 0.5}, "leave nothing"),
        ({"validation": 1.0}, "below 1"),
        ({"folds": 1}, "at least 2 folds"),
        ({"fraction": 0.0}, "above 0"),
        ({"folds": 3, "fraction": 0.5}, "of folds no fraction"),
        ({"method": "official", "test": 0.1}, "only the method stratified"),
        ({"seed": -1}, "negative"),
        ({"method": "p1-image-level", "folds": 3}, "as it was published"),
        ({"method": "p1-image-level", "validation": 0.1}, "as it was published"),
        ({"method": "official", "lists": {"test": "a.txt"}}, "takes no such lists"),
        ({"method": "lists", "lists": {"folder": "a"}}, "takes no such lists"),
    ],
)
def test_that_an_impossible_plan_is_named(options, why):
    with pytest.raises(ValueError, match=why):
        SplitPlan(**options)


def test_that_a_cohort_without_official_split_says_so(table):
    with pytest.raises(UnusableChoice, match="has no official split"):
        make_split(table(["a", "b"], [[1], [0]]), SplitPlan(method="official"))
