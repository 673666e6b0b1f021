"""Which images an epoch shows, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.evaluation.scores import Task
    from xferviewer.jobs.recipe import Recipe


def epoch_length(recipe: Recipe, examples: int) -> int:
    """How many images an epoch shows, of so many to learn from."""
    return max(examples, recipe.batch_size) if recipe.sampler == "filled" else examples


def epoch_order(
    recipe: Recipe, task: Task, rows: NDArray[np.intp], labels: NDArray[np.float32], random: torch.Generator
) -> NDArray[np.intp]:
    """The rows of an epoch in their order, drawn from `random`.

    labels  float32 (all rows, findings): 1, 0, -1 uncertain where a policy keeps that, NaN not stated
    """
    if recipe.sampler == "balanced":
        weights = torch.from_numpy(row_weights(labels[rows], task))
        drawn = torch.multinomial(weights, len(rows), replacement=True, generator=random)
    elif epoch_length(recipe, len(rows)) > len(rows):
        drawn = torch.randint(0, len(rows), (recipe.batch_size,), generator=random)
    else:
        drawn = torch.randperm(len(rows), generator=random)
    return np.asarray(rows[drawn.numpy()])


def row_weights(labels: NDArray[np.float32], task: Task) -> NDArray[np.float64]:
    """(n,) how likely each row is drawn, up to a factor.

    Of classes: 1 / (rows of the same class), so that each class is drawn as often as any other. Of findings: the mean
    over the row's stated labels of 1 / (rows with the same label). A row without one is never drawn, unless none has.
    """
    weights, values = np.zeros(labels.shape), (1,) if task == "multi-class" else (0, 1, -1)
    for value in values:
        same = labels == value
        weights += same / np.maximum(same.sum(axis=0), 1)
    stated = np.maximum((~np.isnan(labels)).sum(axis=1), 1)
    found: NDArray[np.float64] = weights.sum(axis=1) / stated
    return found if found.any() else np.ones(len(labels))


def batch_starts(recipe: Recipe, examples: int) -> list[int]:
    """Where each batch of an epoch begins. A single image left over joins no batch: no variance comes of one."""
    count = epoch_length(recipe, examples)
    return [start for start in range(0, count, recipe.batch_size) if count - start > 1 or start == 0]
