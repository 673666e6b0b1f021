"""Which epoch's weights are kept, and when a training stops early."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xferviewer.jobs.recipe import Recipe


class Selection:
    """Told the numbers of each epoch, it says whether that is the best so far, and whether to go on.

    Better is strictly better: of equal epochs the first stays. An epoch whose number is undefined (NaN) is no better
    than one that has one; as long as none has one, the newest is the best. Training stops when more than `patience`
    epochs in a row were no better.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._by, self._patience = recipe.selection, recipe.patience
        self.best = math.nan
        self.epochs_without = 0

    def epoch_ended(self, validation_auc: float, validation_loss: float) -> bool:
        """Whether this epoch is the best so far."""
        value = validation_loss if self._by == "validation loss" else validation_auc
        better = self._by == "last" or self._beats(value)
        if better:
            self.best = value
        self.epochs_without = 0 if better else self.epochs_without + 1
        return better

    @property
    def stops(self) -> bool:
        """Whether patience has run out."""
        return self._patience > 0 and self.epochs_without > self._patience

    def _beats(self, value: float) -> bool:
        if math.isnan(self.best):
            return True
        return value < self.best if self._by == "validation loss" else value > self.best

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "epochs_without": self.epochs_without}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.best, self.epochs_without = state["best"], state["epochs_without"]
