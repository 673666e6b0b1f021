"""Columns that are compared beside the plain checkpoints: one asked several times, and ensembles. No Qt, no torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xferviewer.checkpoints import Checkpoint, Passes, split_digest
from xferviewer.checkpoints.vocabulary import PUBLISHED
from xferviewer.gui.cohort import ImportedPredictions

_OF_PASSES = {
    "flip": "mean of the image and its mirror image",
    "ten-crop": "mean of ten crops: four corners and centre, and their mirror images",
    "mc-dropout": "mean of {0} passes with dropout at work",
}


@dataclass(frozen=True, slots=True)
class PassColumn:
    """An open checkpoint that is asked several times of each image."""

    checkpoint: Checkpoint
    passes: Passes

    @property
    def digest(self) -> str:
        """What the window and the engine tell it from others by."""
        return self.passes.digest(self.checkpoint.digest)

    @property
    def name(self) -> str:
        """As the command line names its rows."""
        return self.passes.name(self.checkpoint.name)

    @property
    def title(self) -> str:
        """A line for people."""
        return f"{self.checkpoint.name}: {_OF_PASSES[self.passes.kind].format(self.passes.count)}"

    @property
    def trained_findings(self) -> tuple[str, ...]:
        """Those of the checkpoint."""
        return self.checkpoint.trained_findings


Member = Checkpoint | PassColumn | ImportedPredictions


@dataclass(frozen=True, slots=True)
class EnsembleColumn:
    """The mean of other columns, two or more, of which none is an ensemble itself.

    Where its name is empty it is called after its members.
    """

    given_name: str
    members: tuple[Member, ...]

    @property
    def digest(self) -> str:
        """Of its members, whatever their order."""
        named = "\n".join(sorted(member.digest for member in self.members))
        return f"ensemble:{hashlib.sha256(named.encode()).hexdigest()}"

    @property
    def name(self) -> str:
        """Short, for tables and legends."""
        return self.given_name or f"mean of {' & '.join(member.name for member in self.members)}"

    @property
    def title(self) -> str:
        """A line for people."""
        return f"{self.name}: mean of {', '.join(member.name for member in self.members)}"

    @property
    def trained_findings(self) -> tuple[str, ...]:
        """Those that every member has scores for, by the first one's names."""
        first, *others = (member.trained_findings for member in self.members)
        return tuple(f for f in first if all(PUBLISHED.find(f, other) is not None for other in others))


Column = PassColumn | EnsembleColumn
Asked = Checkpoint | PassColumn
"""What the engine is asked for."""
Classifier = Member | EnsembleColumn
"""What has scores."""


def still_possible(columns: Sequence[Column], scored: Sequence[Checkpoint | ImportedPredictions]) -> tuple[Column, ...]:
    """The columns whose checkpoints and members are still compared, among `scored` or the columns before them."""
    there = {each.digest: each for each in scored}
    kept: dict[str, Column] = {}
    for column in columns:
        if isinstance(column, PassColumn):
            checkpoint = there.get(column.checkpoint.digest)
            if isinstance(checkpoint, Checkpoint):  # its card may have been read anew
                kept.setdefault(column.digest, replace(column, checkpoint=checkpoint))
        else:
            members = [there.get(member.digest) or kept.get(member.digest) for member in column.members]
            found = [member for member in members if member is not None and not isinstance(member, EnsembleColumn)]
            if len(found) == len(members):
                kept.setdefault(column.digest, replace(column, members=tuple(found)))
    return tuple(kept.values())


def column_words(column: Column) -> str:
    """A column as the settings keep it: WEIGHTS+flip, or NAME=MEMBER,MEMBER; empty where a member came as a table."""
    if isinstance(column, PassColumn):
        return column.digest
    if any(isinstance(member, ImportedPredictions) for member in column.members):
        return ""
    return f"{column.given_name}={','.join(member.digest for member in column.members)}"


def columns_of_words(words: Sequence[str], checkpoints: Sequence[Checkpoint]) -> list[Column]:
    """The columns that `column_words` wrote, as far as their checkpoints are open; what cannot be read is left out."""
    there = {checkpoint.digest: checkpoint for checkpoint in checkpoints}
    found: list[Column] = []
    for text in words:
        name, equals, digests = text.rpartition("=")
        members = [_member_of_digest(digest, there) for digest in digests.split(",")]
        known = [member for member in members if member is not None]
        if len(known) < len(members):
            continue
        if equals and not why_no_ensemble(known):
            found.append(EnsembleColumn(name, tuple(known)))
        elif not equals and isinstance(known[0], PassColumn):
            found.append(known[0])
    return found


def _member_of_digest(digest: str, checkpoints: Mapping[str, Checkpoint]) -> Checkpoint | PassColumn | None:
    try:
        weights, passes = split_digest(digest)
    except ValueError:
        return None
    checkpoint = checkpoints.get(weights)
    return checkpoint if checkpoint is None or passes is None else PassColumn(checkpoint, passes)


def why_no_ensemble(members: Sequence[Member]) -> str:
    """Why these cannot be an ensemble; empty where they can."""
    if len(members) < 2:
        return "An ensemble has two members or more."
    no_probabilities = [m.name for m in members if isinstance(m, ImportedPredictions) and not m.holds_probabilities]
    if no_probabilities:
        return f"The scores of {', '.join(no_probabilities)} are no probabilities, so that their mean has no meaning."
    if not EnsembleColumn("", tuple(members)).trained_findings:
        return "The members have no finding in common."
    return ""
