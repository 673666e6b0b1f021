"""The moves of the training images: a published augmentation to begin with, and every field of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, stack
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, flattened, nested
from xferviewer.jobs.augmentation_cards import AUGMENTATION_CARDS
from xferviewer.jobs.augmentation_spec import Augmentation

_WHERE = "recipe.augmentation"


class AugmentationSection(QWidget):
    """A card fills the fields; one that is changed then is no card's any more."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.card: ChoiceBox[str] = ChoiceBox(self.tr("Published augmentation"), stretches=True)
        self.card.offer(
            [(self.tr("none: as below"), ""),
             *((f"{name}: {card.description}", name) for name, card in AUGMENTATION_CARDS.items())], "",
        )  # fmt: skip
        self.own = DerivedFields(Augmentation, _WHERE, leave=("card",))
        self.fields = {
            f"{_WHERE}.card": Field(
                self.tr("Published"), self.tr("Moves as a published recipe has them; they fill the fields below"),
                self.card, name_width=NAME_WIDTH,
            ),
            **self.own.fields,
        }  # fmt: skip
        self.card.activated.connect(self._take_card)
        self.own.changed.connect(self._edited)
        stack(QVBoxLayout(self), self.fields[f"{_WHERE}.card"], self.own)

    @Slot()
    def _take_card(self) -> None:
        card = AUGMENTATION_CARDS.get(self.card.value or "")
        if card is not None:
            self.own.show_values(flattened(to_mapping(card.augmentation), _WHERE))
        self.changed.emit()

    @Slot()
    def _edited(self) -> None:
        self.card.choose("")
        self.changed.emit()

    def mapping(self) -> dict[str, Any]:
        """The section `recipe.augmentation` of a specification."""
        card = {"card": self.card.value} if self.card.value else {}
        return {**card, **nested(self.own.mapping(), _WHERE)}

    def show_augmentation(self, augmentation: Mapping[str, Any]) -> None:
        """Show what a specification says."""
        self.card.choose(augmentation.get("card", ""))
        self.own.show_values(flattened(augmentation, _WHERE))

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        self.own.show_faults(faults)
