"""What a training job is told, as a TOML file that a person can read, edit and run again."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomli_w

from xferviewer.checkpoints import Head, Preprocessing
from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.errors import UnusableSpec

SPEC_VERSION = 1

# The five transfer settings of Borah et al.: which weights the backbone starts from, and which of its layers learn.
Setting = Literal["S1", "S2", "S3", "S4", "S5"]
SETTINGS: dict[Setting, str] = {
    "S1": "pre-trained, backbone frozen",
    "S2": "pre-trained, top layers learn",
    "S3": "pre-trained, all layers learn",
    "S4": "random, top layers learn",
    "S5": "random, all layers learn",
}


# How weights for three channels become such for one, and the reverse (networks.channel_adaptation).
ChannelAdaptation = Literal["sum", "mean", "repeat", "repeat/3"]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The network and what of it learns. The head always does.

    architecture    a name that timm knows
    setting         one of SETTINGS
    top_groups      how many of the topmost layer groups learn under S2 and S4
    counting        of layer groups: corrected, or as the BUSI and MRNet study counted and trained them
    weights         a file with pre-trained weights for S1 to S3, or the folder of a checkpoint
    hub             instead of it, the name of published weights ("timm/resnet50.a1_in1k"), which come from the mirror
                    or the network (networks.hub); with neither, an installed package must bring ImageNet's
    channel_adaptation  of weights whose first layer has another number of channels; left out, those are refused
    options         further arguments of timm.create_model, such as depth
    preprocessing   as on the card of a checkpoint
    head            the same; one with batch normalisation needs batches of two images or more
    """

    architecture: str
    setting: Setting
    preprocessing: Preprocessing
    top_groups: int = 1
    counting: Literal["corrected", "as published"] = "corrected"
    weights: str | None = None
    hub: str | None = None
    channel_adaptation: ChannelAdaptation | None = None
    options: dict[str, Any] = field(default_factory=dict)
    head: Head = field(default_factory=Head)

    def __post_init__(self) -> None:
        if self.top_groups < 1:
            raise ValueError("top_groups should be at least 1; S1 freezes the whole backbone.")
        if (self.weights or self.hub) and not self.pretrained:
            raise ValueError(f"weights were named, but setting {self.setting} starts from random ones.")
        if self.weights and self.hub:
            raise ValueError("name weights or hub, not both.")

    @property
    def pretrained(self) -> bool:
        return self.setting in ("S1", "S2", "S3")

    @property
    def trainable_groups(self) -> int | None:
        """How many of the topmost layer groups learn; None for all."""
        return {"S1": 0, "S2": self.top_groups, "S3": None, "S4": self.top_groups, "S5": None}[self.setting]


@dataclass(frozen=True, slots=True)
class PhantomData:
    """Synthetic films, rendered when they are not there yet (studies.phantom)."""

    site: Literal["A", "B", "C"]
    count: int
    seed: int

    def __post_init__(self) -> None:
        if self.count < 1 or self.seed < 0:
            raise ValueError("count should be positive and seed not negative.")


@dataclass(frozen=True, slots=True)
class FolderData:
    """Images below a folder, with a table of labels: columns path, patient, and one per finding (1, 0, -1, empty)."""

    folder: str
    labels: str = "labels.csv"


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Where the images come from (one of the two), and how much of the patients is kept for validation."""

    phantom: PhantomData | None = None
    folder: FolderData | None = None
    validation_fraction: float = 0.15
    split_seed: int = 0

    def __post_init__(self) -> None:
        if (self.phantom is None) == (self.folder is None):
            raise ValueError("name either phantom or folder.")
        if not 0 < self.validation_fraction < 1:
            raise ValueError(f"validation_fraction {self.validation_fraction} should lie between 0 and 1.")


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random moves of each training image, uniform in ± these; no flip, which would swap left and right.

    shift     in both directions, as a share of the side
    scale     1 ± scale
    rotation  in degrees
    """

    shift: float = 0.05
    scale: float = 0.1
    rotation: float = 7.0

    def __post_init__(self) -> None:
        if not (0 <= self.shift < 1 and 0 <= self.scale < 1 and 0 <= self.rotation <= 180):
            raise ValueError("shift and scale should lie in [0, 1), rotation in [0, 180].")


