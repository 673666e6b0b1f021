"""Which patients a job learns from, and which it is validated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from xferviewer.gui.field import heading, stack
from xferviewer.gui.views.training.derived_fields import DerivedFields, nested
from xferviewer.jobs.data_spec import DataSpec


class SplitSection(QWidget):
    """Patients are put aside by their share and a seed."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.own = DerivedFields(DataSpec, "data", only=("validation_fraction", "split_seed"))
        self.own.changed.connect(self.changed)
        stack(QVBoxLayout(self), heading(self.tr("Split by patient")), self.own)

    def mapping(self) -> dict[str, Any]:
        """What the section `data` of a specification says of the split."""
        return nested(self.own.mapping(), "data")

    def missing(self) -> dict[str, str]:
        """What is still to be chosen."""
        return {}

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        self.own.show_faults(faults)

    def show_data(self, data: Mapping[str, Any]) -> None:
        """Show what a specification says of its split."""
        self.own.show_values({f"data.{key}": value for key, value in data.items()})
