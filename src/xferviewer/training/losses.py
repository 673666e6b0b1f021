"""What a training makes small, of logits and labels of which some are not stated (NaN)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from xferviewer.errors import UnusableTable
from xferviewer.training.uncertain_loss import UncertainLoss, uncertain_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from xferviewer.evaluation.scores import Task
    from xferviewer.jobs.recipe import Recipe

_LARGEST_WEIGHT = 100.0
_FOCAL_ALPHA = 0.25


class Loss(Protocol):
    """What the loop asks: the outputs of a network (images, outputs) are compared with targets made of labels.

    A batch may go through the network in parts: `total` of each part divided by `count` of the whole batch adds up to
    the loss of the whole.
    """

    def targets(self, labels: Tensor, /) -> Tensor:
        """Of labels float32 (images, findings), NaN not stated; a mean of two targets is that of a mixed image."""

    def finding_logits(self, outputs: Tensor, /) -> Tensor:
        """A logit for each finding (images, findings)."""

    def __call__(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        """The mean; 0 if no label is stated."""

    def total(self, outputs: Tensor, targets: Tensor, /) -> Tensor:
        """The sum over what is stated."""

    def count(self, targets: Tensor, /) -> Tensor:
        """What `total` is to be divided by."""


class StatedLoss:
    """The mean cross-entropy of the labels that are stated, over a batch or over parts of one (see Loss)."""

    def __init__(self, task: Task, recipe: Recipe, weights: Tensor | None) -> None:
        self._classes = task == "multi-class"
        self._weights = weights
        self._focal = recipe.loss.kind == "focal"
        self._gamma = recipe.loss.gamma or 0.0
        self._alpha = None if self._classes else (recipe.loss.alpha or _FOCAL_ALPHA)
        self._smoothing = recipe.loss.smoothing

    def targets(self, labels: Tensor) -> Tensor:
        """What `total` compares the outputs with: the labels (images, findings) themselves."""
        return labels

    def finding_logits(self, outputs: Tensor) -> Tensor:
        """(images, findings) of the network's outputs: these themselves."""
        return outputs

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean; 0 if no label is stated. logits and labels float32 (images, findings); NaN is not stated."""
        return self.total(logits, labels) / self.count(labels).clamp(min=1e-12)

    def total(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The sum over the stated labels."""
        if self._classes:
            return self._total_of_classes(logits, labels)
        stated = ~torch.isnan(labels)
        return (self._of_findings(logits, torch.nan_to_num(labels)) * stated).sum()

    def count(self, labels: Tensor) -> Tensor:
        """What `total` is to be divided by: the number of stated labels; of classes, the sum of their weights."""
        if not self._classes:
            return (~torch.isnan(labels)).sum()
        stated = ~torch.isnan(labels).any(dim=1)
        shares = torch.nan_to_num(labels[stated])
        return (shares * self._on(shares)).sum()

    def _of_findings(self, logits: Tensor, labels: Tensor) -> Tensor:
        truth = labels * (1 - self._smoothing) + self._smoothing / 2 if self._smoothing else labels
        if not self._focal:
            return functional.binary_cross_entropy_with_logits(
                logits, truth, reduction="none", pos_weight=None if self._weights is None else self._on(logits)
            )
        # linear in the label, so that mixed and smoothed ones are means of the loss of a 1 and of a 0
        alpha = self._alpha or 0.0
        p = torch.sigmoid(logits)
        of_one = -alpha * (1 - p) ** self._gamma * functional.logsigmoid(logits)
        of_zero = -(1 - alpha) * p**self._gamma * functional.logsigmoid(-logits)
        return truth * of_one * self._on(logits) + (1 - truth) * of_zero

    def _total_of_classes(self, logits: Tensor, labels: Tensor) -> Tensor:
        stated = ~torch.isnan(labels).any(dim=1)
        shares, outputs = labels[stated], logits[stated]
        if self._smoothing:
            shares = shares * (1 - self._smoothing) + self._smoothing / shares.shape[1]
        logs = functional.log_softmax(outputs, dim=1)
        if self._focal:
            logs = (1 - logs.exp()) ** self._gamma * logs
        return -(shares * logs * self._on(logs)).sum()

    def _on(self, like: Tensor) -> Tensor:
        """The weights (findings,) where `like` lies; ones where there are none."""
        return like.new_ones(like.shape[-1]) if self._weights is None else self._weights.to(like.device)


def loss_of(task: Task, recipe: Recipe, labels: NDArray[np.float32], *, three_classes: bool = False) -> Loss:
    """The loss of a recipe; its weights are of `labels` (images, findings), those of the training images.

    three_classes  what is uncertain (-1) is a class of its own (U-MultiClass)
    """
    balanced = recipe.loss.weights == "balanced"
    if three_classes:
        return UncertainLoss(recipe.loss, torch.from_numpy(uncertain_weights(labels)) if balanced else None)
    weights = None
    if balanced:
        weights = torch.from_numpy(class_weights(labels) if task == "multi-class" else positive_weights(labels))
    return StatedLoss(task, recipe, weights)


def positive_weights(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(findings,) n_negative / n_positive of the stated labels, 100 at most."""
    positive, negative = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    return np.asarray(np.minimum(negative / np.maximum(positive, 1), _LARGEST_WEIGHT), dtype=np.float32)


def class_weights(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(classes,) n / (K n_class) of the images whose class is stated, 100 at most."""
    stated = labels[~np.isnan(labels).any(axis=1)]
    counts = np.maximum((stated == 1).sum(axis=0), 1)
    return np.asarray(np.minimum(len(stated) / (labels.shape[1] * counts), _LARGEST_WEIGHT), dtype=np.float32)


def check_classes(labels: NDArray[np.float32], findings: Sequence[str], cohort: str) -> None:
    """Classes exclude each other. Raises UnusableTable when an image has several or none, unless none is stated."""
    stated = ~np.isnan(labels).any(axis=1)
    wrong = np.flatnonzero(stated & ((labels == 1).sum(axis=1) != 1))
    if len(wrong):
        several = int((labels[wrong[0]] == 1).sum())
        raise UnusableTable(
            f"The job cannot learn classes from {cohort}.",
            f"{len(wrong)} of its images do not have exactly one of {', '.join(findings)}; the first has {several}.",
            'Name classes that exclude each other, or set task = "multi-label".',
        )
