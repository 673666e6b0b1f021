"""Resampling with replacement, of cases within their class or of whole patients."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.sorted_cases import sort_cases


def stated_patients(labels: ArrayLike, patients: ArrayLike | None) -> NDArray[np.generic] | None:
    """Whose the cases with a stated label are: `patients` (n,) without those where `labels` (n,) is NaN; None of None.

    Raises ValueError for another length.
    """
    if patients is None:
        return None
    stated, owners = ~np.isnan(np.asarray(labels, dtype=np.float64)), np.asarray(patients)
    if owners.shape != stated.shape:
        raise ValueError(f"expected a patient for each of {stated.size} cases, got shape {owners.shape}")
    return owners[stated]


def draws(
    positive: NDArray[np.bool_], patients: NDArray[np.generic] | None, resamples: int, random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """How often each case is in each of the resamples, (n,) int64 at a time.

    positive  (n,) of the cases.
    patients  (n,) whose case it is; None draws cases. Drawn are patients with a positive case and patients without
              one, each as many as there are.

    The draws rest on the cases alone: every number of every checkpoint that is taken from one draw is paired.
    """
    owner = np.arange(positive.size) if patients is None else np.unique(patients, return_inverse=True)[1]
    has_positive = np.bincount(owner, weights=positive) > 0
    strata = [np.flatnonzero(has_positive), np.flatnonzero(~has_positive)]
    for _ in range(resamples):
        times = np.zeros(has_positive.size, dtype=np.int64)
        for stratum in strata:
            times[stratum] = np.bincount(random.integers(stratum.size, size=stratum.size), minlength=stratum.size)
        yield times[owner]


def resampled_aucs(
    cases: StatedCases, patients: NDArray[np.generic] | None, resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """The AUC of each resample, at most (resamples,) float64: those that lost a class are left out.

    cases     of one checkpoint, sorted once; a resample is a weight for each case.
    patients  (n,) of the stated cases; see `draws`.
    """
    if not 0 < cases.n_positive < cases.positive.size:
        return np.empty(0)
    by_score = sort_cases(cases.positive, cases.scores[0])
    order, positive = by_score.order, by_score.positive
    starts = np.concatenate(([0], by_score.block_ends[:-1] + 1))
    areas = np.empty(resamples)
    for i, weights in enumerate(draws(positive, None if patients is None else patients[order], resamples, random)):
        of_positives = np.add.reduceat(np.where(positive, weights, 0), starts)
        of_negatives = np.add.reduceat(np.where(positive, 0, weights), starts)
        pairs = int(of_positives.sum()) * int(of_negatives.sum())
        doubled = int(np.sum(of_positives * (2 * np.cumsum(of_negatives) - of_negatives)))
        areas[i] = doubled / (2 * pairs) if pairs else math.nan
    return areas[~np.isnan(areas)]
