"""How the network learns: a published recipe to begin with, and every field of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from xferviewer.checkpoints.fields import from_mapping, to_mapping
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, Fold, heading, said, stack
from xferviewer.gui.spec_fields import fields_of
from xferviewer.gui.views.training.augmentation_section import AugmentationSection
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, flattened, nested
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.recipe_cards import RECIPE_CARDS, deviations
from xferviewer.jobs.spec import TrainingSpec

_FIRST = {"recipe.epochs": 10, "recipe.batch_size": 16, "recipe.learning_rate": 5e-4}
_ALWAYS_SEEN = ("epochs", "batch_size", "learning_rate")
_OWN = ("name", "variant", "as_published", "augmentation")
# What belongs together for people; a field that no group names stands in the last one.
_GROUPS = (
    ("Learning rate and optimiser", ("minimum_learning_rate", "warmup_epochs", "scaled_to_batch", "schedule",
                                     "optimiser", "weight_decay", "layers", "clip_norm", "accumulation")),
    ("Loss, mixing and sampling", ("loss", "mixing", "sampler")),
    ("What is kept, and when it stops", ("selection", "patience", "averaging", "unit", "aggregation")),
)  # fmt: skip
_LAST = "More of the recipe"


class RecipeSection(QWidget):
    """The fields of the recipe's dataclass, grouped. A card fills them; where it is departed from is said."""

    changed = Signal()
    card_chosen = Signal(object)  # dict: all that the card says of a specification

    def __init__(self) -> None:
        super().__init__()
        self.card: ChoiceBox[str] = ChoiceBox(self.tr("Published recipe"), stretches=True)
        self.card.offer(
            [(self.tr("free"), ""), *((f"{name}: {card.source}", name) for name, card in RECIPE_CARDS.items())], ""
        )
        self.variant: ChoiceBox[str] = ChoiceBox(self.tr("Variant of the recipe"), stretches=True)
        self.as_published = QCheckBox()
        self.fields = self._card_fields()
        self.words = said()
        self.words.setObjectName("faint")
        self.departs = said()
        self.departs.setObjectName("notice")
        self.first = DerivedFields(Recipe, "recipe", only=_ALWAYS_SEEN)
        self.augmentation = AugmentationSection()
        self.parts = [self.first]
        self.folds: list[Fold] = []
        self._add_groups()
        self.moves = Fold(self.tr("Augmentation"), self.augmentation)
        self.card.activated.connect(self._choose_card)
        self.variant.activated.connect(self._take_card)
        self.as_published.clicked.connect(self._take_card)
        for part in self._all_parts():
            part.changed.connect(self.changed)
        self.show_recipe({})
        stack(
            QVBoxLayout(self), heading(self.tr("Recipe")), *self.fields.values(), self.words, self.departs, self.first,
            self.moves, *self.folds,
        )  # fmt: skip

    def _card_fields(self) -> dict[str, Field]:
        return {
            "recipe.name": Field(
                self.tr("Recipe"), self.tr("A published one fills the fields of recipe, network and preprocessing"),
                self.card, name_width=NAME_WIDTH,
            ),
            "recipe.variant": Field(
                self.tr("Variant"), self.tr("The source has several"), self.variant, name_width=NAME_WIDTH
            ),
            "recipe.as_published": Field(
                self.tr("As published"), self.tr("With what the published code did otherwise than meant"),
                self.as_published, name_width=NAME_WIDTH,
            ),
        }  # fmt: skip

    def _add_groups(self) -> None:
        grouped = {name for _, names in _GROUPS for name in names} | {*_ALWAYS_SEEN, *_OWN}
        rest = tuple(facts.name for facts in fields_of(Recipe) if facts.name not in grouped)
        for title, names in (*_GROUPS, (_LAST, rest)):
            part = DerivedFields(Recipe, "recipe", only=names)
            if part.fields:
                self.parts.append(part)
                self.folds.append(Fold(self.tr(title), part))

    def _all_parts(self) -> list[DerivedFields | AugmentationSection]:
        return [*self.parts, self.augmentation]

    # --- published ones

    @Slot()
    def _choose_card(self) -> None:
        self._offer_variants("")
        self.as_published.setChecked(False)
        self._take_card()

    def _offer_variants(self, chosen: str) -> None:
        card = RECIPE_CARDS.get(self.card.value or "")
        names = list(card.variants) if card is not None else []
        self.variant.offer([(name, name) for name in names], chosen or (names[0] if names else ""))
        if chosen in names:
            self.variant.choose(chosen)
        self.fields["recipe.variant"].setVisible(bool(names))
        self.fields["recipe.as_published"].setVisible(card is not None and bool(card.published))

    @Slot()
    def _take_card(self) -> None:
        """Fill the fields with what the card stands for."""
        card = RECIPE_CARDS.get(self.card.value or "")
        if card is not None:
            content = card.stands_for(self.variant.value or "", as_published=self.as_published.isChecked())
            self._show_fields(to_mapping(from_mapping(Recipe, content["recipe"], "recipe")))
            self.card_chosen.emit(content)
        self._say_card()
        self.changed.emit()

    def _say_card(self) -> None:
        """What the source leaves open, and what its code did."""
        card = RECIPE_CARDS.get(self.card.value or "")
        words = []
        if card is not None:
            words += [self.tr("Departs on purpose: {0}.").format(card.deviation)] if card.deviation else []
            words += [self.tr("The published code: {0}.").format("; ".join(card.quirks))] if card.quirks else []
            gaps = "; ".join(
                f"{key.removeprefix('recipe.').replace('_', ' ')} {text}" for key, text in card.gaps.items()
            )
            words += [self.tr("Left open by the source: {0}.").format(gaps)] if gaps else []
        self.words.setText("\n".join(words))
        self.words.setVisible(bool(words))

    def show_deviations(self, spec: TrainingSpec | None) -> None:
        """Say where the specification is not as the recipe that it names."""
        keys = deviations(spec) if spec is not None else ()
        self.departs.setText(self.tr("Not as in the recipe: {0}.").format(", ".join(keys).replace("_", " ")))
        self.departs.setVisible(bool(keys))

    # --- as a whole

    def mapping(self) -> dict[str, Any]:
        """The section `recipe` of a specification."""
        fields = nested({path: value for part in self.parts for path, value in part.mapping().items()}, "recipe")
        labels = {
            "name": self.card.value or "", "variant": self.variant.value or "" if self.card.value else "",
            "as_published": self.as_published.isChecked() and bool(self.card.value),
        }  # fmt: skip
        return {**fields, **labels, "augmentation": self.augmentation.mapping()}

    def show_recipe(self, recipe: Mapping[str, Any]) -> None:
        """Show what a specification says; what it leaves out has its default."""
        self.card.choose(recipe.get("name", ""))
        self._offer_variants(recipe.get("variant", ""))
        self.as_published.setChecked(bool(recipe.get("as_published")))
        self._show_fields(recipe)
        self._say_card()
        self.show_deviations(None)

    def _show_fields(self, recipe: Mapping[str, Any]) -> None:
        values = {**_FIRST, **flattened(recipe, "recipe")}
        for part in self.parts:
            part.show_values(values)
        self.augmentation.show_augmentation(recipe.get("augmentation", {}))

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there, and open the group that it stands in."""
        for part, fold in zip(self._all_parts(), (None, *self.folds, self.moves), strict=True):
            part.show_faults(faults)
            if fold is not None and any(path in faults for path in part.fields):
                fold.open()
        known = {path for part in self._all_parts() for path in part.fields}
        stray = next((text for path, text in faults.items() if path.startswith("recipe") and path not in known), "")
        self.fields["recipe.name"].fault.show_fault(stray)  # a sentence about the whole
