"""Resampling with replacement, of cases within their class or of whole patients."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.cases import StatedCases
from xferviewer.evaluation.sorted_cases import sort_cases


def resampled_weights(
    positive: NDArray[np.bool_], patients: NDArray[np.generic] | None, resamples: int, random: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """How often each case is drawn, (n,) int64, for each of the resamples.

    positive  (n,) bool.
    patients  (n,) whose case it is; None draws cases. Drawn are patients with a positive case and patients without one,
              each as many as there are.
    """
    clusters = np.arange(positive.size) if patients is None else np.unique(patients, return_inverse=True)[1]
    has_positive = np.bincount(clusters, weights=positive) > 0
    strata = [np.flatnonzero(has_positive), np.flatnonzero(~has_positive)]
    for _ in range(resamples):
        times = np.zeros(has_positive.size, dtype=np.int64)
        for stratum in strata:
            times[stratum] = np.bincount(random.integers(stratum.size, size=stratum.size), minlength=stratum.size)
        yield times if patients is None else times[clusters]


def resampled_counts(
    cells: NDArray[np.intp],
    n_cells: int,
    positive: NDArray[np.bool_],
    patients: NDArray[np.generic] | None,
    resamples: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """How many cases of each cell are drawn, (resamples, n_cells) int64; other arguments as for `resampled_weights`.

    cells  (n,) in [0, n_cells): what is to be counted.

    Without patients the counts of a class are multinomial, and are drawn as such: no pass over the cases is needed.
    """
    counts = np.zeros((resamples, n_cells), dtype=np.int64)
    if patients is not None:
        for i, weights in enumerate(resampled_weights(positive, patients, resamples, random)):
            counts[i] = np.bincount(cells, weights=weights, minlength=n_cells)
        return counts
    for members in (cells[positive], cells[~positive]):
        filled, in_cell = np.unique(members, return_counts=True)
        if filled.size:
            counts[:, filled] += random.multinomial(members.size, in_cell / members.size, size=resamples)
    return counts


def resampled_aucs(
    cases: StatedCases, patients: NDArray[np.generic] | None, resamples: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """The AUC of each resample, at most (resamples,) float64: those that lost a class are left out.

    cases     of one checkpoint, sorted once; a resample is a weight for each case.
    patients  (n,) whose case it is, of the stated cases, or None, as for `resampled_weights`.
    """
    if not 0 < cases.n_positive < cases.positive.size:
        return np.empty(0)
    by_score = sort_cases(cases.positive, cases.scores[0])
    order, positive = by_score.order, by_score.positive
    starts = np.concatenate(([0], by_score.block_ends[:-1] + 1))
    areas = np.empty(resamples)
    drawn = resampled_weights(positive, None if patients is None else patients[order], resamples, random)
    for i, weights in enumerate(drawn):
        of_positives = np.add.reduceat(np.where(positive, weights, 0), starts)
        of_negatives = np.add.reduceat(np.where(positive, 0, weights), starts)
        pairs = int(of_positives.sum()) * int(of_negatives.sum())
        doubled = int(np.sum(of_positives * (2 * np.cumsum(of_negatives) - of_negatives)))
        areas[i] = doubled / (2 * pairs) if pairs else math.nan
    return areas[~np.isnan(areas)]
