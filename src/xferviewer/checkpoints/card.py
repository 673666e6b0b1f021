"""The card of a checkpoint: what its weights cannot say of themselves, as the YAML front matter of its README.md."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import yaml

from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.checkpoints.training_inputs import TrainingInputs

# 2: heads other than linear; how a checkpoint was imported
# 3: what the training images looked like to the network; what headers should state
# 4: how the training images were split, and what the parts of the split share
CARD_VERSION = 4

# Part of every preprocessing digest. Raise it when networks/preprocessing.py computes other numbers from the same
# constants: predictions kept under the old digest are then not mistaken for the new ones.
PREPROCESSING_VERSION = 1


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How the presentation of an image ([0, 1], see studies.images.present) becomes the input of the network.

    size            (rows, columns) of the input
    resize          "squash": both sides to size / crop_fraction, the aspect given up; "shorter": the shorter side to
                    it, the aspect kept. Either way the middle of `size` is then cut out.
    crop_fraction   in (0, 1]; 1 with "squash" crops nothing
    interpolation   always antialiased, in float32
    channel_order   "grey": one channel; "RGB" and "BGR": three; a grey image fills all, a colour one is turned to grey
                    by 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)
    mean, std       per channel, in the unit of the presentation: input = (value - mean) / std
    polarity        "as shown": bright on the screen is bright in the input (MONOCHROME1 is undone); "inverted": dark
    window          of a greyscale image. "default": the VOI LUT or first window that the file states, else its lowest
                    and highest value. "full range": the same, but where the file states nothing and its values are
                    whole and not negative, from 0 to the highest that they can be (x / 65535 of 16 bits). "range" and
                    "percentiles": whatever the file states, by window_range
    window_range    of "range", what becomes black and what white, in the unit of the image (HU of a CT); of
                    "percentiles", the same as percentiles of its values
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resize: Literal["squash", "shorter"] = "squash"
    crop_fraction: float = 1.0
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    channel_order: Literal["grey", "RGB", "BGR"] = "RGB"
    polarity: Literal["as shown", "inverted"] = "as shown"
    window: Literal["default", "full range", "range", "percentiles"] = "default"
    window_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ValueError(f"size {self.size} should be positive.")
        if not 0 < self.crop_fraction <= 1:
            raise ValueError(f"crop_fraction {self.crop_fraction} should be above 0 and at most 1.")
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(
                f"mean and std should have {self.channels} entries for channel_order {self.channel_order}."
            )
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} should be positive.")
        self._check_window()

    def _check_window(self) -> None:
        if (self.window in ("range", "percentiles")) != (self.window_range is not None):
            wanted = "is for" if self.window_range is not None else "is missing for"
            raise ValueError(f"window_range {wanted} the windows range and percentiles.")
        if self.window_range is None:
            return
        low, high = self.window_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"window_range {self.window_range} should be two numbers, the lower one first.")
        if self.window == "percentiles" and not 0 <= low < high <= 100:
            raise ValueError(f"window_range {self.window_range} should be percentiles from 0 to 100.")

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.channel_order == "grey" else 3

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of every constant: two checkpoints with the same digest take the same tensor of an image."""
        return _preprocessing_digest(self)


