"""Which network, what its weights begin from, what of it learns, and how images are made its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QCompleter, QFileDialog, QLineEdit, QPushButton, QVBoxLayout, QWidget

from xferviewer.checkpoints import Checkpoint, Preprocessing
from xferviewer.checkpoints.fields import to_mapping
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, Fold, heading, stack
from xferviewer.gui.views.training.derived_fields import NAME_WIDTH, DerivedFields, flattened, nested
from xferviewer.gui.views.training.head_section import HeadSection
from xferviewer.jobs.backbone_names import KNOWN_BACKBONES, known_backbone
from xferviewer.jobs.network_spec import SETTINGS, NetworkSpec

_OWN_FIELDS = ("architecture", "weights", "hub", "preprocessing", "head")
_FIRST_ARCHITECTURE = "tf_efficientnet_lite0"
_FIRST_SETTING = "S3"
_OWN = "own constants"


@dataclass(frozen=True, slots=True)
class Start:
    """What weights begin from. `checkpoint` is the folder of one; "" with the kinds that ask for a name or a file."""

    kind: str  # "checkpoint", "package", "file", "hub", "random"
    checkpoint: str = ""


RANDOM, PACKAGE, FILE, HUB = Start("random"), Start("package"), Start("file"), Start("hub")


class NetworkSection(QWidget):
    """What begins from a checkpoint takes its architecture and its preprocessing from it."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._checkpoints: dict[str, Checkpoint] = {}
        self._chosen = False  # by a person, or by a job that is cloned
        self.start: ChoiceBox[Start] = ChoiceBox(self.tr("Begins from"), stretches=True)
        self.source = QLineEdit()
        self.browse = QPushButton(self.tr("Choose …"))
        self.browse.setAccessibleName(self.tr("Choose the file with weights"))
        self.architecture = self._searchable()
        self.learning = DerivedFields(NetworkSpec, "network", leave=_OWN_FIELDS)
        self._words_of_settings()
        self.head = HeadSection()
        self.preset: ChoiceBox[str] = ChoiceBox(self.tr("Preprocessing"), stretches=True)
        self.preset.offer([*((f"{name}: {preset.description}", name) for name, preset in PRESETS.items()),
                           (_OWN, _OWN)], "half")  # fmt: skip
        self.constants = DerivedFields(Preprocessing, "network.preprocessing")
        self.constants_fold = Fold(self.tr("Constants of the preprocessing"), self.constants)
        self.fields = self._fields()
        self._lay_out()
        self._connect()
        self._offer_groups()
        self.offer_checkpoints([])
        self._take_preset()

    def _searchable(self) -> QComboBox:
        box = QComboBox()
        box.setEditable(True)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.addItems([row.name for row in KNOWN_BACKBONES])
        for place, row in enumerate(KNOWN_BACKBONES):
            words = self.tr("{0}, {1} million parameters, images of {2}")
            tip = words.format(row.title, f"{row.parameters / 1e6:.1f}", row.side)
            box.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        completer = QCompleter([row.name for row in KNOWN_BACKBONES], box)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        box.setCompleter(completer)
        box.setCurrentText(_FIRST_ARCHITECTURE)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        return box

    @Slot()
    def _offer_groups(self) -> None:
        """The others let all groups learn, or none."""
        self.learning.fields["network.top_groups"].setEnabled(self.setting.value in ("S2", "S4"))

    def _words_of_settings(self) -> None:
        box = self.learning.controls["network.setting"]
        if isinstance(box, ChoiceBox):
            box.offer([(f"{name}: {words}", name) for name, words in SETTINGS.items()], _FIRST_SETTING)
            box.choose(_FIRST_SETTING)
            self.setting = box

    def _fields(self) -> dict[str, Field]:
        return {
            "network.start": Field(
                self.tr("Begins from"),
                self.tr("Weights to go on from. A chain of them is recorded on the card of the new checkpoint."),
                self.start, name_width=NAME_WIDTH,
            ),
            "network.weights": Field(
                self.tr("Weights"),
                self.tr(
                    "A file with weights or a checkpoint folder; or the name of published weights, as in "
                    "timm/resnet50.a1_in1k, which come from the mirror or, where the settings allow it, the network"
                ),
                self.source, self.browse, name_width=NAME_WIDTH,
            ),
            "network.architecture": Field(
                self.tr("Backbone"),
                self.tr("One of the published studies' or any other name that timm knows; a part of it is enough"),
                self.architecture, name_width=NAME_WIDTH,
            ),
            "network.preset": Field(
                self.tr("Preprocessing"), self.tr("How an image becomes the input: what the weights were trained with"),
                self.preset, name_width=NAME_WIDTH,
            ),
        }  # fmt: skip

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        first = ("network.start", "network.weights", "network.architecture")
        stack(layout, heading(self.tr("Network")), *(self.fields[path] for path in first))
        for widget in (self.learning, self.head, self.fields["network.preset"], self.constants_fold):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.start.activated.connect(self._start_chosen)
        self.source.textEdited.connect(self.changed)
        self.browse.clicked.connect(self._browse)
        self.architecture.editTextChanged.connect(self._architecture_written)
        self.setting.activated.connect(self._setting_chosen)
        self.setting.currentIndexChanged.connect(self._offer_groups)
        self.learning.changed.connect(self.changed)
        self.head.changed.connect(self.changed)
        self.preset.activated.connect(self._preset_chosen)
        self.constants.changed.connect(self._constant_written)

    # --- what it begins from

    def offer_checkpoints(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Offer these to begin from, the first of them first, beside files, published names and random weights."""
        before = self.start.value
        self._checkpoints = {str(checkpoint.folder): checkpoint for checkpoint in checkpoints}
        offered = [
            (self.tr("checkpoint {0}").format(checkpoint.name), Start("checkpoint", folder))
            for folder, checkpoint in self._checkpoints.items()
        ]
        others = [
            (self.tr("ImageNet weights of an installed package"), PACKAGE), (self.tr("a file or folder …"), FILE),
            (self.tr("published weights by name …"), HUB), (self.tr("random weights"), RANDOM),
        ]  # fmt: skip
        self.start.offer([*offered, *others], offered[0][1] if offered else PACKAGE)
        if not self._chosen and offered:
            self.start.choose(offered[0][1])
        if self.start.value != before:
            self._take_start()

    @Slot()
    def _start_chosen(self) -> None:
        self._chosen = True
        self._take_start()
        self.changed.emit()

    def _take_start(self) -> None:
        start = self.start.value or RANDOM
        asks = start in (FILE, HUB)
        self.fields["network.weights"].setVisible(asks)
        self.browse.setVisible(start == FILE)
        if not asks:
            self.source.clear()
        self.source.setPlaceholderText("timm/resnet50.a1_in1k" if start == HUB else self.tr("a file, or a folder"))
        random = self.setting.value in ("S4", "S5")
        if random != (start == RANDOM):
            self.setting.choose("S5" if start == RANDOM else _FIRST_SETTING)
        checkpoint = self._checkpoints.get(start.checkpoint)
        if checkpoint is not None:
            self._show_options(checkpoint.options)
            self.architecture.blockSignals(True)
            self.architecture.setCurrentText(checkpoint.card.architecture)
            self.architecture.blockSignals(False)
            self._show_preprocessing(to_mapping(checkpoint.preprocessing))

    def _show_options(self, options: Mapping[str, Any]) -> None:
        known = {**nested(self.learning.mapping(), "network"), "options": dict(options)}
        self.learning.show_values(flattened(known, "network"))

    @Slot()
    def _setting_chosen(self) -> None:
        self._chosen = True
        random = self.setting.value in ("S4", "S5")
        if random and self.start.value != RANDOM:
            self.start.choose(RANDOM)
            self._take_start()
        elif not random and self.start.value == RANDOM:
            self.start.choose(next((start for start in self.start.offered if start != RANDOM), PACKAGE))
            setting = self.setting.value
            self._take_start()
            self.setting.choose(setting)

    @Slot()
    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Choose the file with weights"))
        if chosen:
            self.source.setText(chosen)
            self.changed.emit()

    @Slot()
    def _architecture_written(self) -> None:
        self._show_options({})  # they were another network's
        if known_backbone(self.architecture.currentText().strip()) is not None:
            self._take_preset()
        self.changed.emit()

    # --- preprocessing

    @Slot()
    def _preset_chosen(self) -> None:
        if self.preset.value == _OWN:
            self.constants_fold.open()
        self._take_preset()
        self.changed.emit()

    def _take_preset(self) -> None:
        known = known_backbone(self.architecture.currentText().strip())
        preset = PRESETS.get(self.preset.value or "")
        if preset is not None:
            side = known.side if known is not None else 224
            self.constants.show_values(flattened(to_mapping(preset.at((side, side))), "network.preprocessing"))

    def _show_preprocessing(self, constants: Mapping[str, Any]) -> None:
        self.preset.choose(_OWN)
        self.constants.show_values(flattened(constants, "network.preprocessing"))

    @Slot()
    def _constant_written(self) -> None:
        self.preset.choose(_OWN)
        self.changed.emit()

    # --- as a whole

    def mapping(self) -> dict[str, Any]:
        """The section `network` of a specification."""
        start = self.start.value or RANDOM
        found = {
            "architecture": self.architecture.currentText().strip(),
            **nested(self.learning.mapping(), "network"),
            "preprocessing": nested(self.constants.mapping(), "network.preprocessing"),
            "head": self.head.mapping(),
        }
        if start.kind == "checkpoint":
            found["weights"] = start.checkpoint
        elif start in (FILE, HUB) and self.source.text().strip():
            found["weights" if start == FILE else "hub"] = self.source.text().strip()
        return found

    def missing(self) -> dict[str, str]:
        """What the specification's own check would not miss."""
        if self.start.value in (FILE, HUB) and not self.source.text().strip():
            return {"network.weights": self.tr("Name the weights to begin from.")}
        if not self.architecture.currentText().strip():
            return {"network.architecture": self.tr("Name a backbone.")}
        return {}

    def show_network(self, network: Mapping[str, Any]) -> None:
        """Show what a specification says of its network."""
        self._chosen = True
        weights, hub = network.get("weights"), network.get("hub")
        if network["setting"] in ("S4", "S5"):
            self.start.choose(RANDOM)
        elif weights:
            known = Start("checkpoint", weights)
            self.start.choose(known if known in self.start.offered else FILE)
        else:
            self.start.choose(HUB if hub else PACKAGE)
        self._take_start()
        self.source.setText(weights or hub or "" if self.start.value in (FILE, HUB) else "")
        self.architecture.blockSignals(True)
        self.architecture.setCurrentText(network["architecture"])
        self.architecture.blockSignals(False)
        self.learning.show_values(flattened(network, "network"))
        self.head.show_head(network.get("head", {}))
        self._show_preprocessing(network["preprocessing"])

    def take_card(self, network: Mapping[str, Any]) -> None:
        """Take what a published recipe says of the network; the rest stays, and so does what weights begin from.

        Random weights stay random: a recipe's S3 is then S5.
        """
        if "architecture" in network:
            self.architecture.setCurrentText(network["architecture"])
        known = nested(self.learning.mapping(), "network")
        options = known["options"] if isinstance(known["options"], Mapping) else {}  # text that is no table
        said = {**known, **network, "options": {**options, **network.get("options", {})}}
        if self.start.value == RANDOM:
            said["setting"] = {"S2": "S4", "S3": "S5"}.get(said["setting"], said["setting"])
        self.learning.show_values(flattened(said, "network"))
        if "head" in network:
            self.head.show_head(network["head"])
        if "preprocessing" in network:
            self._show_preprocessing(network["preprocessing"])

    def show_faults(self, faults: Mapping[str, str]) -> None:
        """Say by each field what is wrong there."""
        for path, field in self.fields.items():
            field.fault.show_fault(faults.get(path, ""))
        self.fields["network.start"].fault.show_fault(faults.get("network", ""))
        self.learning.show_faults(faults)
        self.head.show_faults(faults)
        self.constants.show_faults(faults)
        if any(path.startswith("network.preprocessing.") for path in faults):
            self.constants_fold.open()
