"""The dialog for weights that timm and torchvision publish: which, where they are, whether the network may be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, QStringListModel, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from xferviewer.errors import XferviewerError
from xferviewer.gui.field import FaultLine, Field, said
from xferviewer.gui.import_client import ImportClient, ImportProgress
from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.theme import GRID

_LOOK_AFTER_MS = 400
"""A name is looked up when nobody has typed for so long."""
_SHOWN_NAMES = 16


class PublishedDialog(QDialog):
    """Nothing is fetched before Fetch is pressed, and then only where the settings let it; closing ends it."""

    obtained = Signal(str, object)  # the name of the weights, and the Path of their file on this machine

    def __init__(self, settings: KeptSettings, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Import published weights"))
        self.resize(760, 420)
        self._settings = settings
        self._described: dict[str, Any] | None = None
        self.client = ImportClient(self)
        self._settle = QTimer(self, singleShot=True, interval=_LOOK_AFTER_MS)
        self._build()
        self._settle.timeout.connect(self._look)
        self.name.textEdited.connect(self._begin_anew)
        self.mirror.editingFinished.connect(self._keep_mirror)
        self.choose.clicked.connect(self._choose_mirror)
        self.network.toggled.connect(self._keep_network)
        self.fetch.clicked.connect(self._fetch)
        self.close_.clicked.connect(self.reject)
        self.client.named.connect(self._names.setStringList)
        self.client.described.connect(self._show_description)
        self.client.fetched.connect(self._take_file)
        self.client.progressed.connect(self._show_progress)
        self.client.failed.connect(self._show_failure)
        self.client.name_published()
        self._show()

    def _build(self) -> None:
        self.name = QLineEdit()
        self.name.setPlaceholderText(self.tr("timm/resnet50.a1_in1k, torchvision/densenet121.IMAGENET1K_V1"))
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setMaxVisibleItems(_SHOWN_NAMES)
        completer.activated.connect(self._begin_anew)
        self.name.setCompleter(completer)
        self.mirror = QLineEdit(self._settings.now.mirror)
        self.mirror.setPlaceholderText(self.tr("none"))
        self.choose = self._button(self.tr("Choose …"), self.tr("Choose the mirror folder"))
        self.network = QCheckBox(self.tr("fetch from the network what is not on this machine"))
        self.network.setChecked(self._settings.now.hub == "on")
        self.facts = said()
        self.fault = FaultLine()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setTextVisible(False)
        self.status = said()
        self.fetch = self._button(self.tr("Import"), self.tr("Import these weights"))
        self.close_ = self._button(self.tr("Close"), self.tr("Close without importing"))
        buttons = QHBoxLayout()
        buttons.addWidget(self.status, 1)
        for widget in (self.bar, self.fetch, self.close_):
            buttons.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * GRID)
        rows = (
            Field(self.tr("Weights"), self.tr("The name under which timm or torchvision publish them."), self.name),
            Field(
                self.tr("Mirror"),
                self.tr("A folder with files of published weights, looked into first; kept in the settings."),
                self.mirror,
                self.choose,
            ),
            Field(
                self.tr("Network"),
                self.tr("Kept in the settings. Off, nothing ever leaves or enters this machine."),
                self.network,
            ),
        )
        for row, setting in zip(rows, ("", "mirror", "hub"), strict=True):
            row.fault.show_fault(self._settings.lock_of(setting))
            layout.addWidget(row)
        layout.addWidget(self.facts)
        layout.addWidget(self.fault)
        layout.addStretch(1)
        layout.addLayout(buttons)

    def _button(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setAutoDefault(False)  # Enter in a field would press it
        return button

    # --- what is asked

    @Slot()
    def _begin_anew(self) -> None:
        self._described = None
        self._settle.start()
        self._show()

    @Slot()
    def _keep_mirror(self) -> None:
        if self.mirror.text() != self._settings.now.mirror:
            self._settings.keep(mirror=self.mirror.text())
            self.mirror.setText(self._settings.now.mirror)  # it may have been locked meanwhile
            self._begin_anew()

    @Slot()
    def _choose_mirror(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Mirror of published weights"), self.mirror.text())
        if folder:
            self.mirror.setText(folder)
            self._keep_mirror()

    @Slot(bool)
    def _keep_network(self, on: bool) -> None:
        self._settings.keep(hub="on" if on else "off")
        with QSignalBlocker(self.network):
            self.network.setChecked(self._settings.now.hub == "on")  # it may have been locked meanwhile
        self._begin_anew()

    # --- what is answered

    @Slot()
    def _look(self) -> None:
        if self.name.text().strip() and self.client.work != "fetch":
            self.client.describe(self.name.text().strip())
            self._show()

    @Slot(object)
    def _show_description(self, described: dict[str, Any]) -> None:
        if described["name"] == self.name.text().strip():
            self._described = described
        self._show()

    @Slot(str, object)
    def _show_failure(self, _work: str, error: XferviewerError) -> None:
        self._described = None
        self._show(str(error))

    def _show(self, fault: str = "") -> None:
        described, working = self._described, self.client.work
        self.facts.setText(self._facts(described) if described else "")
        self.fault.show_fault(fault or (self._forbidden(described) if described else ""))
        here = described is not None and bool(described["at"])
        self.fetch.setText(self.tr("Import") if here or described is None else self.tr("Fetch and import"))
        self.fetch.setEnabled(described is not None and not described["forbidden"] and working != "fetch")
        self.bar.setVisible(working == "fetch")
        mirror_locked, network_locked = self._settings.lock_of("mirror"), self._settings.lock_of("hub")
        for field, locked in (
            (self.name, ""),
            (self.mirror, mirror_locked),
            (self.choose, mirror_locked),
            (self.network, network_locked),
        ):
            field.setEnabled(working != "fetch" and not locked)
        if working is None:
            self.status.setText("")
        elif working != "fetch":
            self.status.setText(self.tr("looking them up"))

    def _facts(self, described: dict[str, Any]) -> str:
        size = described["size_bytes"]
        classes = described["classes"]
        where = described["at"]
        return "\n".join(
            (
                self.tr("Architecture: {0}").format(described["architecture"]),
                self.tr("Classes: {0}").format(classes) if classes else self.tr("Classes: not said"),
                self.tr("Licence: {0}").format(described["license"] or self.tr("not said")),
                self.tr("Size: {0}").format(f"{size / 1e6:,.1f} MB" if size else self.tr("not said")),
                self.tr("SHA-256: {0}").format(described["sha256"] or self.tr("not said before it is fetched")),
                self.tr("On this machine: {0}").format(where)
                if where
                else self.tr("Not on this machine; published at {0}").format(described["url"]),
            )
        )

    def _forbidden(self, described: dict[str, Any]) -> str:
        if not described["forbidden"]:
            return ""
        text = self.tr("{0} Put {1} into the mirror folder, or let it be fetched.")
        if self._settings.lock_of("hub"):
            text = self.tr("{0} Put {1} into the mirror folder.")
        return text.format(described["forbidden"], described["file"])

    # --- having it

    @Slot()
    def _fetch(self) -> None:
        if self._described is not None:
            self.bar.setRange(0, 0)
            self.client.fetch(self._described["name"])
            self._show()

    @Slot(object)
    def _show_progress(self, progress: ImportProgress) -> None:
        self.status.setText(progress.stage)
        if progress.work == "fetch" and progress.total:
            scale = progress.total // 2**30 + 1  # Qt counts to 2 147 483 647
            self.bar.setRange(0, progress.total // scale)
            self.bar.setValue(progress.done // scale)

    @Slot(object)
    def _take_file(self, file: Path) -> None:
        name = self._described["name"] if self._described else ""
        self.accept()
        self.obtained.emit(name, file)

    def done(self, result: int) -> None:
        """However it is closed: end the child; a file that has come in part is removed."""
        self._settle.stop()
        self.client.stop()
        super().done(result)
