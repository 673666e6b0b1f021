"""The numbers of an epoch, from logits and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from xferviewer.evaluation.aggregation import combined_scores
from xferviewer.evaluation.confusion_matrix import confusion_matrix, mean_of_defined
from xferviewer.evaluation.members import finding_logits
from xferviewer.evaluation.roc import AucInterval, auc_interval
from xferviewer.evaluation.row_groups import groups_in_order, per_group
from xferviewer.evaluation.scores import scores_from_logits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from xferviewer.evaluation.scores import Task
    from xferviewer.jobs.recipe import Recipe


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """Numbers of one epoch. Undefined ones are NaN.

    areas     of each finding, with DeLong's 95 % interval; of classes, each against all others
    f1        of each finding, of what is answered: of classes the likeliest, of findings a probability above 0.5
    mean_f1   of two classes that of the second, as sklearn's f1_score has it; else the mean over those that have one
    accuracy  the share of cases of which the likeliest class is the true one; of findings, of stated labels answered
              rightly
    majority  every image gets the same answer: the network has learned what is common, and nothing else
    """

    areas: tuple[AucInterval, ...]
    f1: tuple[float, ...]
    mean_f1: float
    accuracy: float
    majority: bool

    @property
    def mean_auc(self) -> float:
        """Over the findings that have one; NaN without any."""
        return mean_of_defined(np.array([area.auc for area in self.areas]))

    def as_event(self, findings: Sequence[str]) -> dict[str, Any]:
        """For events.jsonl, which holds no NaN: None is undefined."""
        return {
            "validation_auc": _stated(self.mean_auc),
            "validation_f1": _stated(self.mean_f1),
            "validation_accuracy": _stated(self.accuracy),
            "findings": {
                finding: {
                    "auc": _stated(a.auc),
                    "lower": _stated(a.lower),
                    "upper": _stated(a.upper),
                    "f1": _stated(f1),
                }
                for finding, a, f1 in zip(findings, self.areas, self.f1, strict=True)
            },
            "majority_guess": self.majority,
        }


def epoch_metrics(
    task: Task, recipe: Recipe, logits: NDArray[np.float32], labels: NDArray[np.float32], units: Sequence[str] | None
) -> EpochMetrics:
    """The numbers of one epoch.

    logits, labels  float32 (images, findings); a label that is NaN is not stated
    units           the study or patient of each image, where the recipe counts those; None: images are counted
    """
    answers = SameAnswers(task, logits.shape[1])
    answers.add(torch.from_numpy(logits))
    scores: NDArray[np.float64]
    if units is None:
        scores, truth = finding_logits(logits, task), labels.astype(np.float64)
    else:
        scores, truth = _of_units(task, recipe, logits, labels, units)
    # of a unit's probabilities, by mean or noisy-or, the middle is a half; of logits it is 0
    middle = 0.0 if units is None or recipe.aggregation == "max" else 0.5
    areas = tuple(auc_interval(truth[:, column], scores[:, column]) for column in range(scores.shape[1]))
    f1, accuracy = _answers(task, scores, truth, middle)
    of_two_classes = task == "multi-class" and len(f1) == 2
    f1_of_all = f1[1] if of_two_classes else mean_of_defined(np.array(f1))
    return EpochMetrics(areas, f1, f1_of_all, accuracy, answers.all_same())


class SameAnswers:
    """Whether every image gets the same answer: the same likeliest class, or of each finding the same side of 0.5.

    The published code of the BUSI and MRNet study warns of a "bad local minimum" then. Batches are taken in one by
    one, on the device that they lie on.
    """

    def __init__(self, task: Task, findings: int) -> None:
        self._classes = task == "multi-class"
        self._said_of_one = torch.zeros(findings, dtype=torch.bool)
        self._said_of_all = torch.ones(findings, dtype=torch.bool)

    def add(self, logits: Tensor) -> None:
        """Logits float32 (images, findings)."""
        said = functional.one_hot(logits.argmax(dim=1), logits.shape[1]).bool() if self._classes else logits > 0
        self._said_of_one = self._said_of_one.to(logits.device) | said.any(dim=0)
        self._said_of_all = self._said_of_all.to(logits.device) & said.all(dim=0)

    def all_same(self) -> bool:
        """Of what was added since the last look, which is forgotten."""
        same = bool((self._said_of_one == self._said_of_all).all())
        self._said_of_one = torch.zeros_like(self._said_of_one)
        self._said_of_all = torch.ones_like(self._said_of_all)
        return same

    def state_dict(self) -> dict[str, Tensor]:
        return {"of one": self._said_of_one, "of all": self._said_of_all}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self._said_of_one, self._said_of_all = state["of one"], state["of all"]


def _of_units(
    task: Task, recipe: Recipe, logits: NDArray[np.float32], labels: NDArray[np.float32], units: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores and labels of studies or patients, one with a finding in any of its images has it."""
    rows, group = groups_in_order(units)
    # the order of the largest does not need probabilities, which many large logits round to the same
    scores = finding_logits(logits, task) if recipe.aggregation == "max" else scores_from_logits(logits, task)
    combined = combined_scores(scores.astype(np.float64), group, len(rows), recipe.aggregation)
    return combined, per_group(labels.astype(np.float64), group, len(rows), np.fmax)


def _answers(
    task: Task, scores: NDArray[np.float64], truth: NDArray[np.float64], middle: float
) -> tuple[tuple[float, ...], float]:
    """F1 of each finding, and the accuracy."""
    findings = truth.shape[1]
    if task == "multi-class":
        known = (truth == 1).sum(axis=1) == 1
        if not known.any():
            return (float("nan"),) * findings, float("nan")
        matrix = confusion_matrix(truth[known].argmax(axis=1), scores[known].argmax(axis=1), findings)
        return tuple(float(value) for value in matrix.f1), matrix.accuracy
    known = ~np.isnan(truth)
    right = ((scores > middle) == (truth == 1)) & known
    f1 = []
    for column in range(findings):
        rows = known[:, column]
        matrix = confusion_matrix(truth[rows, column], (scores[rows, column] > middle).astype(int), 2)
        f1.append(float(matrix.f1[1]))
    return tuple(f1), float(right.sum() / known.sum()) if known.any() else float("nan")


def _stated(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
