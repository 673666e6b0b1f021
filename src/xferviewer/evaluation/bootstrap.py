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
    """The AUC of each checkpoint in each resample, (C, at most `resamples`): those that lost a class are left out.

    patients  (n,) of the stated cases; see `draws`.
    """
    n_checkpoints = len(cases.scores)
    if not 0 < cases.n_positive < cases.positive.size:
        return np.empty((n_checkpoints, 0))
    by_score = [sort_cases(cases.positive, row) for row in cases.scores]
    starts = [np.concatenate(([0], one.block_ends[:-1] + 1)) for one in by_score]
    areas = np.empty((n_checkpoints, resamples))
    for i, times in enumerate(draws(cases.positive, patients, resamples, random)):
        for c, (one, start) in enumerate(zip(by_score, starts, strict=True)):
            weights = times[one.order]
            of_positives = np.add.reduceat(np.where(one.positive, weights, 0), start)
            of_negatives = np.add.reduceat(np.where(one.positive, 0, weights), start)
            pairs = int(of_positives.sum()) * int(of_negatives.sum())
            doubled = int(np.sum(of_positives * (2 * np.cumsum(of_negatives) - of_negatives)))
            areas[c, i] = doubled / (2 * pairs) if pairs else math.nan
    return areas[:, ~np.isnan(areas[0])]
