"""Asks how the active checkpoint is to be calibrated: by which method, and what the calibration cases are called."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from xferviewer.checkpoints import Checkpoint
from xferviewer.gui.session import Session

METHODS = (
    ("temperature", "temperature: one factor for all logits, keeps every rank"),
    ("platt", "Platt: a line through the logits (smoothed targets)"),
    ("beta", "beta: bends both ends (Kull 2017)"),
    ("isotonic", "isotonic: any rising steps; needs many cases"),
)


class CalibrationDialog(QDialog):
    """Of the cases that are shown: choose them under "cases" of the Evaluate perspective before."""

    asked = Signal(str, str, str)  # digest, method, split

    def __init__(self, session: Session, checkpoint: Checkpoint, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Calibrate {0}").format(checkpoint.name))
        self._digest = checkpoint.digest
        only = session.comparison.only
        shown = f"{only[0]} {only[1]} of {session.cohort.name}" if only else session.cohort.name
        about = QLabel(
            self.tr(
                "Calibrated probabilities are fitted to the cases shown ({0}) and kept in the checkpoint's folder. "
                "Take cases that the checkpoint was not trained on, and judge the result on others."
            ).format(shown)
        )
        about.setWordWrap(True)
        self.method = QComboBox()
        self.method.setAccessibleName(self.tr("Method of calibration"))
        for name, text in METHODS:
            self.method.addItem(text, name)
        self.split = QLineEdit(shown)
        self.split.setAccessibleName(self.tr("Name of the calibration cases"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("Method"), self.method)
        form.addRow(self.tr("Called"), self.split)
        layout = QVBoxLayout(self)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.buttons)

    @Slot()
    def _accept(self) -> None:
        self.asked.emit(self._digest, self.method.currentData(), self.split.text().strip() or self.tr("unnamed"))
        self.accept()
