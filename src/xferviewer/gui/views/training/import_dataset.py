"""The dialog that makes a cohort of a data set: which one it is, what its source demands, what is kept of it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import FaultLine, Field, said, stack
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH
from xferviewer.studies.datasets import SOURCES, Source, source_of


class ImportDatasetDialog(QDialog):
    """The folder of the source is read and never written to; what is made lies below the cohorts of the data folder."""

    folder_chosen = Signal(object)  # Path: which data set it is, is to be told
    import_asked = Signal(object)  # words after `xferviewer`
    stopped = Signal()

    def __init__(self, cohorts: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Import a data set"))
        self.resize(680, 560)
        self._cohorts = cohorts
        self._working = False
        self._own_name = False
        self.folder, self.name = QLineEdit(), QLineEdit()
        self.browse = self._button(self.tr("Choose …"), self.tr("Choose the folder of the data set"))
        self.source: ChoiceBox[str] = ChoiceBox(self.tr("Data set"), stretches=True)
        self.source.offer(
            [(self.tr("to be told from its files"), ""), *((f"{source.title}", source.key) for source in SOURCES)], ""
        )
        self.layout_words, self.terms = said(), said()
        self.terms.setOpenExternalLinks(False)
        self.accepted_terms = QCheckBox(self.tr("I have read this and keep to it"))
        self.choices: dict[str, QLineEdit | ChoiceBox[str]] = {}
        self._choice_fields = QWidget()
        stack(QVBoxLayout(self._choice_fields))
        self.fault = FaultLine()
        self.words = said()
        self.import_ = self._button(self.tr("Import"), self.tr("Import the data set"))
        self.stop = self._button(self.tr("Stop"), self.tr("Stop importing"))
        self.cancel = self._button(self.tr("Close"), self.tr("Close without importing"))
        self._lay_out()
        self._connect()
        self._show_source()

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setAutoDefault(False)
        return button

    def _lay_out(self) -> None:
        self.fields = {
            "folder": Field(
                self.tr("Folder"), self.tr("The data set as it was unpacked"), self.folder, self.browse,
                name_width=NAME_WIDTH,
            ),
            "source": Field(
                self.tr("Data set"), self.tr("Told from names and headers; choose where that does not find it"),
                self.source, name_width=NAME_WIDTH,
            ),
            "name": Field(
                self.tr("Name"), self.tr("Of the cohort, and of its folder"), self.name, name_width=NAME_WIDTH
            ),
        }  # fmt: skip
        inside = QWidget()
        column = QVBoxLayout(inside)
        stack(column, self.fields["folder"], self.fields["source"], self.layout_words, self.fields["name"],
              self._choice_fields, self.terms, self.accepted_terms)  # fmt: skip
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what is in it
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setAccessibleName(self.tr("What is imported"))
        scroll.setWidget(inside)
        below = QHBoxLayout()
        below.addWidget(self.words, 1)
        for button in (self.stop, self.import_, self.cancel):
            below.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(scroll, 1)
        layout.addWidget(self.fault)
        layout.addLayout(below)

    def _connect(self) -> None:
        self.browse.clicked.connect(self._browse)
        self.folder.editingFinished.connect(self._folder_written)
        self.source.activated.connect(self._show_source)
        self.name.textEdited.connect(self._name_written)
        self.accepted_terms.clicked.connect(self._check)
        self.import_.clicked.connect(self._import)
        self.stop.clicked.connect(self.stopped)
        self.cancel.clicked.connect(self.reject)

    # --- which data set

    @Slot()
    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Choose the folder of the data set"))
        if chosen:
            self.choose_folder(Path(chosen))

    @Slot()
    def _folder_written(self) -> None:
        if self.folder.text().strip():
            self.choose_folder(Path(self.folder.text().strip()))

    def choose_folder(self, folder: Path) -> None:
        """Import this folder; which data set it is, is asked for."""
        self.folder.setText(str(folder))
        self._suggest_name()
        self.words.setText(self.tr("looking at its files …"))
        self._check()
        self.folder_chosen.emit(folder)

    def take_source(self, key: str) -> None:
        """What the folder was told to be; "" where its layout is none that is known."""
        self.source.choose(key)
        self.words.setText("")
        self._show_source()
        if not key:
            self.fields["source"].fault.show_fault(self.tr("Its layout is none that is known: choose."))

    @property
    def chosen(self) -> Source | None:
        """The data set; None while nobody knows."""
        return source_of(self.source.value) if self.source.value else None

    @Slot()
    def _show_source(self) -> None:
        source = self.chosen
        self.layout_words.setText(source.layout if source is not None else "")
        self.layout_words.setVisible(source is not None)
        terms = source.terms if source is not None else None
        self.terms.setText("\n".join(part for part in (terms.text, terms.link) if part) if terms is not None else "")
        self.terms.setVisible(bool(self.terms.text()))
        self.accepted_terms.setVisible(terms is not None and bool(terms.text))
        self.accepted_terms.setChecked(False)
        self._offer_choices(source)
        self._suggest_name()
        self._check()

    def _offer_choices(self, source: Source | None) -> None:
        """A field for each choice that the source has."""
        layout = self._choice_fields.layout()
        for field in self._choice_fields.findChildren(Field):
            field.setParent(None)
            field.deleteLater()
        self.choices = {}
        for choice in source.choices if source is not None else ():
            label = choice.name.replace("-", " ").capitalize()
            control: QLineEdit | ChoiceBox[str]
            if choice.values:
                control = ChoiceBox(label, stretches=True)
                control.offer([(value, value) for value in choice.values], choice.default)
                control.activated.connect(self._check)
            else:
                control = QLineEdit()
                control.textEdited.connect(self._check)
            self.choices[choice.name] = control
            if layout is not None:
                layout.addWidget(Field(label, choice.meaning, control, name_width=NAME_WIDTH))

    def _suggest_name(self) -> None:
        if not self._own_name:
            wanted = self.source.value or Path(self.folder.text().strip()).name or ""
            number, name = 2, wanted
            while name and (self._cohorts / name).exists():
                name, number = f"{wanted}-{number}", number + 1
            self.name.setText(name)

    @Slot()
    def _name_written(self) -> None:
        self._own_name = True
        self._check()

    # --- what is wrong, and what is asked

    @Slot()
    def _check(self) -> None:
        faults = self._faults()
        for name, field in self.fields.items():
            field.fault.show_fault(faults.get(name, "") if self.folder.text() else "")
        self.fault.show_fault("")
        self.import_.setEnabled(not faults and not self._working)
        self.stop.setVisible(self._working)

    def _faults(self) -> dict[str, str]:
        faults = {}
        if not Path(self.folder.text().strip() or "-").is_dir():
            faults["folder"] = self.tr("Choose the folder of the data set.")
        if self.chosen is None:
            faults["source"] = self.tr("Choose which data set it is.")
        elif self.chosen.terms.text and not self.accepted_terms.isChecked():
            faults["terms"] = self.tr("Read what the source demands, and say that you keep to it.")
        name = self.name.text().strip()
        if not name or name.startswith(".") or Path(name).name != name:
            faults["name"] = self.tr("A name that a folder can have.")
        elif (self._cohorts / name).exists():
            faults["name"] = self.tr("There is a cohort of this name.")
        return faults

    @property
    def out(self) -> Path:
        """The folder of the cohort."""
        return self._cohorts / self.name.text().strip()

    @Slot()
    def _import(self) -> None:
        self.import_asked.emit(self.words_of())

    def words_of(self) -> list[str]:
        """The words after `xferviewer` that import it."""
        source = self.chosen
        key = source.key if source is not None else "auto"
        words = ["import-dataset", key, self.folder.text().strip(), "--out", str(self.out)]
        if source is None:
            return words
        words += ["--accept-terms"] if source.terms.text else []
        for choice in source.choices:
            control = self.choices[choice.name]
            value = control.value if isinstance(control, ChoiceBox) else control.text().strip()
            if value and value != choice.default:
                words += [f"--{choice.name}", value]
        return words

    def show_working(self, words: str, *, working: bool) -> None:
        """How far it is."""
        self._working = working
        self.words.setText(words)
        self._check()

    def show_refusal(self, sentence: str) -> None:
        """Why nothing was imported."""
        self.show_working("", working=False)
        self.fault.show_fault(sentence)

    def done(self, result: int) -> None:
        """However it is closed: end what is under way."""
        self.stopped.emit()
        super().done(result)
