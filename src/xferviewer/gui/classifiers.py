"""What is compared: the open checkpoints, predictions made elsewhere, and columns that are made of these. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary
from xferviewer.evaluation.common_findings import CommonFindings, common_findings
from xferviewer.gui.cohort import ImportedPredictions
from xferviewer.gui.columns import Asked, Classifier, Column, EnsembleColumn, PassColumn, still_possible


@dataclass(frozen=True, eq=False)
class Classifiers:
    """All that has scores here, and the findings of each. A value: what is compared changes by another one.

    checkpoints  those that are open; only they can have panes and maps
    imported     predictions made elsewhere
    columns      made of those: checkpoints asked several times, ensembles
    vocabulary   which names mean the same finding
    """

    checkpoints: tuple[Checkpoint, ...] = ()
    imported: tuple[ImportedPredictions, ...] = ()
    columns: tuple[Column, ...] = ()
    vocabulary: Vocabulary = PUBLISHED

    def without_orphans(self) -> Classifiers:
        """The same without the columns of which something is no longer compared."""
        return replace(self, columns=still_possible(self.columns, (*self.checkpoints, *self.imported)))

    # --- what there is

    @cached_property
    def all(self) -> tuple[Classifier, ...]:
        """In the order in which it stands everywhere: checkpoints, imported predictions, columns."""
        return (*self.checkpoints, *self.imported, *self.columns)

    @cached_property
    def asked(self) -> tuple[Asked, ...]:
        """What the engine is asked for: the checkpoints, and those that are asked several times."""
        return (*self.checkpoints, *(column for column in self.columns if isinstance(column, PassColumn)))

    def find(self, digest: str) -> Classifier | None:
        """What has this digest."""
        return next((each for each in self.all if each.digest == digest), None)

    def checkpoint(self, digest: str) -> Checkpoint | None:
        """The open checkpoint with these weights."""
        return next((each for each in self.checkpoints if each.digest == digest), None)

    def asked_as(self, digest: str) -> Asked | None:
        """What the engine answers under this digest."""
        return next((each for each in self.asked if each.digest == digest), None)

    def place_of(self, digest: str) -> int:
        """The place of a column among all that is compared: its colour and line style everywhere."""
        return next((place for place, each in enumerate(self.all) if each.digest == digest), 0)

    # --- what each is

    def has_members(self, digest: str) -> bool:
        """It is a mean of members, and it is known how far these differ."""
        found = self.find(digest)
        if isinstance(found, ImportedPredictions):
            return bool(found.doubts)
        return isinstance(found, PassColumn | EnsembleColumn)

    def holds_probabilities(self, digest: str) -> bool:
        """Its scores are probabilities; imported ones may be of a scale of their own."""
        return next((each.holds_probabilities for each in self.imported if each.digest == digest), True)

    def weights_of(self, digest: str) -> list[str]:
        """The checkpoints that a column is made of; of a checkpoint, itself."""
        found = self.find(digest)
        members = found.members if isinstance(found, EnsembleColumn) else (found,)
        return [
            member.checkpoint.digest if isinstance(member, PassColumn) else member.digest
            for member in members
            if member is not None
        ]

    # --- findings

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """All findings that something has scores for, by the name that the first gives to each."""
        return tuple(dict.fromkeys(name for names in self._names.values() for name in names))

    def own_name(self, digest: str, finding: str) -> str | None:
        """What a column calls a finding of `findings`; None where it was not trained for it."""
        return self._names.get(digest, {}).get(finding)

    def is_trained(self, digest: str, finding: str) -> bool:
        """A column has scores for a finding, by whatever name."""
        return finding in self._names.get(digest, {})

    def common_findings(self) -> CommonFindings:
        """The findings that all that is compared has scores for, and those that are left out."""
        return common_findings({each.name: self._names[each.digest] for each in self.all})

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """By digest, the findings of each: the common name, and its own."""
        renamed = self.vocabulary.alike([each.trained_findings for each in self.all])
        names = [{common: own for own, common in of.items()} for of in renamed]
        return dict(zip((each.digest for each in self.all), names, strict=True))
