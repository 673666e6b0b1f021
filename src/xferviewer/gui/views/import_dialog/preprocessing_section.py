"""How an image becomes the input of the network: by the name of a published recipe, and constant by constant."""

from __future__ import annotations

from dataclasses import fields

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.import_answers import Answers
from xferviewer.checkpoints.import_report import Candidate
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.field import Field, heading, stack, tool_tip
from xferviewer.gui.import_choices import OWN, Constants, base_of, presets_for, shown_constants

_CHOICES = {
    "resize": (
        ("both sides to the size, the aspect given up", "squash"),
        ("the shorter side, the aspect kept", "shorter"),
    ),
    "interpolation": (("bilinear", "bilinear"), ("bicubic", "bicubic")),
    "channel_order": (
        ("one grey channel", "grey"),
        ("three: red, green, blue", "RGB"),
        ("three: blue, green, red", "BGR"),
    ),
    "polarity": (("as shown: bright is bright", "as shown"), ("inverted: bright is dark", "inverted")),
    "window": (
        ("default: the file's own, else lowest to highest value", "default"),
        ("full range: the file's own, else 0 to the highest possible", "full range"),
        ("range: from and to the values below", "range"),
        ("percentiles: from and to those below", "percentiles"),
    ),
}


class PreprocessingSection(QWidget):
    """`preset` is empty until somebody chooses: a wrong one gives numbers that look right."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._candidate: Candidate | None = None
        self._said = Answers()
        self.base: Preprocessing | None = None
        self.preset_box: ChoiceBox[str] = ChoiceBox(self.tr("Preprocessing"), stretches=True)
        self.preset_box.activated.connect(self._take_preset)
        tips = self._tips()
        self.fields = {"preset": Field(self.tr("Recipe"), tips["preset"], self.preset_box)}
        self.texts: dict[str, QLineEdit] = {}
        self.boxes: dict[str, ChoiceBox[str]] = {}
        for name, text in self._names().items():
            control: QWidget
            if name in _CHOICES:
                box: ChoiceBox[str] = ChoiceBox(text, stretches=True)
                box.offer([(self.tr(words), value) for words, value in _CHOICES[name]], _CHOICES[name][0][1])
                box.activated.connect(self.changed)
                control = self.boxes[name] = box
            else:
                control = self.texts[name] = QLineEdit()
                self.texts[name].textEdited.connect(self.changed)
            self.fields[name] = Field(text, tips[name], control)
        self.preset_box.offer([(self.tr("choose …"), "")], "")
        stack(QVBoxLayout(self), heading(self.tr("Preprocessing")), *self.fields.values())
        self._enable()

    @property
    def preset(self) -> str:
        """A name, OWN, or empty."""
        return self.preset_box.value or ""

    @property
    def constants(self) -> Constants:
        """As they stand in the fields."""
        values = {name: line.text().strip() for name, line in self.texts.items()}
        values |= {name: box.value or "" for name, box in self.boxes.items()}
        return Constants(**values)

    def offer(self, candidate: Candidate, said: Answers) -> None:
        """Presets for this architecture; what was chosen stays where it suits, else what the file beside it says."""
        self._candidate, self._said = candidate, said
        before = self.preset
        beside = OWN if said.preprocessing is not None else said.preset or ""
        names = {"timm": self.tr("as timm states it for the architecture"), OWN: self.tr("none: the constants below")}
        if said.preprocessing is not None:
            names[OWN] = self.tr("as the file beside it says")
        texts = {name: f"{name}: {names.get(name) or PRESETS[name].description}" for name in presets_for(candidate)}
        texts[OWN] = names[OWN]
        items = [(self.tr("choose …"), ""), *((text, name) for name, text in texts.items())]
        self.preset_box.offer(items, beside)
        self.preset_box.choose(before if before in texts else beside if beside in texts else "")
        for place in range(self.preset_box.count()):
            words = tool_tip(self.preset_box.itemText(place))  # long ones are elided
            self.preset_box.setItemData(place, words, Qt.ItemDataRole.ToolTipRole)
        self._take_preset()

    @Slot()
    def _take_preset(self) -> None:
        if self._candidate is None:
            return
        self.base = base_of(self.preset, self._candidate, self._said)
        if self.base is not None:
            begin = shown_constants(self.base)
            self._show(begin)
            if self.preset in (self._said.preset, OWN) and self._said.constants:
                self._show(_with(begin, self._said.constants))
        self._enable()
        self.changed.emit()

    def _show(self, constants: Constants) -> None:
        for name, line in self.texts.items():
            line.setText(getattr(constants, name))
            line.setCursorPosition(0)
        for name, box in self.boxes.items():
            box.choose(getattr(constants, name))

    def _enable(self) -> None:
        for name, field in self.fields.items():
            field.setEnabled(name == "preset" or bool(self.preset))
        self.preset_box.setEnabled(self._candidate is not None)

    def _names(self) -> dict[str, str]:
        return {
            "size": self.tr("Input size"),
            "resize": self.tr("Resize"),
            "crop_fraction": self.tr("Crop"),
            "interpolation": self.tr("Interpolation"),
            "channel_order": self.tr("Channels"),
            "mean": self.tr("Mean"),
            "std": self.tr("Deviation"),
            "polarity": self.tr("Polarity"),
            "window": self.tr("Window"),
            "window_range": self.tr("Window: range"),
        }

    def _tips(self) -> dict[str, str]:
        return {
            "preset": self.tr(
                "The published recipe that the network was trained with. It stands in no file of weights; the training "
                "script has it, as transforms or as Normalize(mean, std)."
            ),
            "size": self.tr("Rows and columns that the network takes, in pixels"),
            "resize": self.tr(
                "Both sides to the size (Resize((224, 224))), or the shorter side to it, and the middle is cut out "
                "(Resize(256), CenterCrop(224))"
            ),
            "crop_fraction": self.tr(
                "The share of each side that the middle keeps: 0.875 is 224 of 256; 1 cuts nothing off a square"
            ),
            "interpolation": self.tr("Between pixels; always antialiased, as Pillow does it"),
            "channel_order": self.tr("OpenCV and Caffe read blue first; Pillow, torchvision and timm red"),
            "mean": self.tr("Taken from each channel of values in [0, 1]; divide those for 0 to 255 by 255"),
            "std": self.tr("Each channel is divided by this after the mean is taken off; values in [0, 1]"),
            "polarity": self.tr(
                "Inverted where the network was trained on films with dark bones, as MONOCHROME1 is stored. The "
                "picture on the right shows what it gets."
            ),
            "window": self.tr(
                "What of a greyscale image becomes black and what white. A study of 16-bit pictures that divided by "
                "65535 used the full range, one of CT in a window of Hounsfield units a range."
            ),
            "window_range": self.tr("Black and white: -1000, 400 in Hounsfield units; 1, 99 as percentiles"),
        }


def _with(shown: Constants, said: dict[str, object]) -> Constants:
    """The constants of a file beside the weights put into those of its preset, as text."""
    texts = {each.name: getattr(shown, each.name) for each in fields(Constants)}
    for name, value in said.items():
        if name in texts:
            texts[name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return Constants(**texts)
