"""What this computer is asked to give, and where it keeps what; what its policy sets cannot be changed here."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QSpinBox, QVBoxLayout, QWidget

from xferviewer import settings
from xferviewer.gui.field import Field, heading, said
from xferviewer.gui.films import film_memory_mib
from xferviewer.gui.theme import GRID
from xferviewer.policy import Policy

_STEP_MIB = 64


@dataclass(frozen=True, slots=True)
class ComputerWishes:
    """The settings of this page, by their names."""

    film_memory_mib: int
    largest_frame_mib: int
    jobs_per_device: int

    @classmethod
    def of(cls, now: settings.Settings) -> ComputerWishes:
        """Those that are in force."""
        return cls(now.film_memory_mib, now.largest_frame_mib, now.jobs_per_device)


class ComputerPage(QWidget):
    """Numbers with their limits; below them the folders and the policy, to be copied."""

    def __init__(self, now: ComputerWishes, policy: Policy, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wishes = now
        automatic = self.tr("automatic ({0} MiB)").format(film_memory_mib(0))
        self.film_memory = self._number("film_memory_mib", now.film_memory_mib, self.tr(" MiB"), automatic)
        self.largest_frame = self._number("largest_frame_mib", now.largest_frame_mib, self.tr(" MiB"))
        self.jobs = self._number("jobs_per_device", now.jobs_per_device)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * GRID)
        for name, tip, control, key in (
            (
                self.tr("Films kept"),
                self.tr("How much of films that were looked at stays decoded, so that they show at once again."),
                self.film_memory,
                "film_memory_mib",
            ),
            (
                self.tr("Largest frame"),
                self.tr("A frame that would take more, decoded, is refused before anything is decoded."),
                self.largest_frame,
                "largest_frame_mib",
            ),
            (
                self.tr("Jobs at once"),
                self.tr("How many training jobs compute on one device at a time; the others wait for their turn."),
                self.jobs,
                "jobs_per_device",
            ),
        ):
            field = Field(name, tip, control)
            field.fault.show_fault(policy.lock_of(key))
            control.setEnabled(not policy.lock_of(key))
            control.valueChanged.connect(self._take)
            layout.addWidget(field)
        layout.addSpacing(2 * GRID)
        layout.addWidget(heading(self.tr("Where things are")))
        self.places = said(self._places(policy))
        layout.addWidget(self.places)
        layout.addStretch(1)

    @Slot()
    def _take(self) -> None:
        self.wishes = ComputerWishes(self.film_memory.value(), self.largest_frame.value(), self.jobs.value())

    def _number(self, key: str, value: int, unit: str = "", at_zero: str = "") -> QSpinBox:
        low, high = settings.RANGES[key]
        box = QSpinBox(minimum=low, maximum=high, suffix=unit)
        box.setSpecialValueText(at_zero)
        box.setSingleStep(_STEP_MIB if unit else 1)
        box.setValue(value)
        return box

    def _places(self, policy: Policy) -> str:
        devices = ", ".join(kind.upper() for kind in settings.allowed_devices())
        return "\n".join(
            (
                self.tr("Data: {0}").format(settings.data_folder()),
                self.tr("Settings: {0}").format(settings.settings_file()),
                self.tr("Logs: {0}").format(settings.log_folder()),
                self.tr("Policy of this computer: {0}").format(policy.file or self.tr("none")),
                self.tr("Devices that may compute: {0}").format(devices),
            )
        )