@lru_cache(maxsize=256)  # it is asked for with every image
def _preprocessing_digest(preprocessing: Preprocessing) -> str:
    content = {"version": PREPROCESSING_VERSION, **to_mapping(preprocessing)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


# What stands between the pooled features and the logits, and the arguments that each kind has, with their defaults.
HeadKind = Literal["linear", "non-linear", "conv", "conv-skip", "conv as published", "conv-skip as published"]
_HIDDEN = {"dropout": 0.5, "ratio": 0.5}
_CONVOLVED = {**_HIDDEN, "filters": 4.0, "kernel_size": 2.0}
_HEAD_ARGUMENTS: dict[HeadKind, dict[str, float]] = {
    "linear": {},
    "non-linear": _HIDDEN,
    "conv": _CONVOLVED,
    "conv-skip": _CONVOLVED,
    "conv as published": _CONVOLVED,
    "conv-skip as published": _CONVOLVED,
}


@dataclass(frozen=True, slots=True)
class Head:
    """What stands between the pooled features and the logits (networks.heads). `parameters` holds its arguments.

    dropout      in [0, 1)
    ratio        of the hidden layer's width to that of what comes before it
    filters      of the convolution along the features, a whole number
    kernel_size  of the same, a whole number

    One that is left out has its default: 0.5, 0.5, 4, 2. The kinds "as published" are built as the code of the BUSI and
    MRNet study built them whatever its command said: it handed on the number of filters alone.
    """

    kind: HeadKind = "linear"
    parameters: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = _HEAD_ARGUMENTS[self.kind]
        for name, value in self.parameters.items():
            if name not in known:
                raise ValueError(f"a {self.kind} head has no parameter {name}; it has {', '.join(known) or 'none'}.")
            if name == "dropout" and not 0 <= value < 1:
                raise ValueError(f"dropout {value} should be at least 0 and below 1.")
            if name == "ratio" and not 0 < value < math.inf:
                raise ValueError(f"ratio {value} should be above 0.")
            if name in ("filters", "kernel_size") and not (1 <= value < math.inf and value == int(value)):
                raise ValueError(f"{name} {value} should be a whole number above 0.")

    @property
    def arguments(self) -> dict[str, float]:
        """Every argument that the network is built with, given or not."""
        defaults = _HEAD_ARGUMENTS[self.kind]
        if self.kind in ("conv as published", "conv-skip as published"):
            return {**defaults, **{name: value for name, value in self.parameters.items() if name == "filters"}}
        return {**defaults, **self.parameters}


@dataclass(frozen=True, slots=True)
class InitialisationStep:
    """One link of the chain that the weights started from, oldest first. `source` is "random" or a name for people."""

    source: str
    file: str | None = None
    sha256: str | None = None
    license: str | None = None


@dataclass(frozen=True, slots=True)
class ImportRecord:
    """The file of another program that a checkpoint was made of, and in sentences what was decided on the way."""

    file: str
    sha256: str
    decisions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the checkpoint was fine-tuned on. Counts are of images unless they say patients.

    group             what `patients` counts: "patient", "exam", "lesion", "slide" or "image"
    split             how it was split, for people; empty where a card does not say
    leaks             the split shares groups between its parts, and was chosen by name
    exact_duplicates  images that another part of the split holds too, summed over pairs of parts; None: nobody looked
    near_duplicates   the same of those that are nearly the same and not exactly
    cohort_digest     SHA-256 (hex) of the cohort folder's images.csv; None of other data
    """

    cohort: str
    site: str | None
    seed: int | None
    training: int
    validation: int
    training_patients: int
    validation_patients: int
    shared_patients: int
    split_digest: str
    group: str = "patient"
    split: str = ""
    leaks: bool = False
    exact_duplicates: int | None = None
    near_duplicates: int | None = None
    cohort_digest: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectedHeader:
    """What the header of an image should state; empty: anything. A header that states nothing is no fault.

    modalities  DICOM Modality (0008,0060), such as CR and DX
    body_parts  DICOM Body Part Examined (0018,0015), such as CHEST; letter case does not count
    """

    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """The AUC of one finding on one cohort that the checkpoint never saw. None where it is undefined."""

    cohort: str
    site: str | None
    finding: str
    positive: int
    negative: int
    auc: float | None
    auc_lower: float | None
    auc_upper: float | None
    level: float = 0.95
    interval: str = "DeLong"
    unit: Literal["image", "study", "patient"] = "image"


@dataclass(frozen=True, slots=True)
class Card:
    """Everything on a card. `license` and `library_name` are the keys that model hubs read.

    findings            in the order of the logits
    trained_findings    those whose head saw labels; the others are not drawn
    task                "multi-label": a sigmoid per finding; "multi-class": softmax over them; "binary": one finding
    initialisation      oldest first; empty for weights of unknown origin
    imported            None for a checkpoint that was trained here
    training_inputs     what the training images looked like to the network; None where nobody measured them
    expects             what headers should state
    recipe              what the training command was told, by name
    command             reproduces the checkpoint
    weights_sha256      of model.safetensors
    """

    name: str
    title: str
    architecture: str
    findings: tuple[str, ...]
    task: Literal["multi-label", "multi-class", "binary"]
    preprocessing: Preprocessing
    weights_sha256: str
    trained_findings: tuple[str, ...]
    license: str
    head: Head = field(default_factory=Head)
    initialisation: tuple[InitialisationStep, ...] = ()
    imported: ImportRecord | None = None
    data: TrainingData | None = None
    training_inputs: TrainingInputs | None = None
    expects: ExpectedHeader = field(default_factory=ExpectedHeader)
    recipe: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    job: str | None = None
    command: str | None = None
    metrics: tuple[Metric, ...] = ()
    libraries: dict[str, str] = field(default_factory=dict)
    library_name: str = "timm"
    card_version: int = CARD_VERSION

    @property
    def leak(self) -> str:
        """A sentence where the checkpoint learned from a split that leaks; else empty."""
        if self.data is None or not self.data.leaks:
            return ""
        return (
            f"{self.name} learned from a split that leaks ({self.data.split}): its numbers on images of "
            f"{self.data.cohort} are too good."
        )

    def __post_init__(self) -> None:
        if not self.findings or len(set(self.findings)) != len(self.findings):
            raise ValueError("findings should name every output once.")
        strangers = sorted(set(self.trained_findings) - set(self.findings))
        if strangers:
            raise ValueError(f"trained_findings names {strangers[0]}, which is not among the findings.")
        if self.task == "binary" and len(self.findings) != 1:
            raise ValueError(f"a binary task has one finding, not {len(self.findings)}.")


def parse_card(readme: str) -> Card:
    """The card in the front matter of a README.md. Raises FieldError with one sentence that says what is wrong."""
    opening, _, rest = readme.removeprefix("\ufeff").partition("\n")
    front, closing, _ = rest.partition("\n---")
    if opening.strip() != "---" or not closing:
        raise FieldError("README.md has no front matter between two lines of three hyphens.")
    try:
        content = yaml.safe_load(front)
    except yaml.YAMLError as error:
        # PyYAML's first line says what, the rest quotes the file
        raise FieldError(f"The front matter of README.md is not YAML: {str(error).splitlines()[0]}.") from error
    version = content.get("card_version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise FieldError("The front matter of README.md has no card_version.")
    if version > CARD_VERSION:
        raise FieldError(f"The card has version {version}; this xferviewer reads up to version {CARD_VERSION}.")
    return from_mapping(Card, content)


class _CardDumper(yaml.SafeDumper):
    """Numbers stand beside one another: hundreds of lines of them would hide the words."""

    def represent_list(self, values: Any) -> yaml.SequenceNode:
        numbers = bool(values) and all(isinstance(value, int | float) for value in values)
        return self.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=numbers)


_CardDumper.add_representer(list, _CardDumper.represent_list)


def render_card(card: Card) -> str:
    """The README.md of a checkpoint: the card as front matter, and the same for people below it."""
    front = yaml.dump(to_mapping(card), Dumper=_CardDumper, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{front}---\n\n{_page(card)}"


def _page(card: Card) -> str:
    lines = [
        f"# {card.title}",
        "",
        "For research, not for diagnosis.",
        "",
        f"{card.architecture}, {card.task}: {_shortened(card.findings)}.",
    ]
    if card.imported:
        lines += ["", f"Imported from {card.imported.file}:", "", *(f"- {said}" for said in card.imported.decisions)]
    if card.command:
        lines += ["", f"Made by `{card.command}`."]
    lines += [
        "",
        f"Opens in xferviewer{_elsewhere(card)};",
        "the preprocessing that it expects stands above.",
    ]
    if card.data and card.data.split:
        lines += ["", *_data_lines(card.data)]
    if card.metrics:
        lines += ["", "## AUC on held-out images", "", *_metrics_table(card)]
    return "\n".join(lines) + "\n"


def _data_lines(data: TrainingData) -> list[str]:
    groups = f"{data.training_patients} {data.group}s" if data.group != "image" else "each a group of its own"
    lines = [
        f"Learned from {data.training} images ({groups}) of {data.cohort}, chosen by {data.validation} others.",
        f"Split: {data.split}.",
    ]
    if data.exact_duplicates is not None:
        lines.append(
            f"Images that two parts of the split hold: {data.exact_duplicates} the same, {data.near_duplicates} nearly."
        )
    if data.leaks:
        lines.insert(
            0,
            f"**This split leaks**: {data.shared_patients} {data.group}s of validation were also learned from, or "
            "images of one examination are in several parts. Its numbers are too good.",
        )
    return lines


def _elsewhere(card: Card) -> str:
    if card.head.kind != "linear":
        return f"; its head is {card.head.kind}"
    if card.architecture.startswith("torchvision/"):
        return "; timm has no equal of this network of torchvision"
    return ", and in timm by `timm.create_model('local-dir:FOLDER', pretrained=True)`"


def _shortened(findings: tuple[str, ...]) -> str:
    """All findings, or the first of very many; the front matter has the others."""
    shown = findings if len(findings) <= 40 else (*findings[:20], f"and {len(findings) - 20} more")
    return ", ".join(shown)


def _metrics_table(card: Card) -> list[str]:
    cohorts = list(dict.fromkeys((metric.cohort, metric.site) for metric in card.metrics))
    first = card.metrics[0]
    lines = [
        f"Per {first.unit}; in brackets the {first.level:.0%} interval ({first.interval}), then the positives.",
        "",
    ]
    lines += [
        "| finding | " + " | ".join(f"{cohort}" for cohort, _ in cohorts) + " |",
        "|---" * (len(cohorts) + 1) + "|",
    ]
    of = {(metric.cohort, metric.finding): metric for metric in card.metrics}
    for finding in card.findings:
        cells = [_cell(of.get((cohort, finding))) for cohort, _ in cohorts]
        lines.append(f"| {finding} | " + " | ".join(cells) + " |")
    return lines


def _cell(metric: Metric | None) -> str:
    if metric is None or metric.auc is None:
        return "undefined"
    interval = "" if metric.auc_lower is None else f" [{metric.auc_lower:.3f}, {metric.auc_upper:.3f}]"
    return f"{metric.auc:.3f}{interval}, {metric.positive}"
