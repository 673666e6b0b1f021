"""What a training job is told, as a TOML file that a person can read, edit and run again."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import tomli_w

from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.errors import UnusableSpec
from xferviewer.jobs.data_spec import DataSpec, PhantomData
from xferviewer.jobs.machine_spec import MachineSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.recipe_cards import complete_spec

# 2: recipes by name, and all that they need; classes that exclude each other; the machine
SPEC_VERSION = 2


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """One training job, reproducible from this alone.

    name      short, for tables; also the name of the checkpoint
    findings  in the order of the logits
    task      "multi-label": each finding is present or absent; "multi-class": each image has one of them; "binary":
              there is one finding
    held_out  cohorts of synthetic films that only the finished checkpoint sees; its AUC on each goes to the card
    machine   where it computes; no part of what it learns
    """

    name: str
    title: str
    findings: tuple[str, ...]
    network: NetworkSpec
    data: DataSpec
    recipe: Recipe
    license: str
    seed: int = 0
    task: Literal["multi-label", "multi-class", "binary"] = "multi-label"
    held_out: tuple[PhantomData, ...] = ()
    machine: MachineSpec = field(default_factory=MachineSpec)
    version: int = SPEC_VERSION

    def __post_init__(self) -> None:
        if not self.name or Path(self.name).name != self.name or self.name.startswith("."):
            raise ValueError(f"name {self.name!r} should be usable as the name of a folder.")
        if not self.findings or len(set(self.findings)) != len(self.findings):
            raise ValueError("findings should name at least one finding, each once.")
        self._check_task()
        if self.recipe.head_start != "as built" and self.network.head.kind != "linear":
            raise ValueError(f"recipe.head_start {self.recipe.head_start!r} is for a linear head.")
        if self.recipe.layers.unfreeze_every and self.machine.devices > 1:
            raise ValueError(
                "recipe.layers.unfreeze_every needs one device; several agree on what learns at the start."
            )
        if self.seed < 0:
            raise ValueError("seed should not be negative.")
        seen = self.data.phantom
        for cohort in self.held_out:
            if seen and (cohort.site, cohort.seed) == (seen.site, seen.seed):
                raise ValueError(f"held_out: the cohort of site {cohort.site} has the seed of the training cohort.")

    def _check_task(self) -> None:
        if self.task == "binary" and len(self.findings) != 1:
            raise ValueError(f"a binary task has one finding, not {len(self.findings)}.")
        if self.task == "multi-class" and len(self.findings) < 2:
            raise ValueError("a multi-class task has two findings or more: one for each class.")
        if self.task == "multi-class" and self.recipe.loss.alpha is not None:
            raise ValueError('recipe.loss.alpha weighs positives against negatives; classes take weights = "balanced".')
        if self.three_classes and self.task == "multi-class":
            raise ValueError(
                "data.cohort.uncertain U-MultiClass is for findings, not for classes that exclude each other."
            )
        if self.three_classes and self.recipe.loss.alpha is not None:
            raise ValueError("recipe.loss.alpha weighs positives against negatives; U-MultiClass has three classes.")

    @property
    def three_classes(self) -> bool:
        """Whether each finding is learned as absent, present or uncertain (U-MultiClass)."""
        return self.data.cohort is not None and self.data.cohort.uncertain == "U-MultiClass"

    @property
    def outputs(self) -> int:
        """How many the network has while it learns: one for each finding, or three."""
        return len(self.findings) * (3 if self.three_classes else 1)

    @classmethod
    def expand(cls, mapping: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a file says, completed by the recipe that it names. Raises FieldError for one that nobody knows."""
        return complete_spec(mapping)


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
