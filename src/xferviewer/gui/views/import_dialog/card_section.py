"""What people want to know of the checkpoint, and where it is written."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton, QVBoxLayout, QWidget

from xferviewer.checkpoints.import_answers import Answers
from xferviewer.gui.field import Field, heading, stack
from xferviewer.gui.import_choices import free_folder


class CardSection(QWidget):
    """The folder follows the name until somebody writes another."""

    changed = Signal()

    def __init__(self, parent_folder: Path) -> None:
        super().__init__()
        self._parent_folder = parent_folder
        self._own_folder = False
        self.name, self.title, self.license, self.origin, self.out = (QLineEdit() for _ in range(5))
        self.browse = QPushButton(self.tr("Choose …"))
        self.browse.setAccessibleName(self.tr("Choose the folder that the checkpoint is written into"))
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._browse)
        self.fields = {
            "name": Field(self.tr("Short name"), self.tr("For tables, legends and panes"), self.name),
            "title": Field(self.tr("Title"), self.tr("One line for people, on the card"), self.title),
            "license": Field(
                self.tr("Licence"), self.tr("Of the weights: whether they may be passed on stands there"), self.license
            ),
            "origin": Field(
                self.tr("Origin"), self.tr("Where the weights come from: a paper, an address"), self.origin
            ),
            "out": Field(
                self.tr("Folder"), self.tr("Written whole or not at all; what is there is never replaced"), self.out,
                self.browse,
            ),
        }  # fmt: skip
        self.license.setPlaceholderText(self.tr("unknown"))
        self.origin.setPlaceholderText(self.tr("not stated"))
        self.name.textEdited.connect(self._name_edited)
        self.out.textEdited.connect(self._folder_edited)
        for line in (self.title, self.license, self.origin):
            line.textEdited.connect(self.changed)
        stack(QVBoxLayout(self), heading(self.tr("Card")), *self.fields.values())

    def show_said(self, file: Path, said: Answers) -> None:
        """What the file beside the weights says, else the file's name."""
        self.name.setText(said.name or file.name.partition(".")[0])
        self.title.setText(said.title or "")
        self.license.setText(said.license or "")
        self.origin.setText(said.origin or "")
        self._own_folder = False
        self._name_edited()

    @property
    def folder(self) -> Path:
        """The folder of the checkpoint."""
        return Path(self.out.text().strip())

    @Slot()
    def _name_edited(self) -> None:
        if not self._own_folder:
            self.out.setText(str(free_folder(self._parent_folder, self.name.text())))
            self.out.setCursorPosition(0)
        self.title.setPlaceholderText(self.tr("{0}, imported").format(self.name.text().strip()))
        self.changed.emit()

    @Slot()
    def _folder_edited(self) -> None:
        self._own_folder = True
        self.changed.emit()

    @Slot()
    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(
            self, self.tr("Write the checkpoint into a folder below"), str(self._parent_folder)
        )
        if chosen:
            self.write_below(Path(chosen))

    def write_below(self, parent: Path) -> None:
        """Write the folder of the checkpoint below this one."""
        self._parent_folder, self._own_folder = parent, False
        self._name_edited()
