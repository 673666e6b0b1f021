"""What an importer is: a name, a layout that it knows, the terms of its source, and the two functions that read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from xferviewer.studies.cohort import Terms
from xferviewer.studies.datasets.reading import Reading


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that may be chosen of a source. An empty `values` takes any text, and "" is its default.

    name     the option's: "view"
    values   what it may be; the first one is the default
    meaning  a line for people
    """

    name: str
    values: tuple[str, ...]
    meaning: str

    @property
    def default(self) -> str:
        """What counts when nothing is chosen."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Content:
    """What the rows of a source are about: the part of a description that its reader knows. Fields as there."""

    task: str
    findings: tuple[str, ...]
    group: str
    modality: str


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it is published.

    key      short and stable: "nih-chestxray14"
    title    for people
    layout   the files that tell it, in a line
    terms    what it forbids or requires; without text, nobody has to accept anything
    detect   where this layout lies: a folder, or one right inside it; None where it does not. Told from names and
             headers, without raising
    read     puts rows, regions and notes into a `Reading` of the folder and says what they are about. Its second
             argument holds a value for each choice. Raises UnusableFolder or UnusableTable where nothing can be
             read; what cannot be read of the rest costs only itself, and is noted
    choices  what may be chosen of it
    anywhere it reads folders, too, that `detect` does not know, once somebody names it
    """

    key: str
    title: str
    layout: str
    terms: Terms
    detect: Callable[[Path], Path | None]
    read: Callable[[Reading, Mapping[str, str]], Content]
    choices: tuple[Choice, ...] = ()
    anywhere: bool = False


VIEW = Choice("view", ("all", "frontal", "lateral", "PA", "AP"), "which views are kept")
EVERY_VIEW, FRONTAL, LATERAL = "all", "frontal", "lateral"


def view_is_wanted(view: str, wanted: str) -> bool:
    """Whether an image of a view (PA, AP, FRONTAL or a lateral one) is of those that the choice `view` names."""
    if wanted == EVERY_VIEW:
        return True
    if wanted == FRONTAL:
        return view in ("PA", "AP", "FRONTAL")
    return view in ("LATERAL", "L", "LL", "RL") if wanted == LATERAL else view == wanted
