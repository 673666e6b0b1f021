"""How the network learns: a recipe by name to begin with, and every field of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from xferviewer.gui.field import Fold, heading, stack
from xferviewer.gui.spec_fields import fields_of
from xferviewer.gui.views.training.derived_fields import DerivedFields, flattened, nested
from xferviewer.jobs.recipe import Recipe

_FIRST = {"recipe.epochs": 10, "recipe.batch_size": 16, "recipe.learning_rate": 5e-4}
_ALWAYS_SEEN = ("epochs", "batch_size", "learning_rate")
# What belongs together for people; a field that no group names stands in the last one.
_GROUPS = (
    ("Learning rate and optimiser", ("minimum_learning_rate", "warmup_epochs", "scaled_to_batch", "schedule",
                                     "optimiser", "weight_decay", "layers", "clip_norm", "accumulation")),
    ("Loss, mixing and sampling", ("loss", "mixing", "sampler")),
    ("Augmentation", ("augmentation",)),
    ("What is kept, and when it stops", ("selection", "patience", "averaging", "unit", "aggregation")),
)  # fmt: skip
_LAST = "More of the recipe"


class RecipeSection(QWidget):
    """The fields of the recipe's dataclass, grouped."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.first = DerivedFields(Recipe, "recipe", only=_ALWAYS_SEEN)
        self.parts = [self.first]
        self.folds: list[Fold] = []
        grouped = {name for _, names in _GROUPS for name in names} | set(_ALWAYS_SEEN)
        rest = tuple(facts.name for facts in fields_of(Recipe) if facts.name not in grouped)
        for title, names in (*_GROUPS, (_LAST, rest)):
            part = DerivedFields(Recipe, "recipe", only=names)
            if part.fields:
                self.parts.append(part)
                self.folds.append(Fold(self.tr(title), part))
        for part in self.parts:
            part.changed.connect(self.changed)
        self.show_recipe({})
        stack(QVBoxLayout(self), heading(self.tr("Recipe")), self.first, *self.folds)

    def mapping(self) -> dict[str, Any]:
        """The section `recipe` of a specification."""
        return nested({path: value for part in self.parts for path, value in part.mapping().items()}, "recipe")

    def show_recipe(self, recipe: Mapping[str, Any]) -> None:
        """Show what a specification says; what it leaves out has its default."""
        values = {**_FIRST, **flattened(recipe, "recipe")}
        for part in self.parts:
            part.show_values(values)

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there, and open the group that it stands in."""
        for part, fold in zip(self.parts, [None, *self.folds], strict=True):
            part.show_faults(faults)
            if fold is not None and any(path in faults for path in part.fields):
                fold.open()
        known = {path for part in self.parts for path in part.fields}
        stray = next((text for path, text in faults.items() if path.startswith("recipe") and path not in known), "")
        if stray:  # a sentence about several fields, or none
            next(iter(self.first.fields.values())).fault.show_fault(stray)