@dataclass(frozen=True, slots=True)
class Recipe:
    """AdamW on the mean binary cross-entropy of the stated labels; linear warm-up, then a cosine, step by step.

    minimum_learning_rate  where the cosine ends
    weight_decay           on weight matrices and kernels only, not on biases, norms and embeddings
    precision              of the forward pass in training; validation and metrics are always float32
    threads                of the CPU; 0 takes all
    """

    epochs: int
    batch_size: int
    learning_rate: float
    minimum_learning_rate: float = 0.0
    warmup_epochs: float = 0.5
    weight_decay: float = 0.05
    precision: Literal["fp32", "bf16"] = "fp32"
    threads: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2 or self.threads < 0:
            raise ValueError("epochs should be at least 1, batch_size at least 2, threads not negative.")
        if not (0 < self.learning_rate < math.inf and 0 <= self.minimum_learning_rate <= self.learning_rate):
            raise ValueError("learning_rate should be positive and not below minimum_learning_rate.")
        if not (0 <= self.warmup_epochs < self.epochs and 0 <= self.weight_decay < math.inf):
            raise ValueError("warmup_epochs should be fewer than epochs, weight_decay not negative.")


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One training job, reproducible from this alone.

    name      short, for tables; also the name of the checkpoint
    findings  in the order of the logits
    held_out  cohorts that only the finished checkpoint sees; its AUC on each goes to the card
    """

    name: str
    title: str
    findings: tuple[str, ...]
    network: NetworkSpec
    data: DataSpec
    recipe: Recipe
    license: str
    seed: int = 0
    held_out: tuple[PhantomData, ...] = ()
    version: int = SPEC_VERSION

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise ValueError(f"name {self.name!r} should be usable as the name of a folder.")
        if not self.findings or len(set(self.findings)) != len(self.findings):
            raise ValueError("findings should name at least one finding, each once.")
        if self.seed < 0:
            raise ValueError("seed should not be negative.")
        seen = self.data.phantom
        for cohort in self.held_out:
            if seen and (cohort.site, cohort.seed) == (seen.site, seen.seed):
                raise ValueError(f"the held-out cohort of site {cohort.site} has the seed of the training cohort.")


def read_spec(path: Path | str) -> TrainingSpec:
    """The job that a TOML file describes. Raises UnusableSpec naming the key that is unknown or impossible."""
    path = Path(path)
    try:
        return parse_spec(path.read_text(encoding="utf-8"), path.name)
    except OSError as error:
        raise UnusableSpec(
            f"The job {path} cannot be read.", f"{error.strerror or error}.", "Name a file that exists."
        ) from error
    except UnicodeDecodeError as error:
        raise _unusable(path.name, "It is not UTF-8 text.") from error


def parse_spec(text: str, name: str) -> TrainingSpec:
    """The same from the text of a file called `name`."""
    try:
        content = tomllib.loads(text)
        version = content.get("version", SPEC_VERSION)
        if isinstance(version, int) and version > SPEC_VERSION:
            raise FieldError(f"It has version {version}; this xferviewer reads up to version {SPEC_VERSION}.")
        return from_mapping(TrainingSpec, content)
    except tomllib.TOMLDecodeError as error:
        raise _unusable(name, f"It is not TOML: {error}.") from error
    except FieldError as error:
        raise _unusable(name, str(error)) from error


def render_spec(spec: TrainingSpec) -> str:
    """TOML that `parse_spec` reads back as an equal spec."""
    return tomli_w.dumps(to_mapping(spec))


def _unusable(name: str, why: str) -> UnusableSpec:
    return UnusableSpec(f"The job {name} cannot run.", why, "Correct the file and start it again.")
