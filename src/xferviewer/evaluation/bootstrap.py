"""Resampling with replacement, of cases within their class or of whole patients."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.sorted_cases import sort_cases


def resampled_aucs(
    cases: StatedCases, patients: NDArray[np.generic] | None, resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """The AUC of each resample, at most (resamples,) float64: those that lost a class are left out.

    cases     of one checkpoint, sorted once; a resample is a weight for each case.
    patients  (n,) whose case it is, of the stated cases; None draws cases. Drawn are patients with a positive case and
              patients without one, each as many as there are.
    """
    if not 0 < cases.n_positive < cases.positive.size:
        return np.empty(0)
    by_score = sort_cases(cases.positive, cases.scores[0])
    order, positive = by_score.order, by_score.positive
    starts = np.concatenate(([0], by_score.block_ends[:-1] + 1))
    clusters = np.arange(order.size) if patients is None else np.unique(patients, return_inverse=True)[1][order]
    has_positive = np.bincount(clusters, weights=positive) > 0
    strata = [np.flatnonzero(has_positive), np.flatnonzero(~has_positive)]
    areas = np.empty(resamples)
    for i in range(resamples):
        times = np.zeros(has_positive.size, dtype=np.int64)
        for stratum in strata:
            times[stratum] = np.bincount(random.integers(stratum.size, size=stratum.size), minlength=stratum.size)
        weights = times[clusters]
        of_positives = np.add.reduceat(np.where(positive, weights, 0), starts)
        of_negatives = np.add.reduceat(np.where(positive, 0, weights), starts)
        pairs = int(of_positives.sum()) * int(of_negatives.sum())
        doubled = int(np.sum(of_positives * (2 * np.cumsum(of_negatives) - of_negatives)))
        areas[i] = doubled / (2 * pairs) if pairs else math.nan
    return areas[~np.isnan(areas)]
