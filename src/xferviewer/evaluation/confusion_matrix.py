"""The confusion matrix of several classes and what follows from it alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

KappaWeights = Literal["none", "quadratic"]


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionMatrix:
    """`counts` (K, K) int64: rows are the true classes, columns the predicted ones.

    A ratio with nothing below the line is NaN and is left out of the means; the numbers of a class are (K,) float64.
    """

    counts: NDArray[np.int64]

    @property
    def n(self) -> int:
        """Number of cases."""
        return int(self.counts.sum())

    @property
    def accuracy(self) -> float:
        """The share of cases predicted rightly; the micro-averaged F1 is the same number."""
        return _ratio(float(np.trace(self.counts)), self.n)

    @property
    def recall(self) -> NDArray[np.float64]:
        """The share of each true class that is predicted as it."""
        return _ratios(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """The share of each predicted class that is it."""
        return _ratios(np.diag(self.counts), self.counts.sum(axis=0))

    @property
    def f1(self) -> NDArray[np.float64]:
        """2 TP / (2 TP + FP + FN) of each class."""
        return _ratios(2 * np.diag(self.counts), self.counts.sum(axis=0) + self.counts.sum(axis=1))

    @property
    def balanced_accuracy(self) -> float:
        """The mean recall of the classes that have a case."""
        return mean_of_defined(self.recall)

    @property
    def f1_macro(self) -> float:
        """The mean F1 of the classes that occur or are predicted."""
        return mean_of_defined(self.f1)

    @property
    def f1_micro(self) -> float:
        """F1 of all classes' counts together: the accuracy, where each case has one class."""
        return self.accuracy

    @property
    def f1_weighted(self) -> float:
        """The mean F1 weighted by the number of cases of each true class."""
        support = self.counts.sum(axis=1)
        occurs = support > 0
        return _ratio(float(np.sum(self.f1[occurs] * support[occurs])), self.n)

    @property
    def mcc(self) -> float:
        """Matthews' correlation in [-1, 1]; NaN when one class is all there is, or all that is predicted.

        Gorodkin, Comput. Biol. Chem. 2004, 28:367.
        """
        true, predicted, n = self.counts.sum(axis=1), self.counts.sum(axis=0), self.n
        # In whole Python numbers: the products of 150,000 cases squared overflow 64 bits.
        together = n * int(np.trace(self.counts)) - _dot(true, predicted)
        spread = (n * n - _dot(true, true)) * (n * n - _dot(predicted, predicted))
        return together / math.sqrt(spread) if spread else math.nan

    def kappa(self, weights: KappaWeights = "none") -> float:
        """Cohen's κ: agreement beyond chance, at most 1; NaN where chance agrees fully.

        weights  "none"; "quadratic" for classes in order: a miss counts by the square of its distance (Cohen,
                 Psychological Bulletin 1968, 70:213).

        Raises ValueError for other weights.
        """
        k = len(self.counts)
        distance = np.subtract.outer(np.arange(k), np.arange(k))
        if weights == "quadratic":
            cost = (distance**2).astype(np.float64)
        elif weights == "none":
            cost = (distance != 0).astype(np.float64)
        else:
            raise ValueError(f'the weights are "none" or "quadratic", not {weights!r}')
        true, predicted = self.counts.sum(axis=1).astype(np.float64), self.counts.sum(axis=0).astype(np.float64)
        by_chance = float(np.sum(cost * np.outer(true, predicted)))
        return 1 - float(np.sum(cost * self.counts)) * self.n / by_chance if by_chance else math.nan


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, n_classes: int) -> ConfusionMatrix:
    """Count true against predicted classes.

    labels, predicted  (n,) whole numbers in [0, n_classes).

    Raises ValueError for other values and for lengths that differ.
    """
    true, said = np.asarray(labels), np.asarray(predicted)
    if true.ndim != 1 or true.shape != said.shape:
        raise ValueError(f"expected labels and predictions of one length, got {true.shape} and {said.shape}")
    for values in (true, said):
        if not np.all((values >= 0) & (values < n_classes) & (values == np.floor(values))):
            raise ValueError(f"classes are whole numbers from 0 to {n_classes - 1}")
    cells = true.astype(np.int64) * n_classes + said.astype(np.int64)
    return ConfusionMatrix(np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes).astype(np.int64))


def mean_of_defined(values: NDArray[np.float64]) -> float:
    """The mean of the values that are not NaN; NaN of none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def _ratios(numerator: NDArray[np.int64], denominator: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        result: NDArray[np.float64] = numerator / denominator
    return result


def _dot(a: NDArray[np.int64], b: NDArray[np.int64]) -> int:
    return sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
