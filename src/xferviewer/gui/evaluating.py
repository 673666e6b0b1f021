"""What the Evaluate perspective shows, as a command that makes the same numbers and as the files that it writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableTable, XferviewerError
from xferviewer.evaluation.choices import EvaluationChoices
from xferviewer.evaluation.cohort import Cohort as ScoredCohort
from xferviewer.exchange.evaluation_snapshot import EvaluationSnapshot, write_snapshot
from xferviewer.gui.child_command import ChildCommand, CommandEnd
from xferviewer.gui.predicting import Predicting
from xferviewer.gui.session import Session


class Evaluating(QObject):
    """Writes snapshots of the session; an export runs the command of one in a process of its own."""

    finished = Signal(object)  # Path of the folder with the result
    failed = Signal(object)  # XferviewerError

    def __init__(self, session: Session, predicting: Predicting, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._predicting = predicting
        self._result = Path()
        self._command = ChildCommand(self)
        self._command.finished.connect(self._ended)
        self._command.not_started.connect(self._could_not_start)

    @property
    def running(self) -> bool:
        """An export is being written."""
        return self._command.running

    def snapshot(self, parent: Path, *, with_files: bool = False) -> EvaluationSnapshot:
        """Labels and scores of the chosen cohort in a folder below `parent`, and the command.

        with_files  the command writes figures and tables, too.

        Raises UnusableTable where there is nothing to evaluate, UnusableFolder where the folder cannot be written.
        """
        cohort, names = self._cohort(), self._names()
        return write_snapshot(
            parent,
            cohort,
            self._choices(cohort, names),
            ("svg", "pdf", "png") if with_files else (),
            ("csv", "latex") if with_files else (),
            self._computed(names),
            self._leaks(),
        )

    def export(self, parent: Path) -> None:
        """Write report, figures, tables and numbers into a folder below `parent`; `finished` says which."""
        if self.running:
            raise XferviewerError(
                "An evaluation is being written already.", "Two would disturb one another.", "Wait until it is done."
            )
        snapshot = self.snapshot(parent, with_files=True)
        write_atomically(snapshot.folder / "command.txt", snapshot.text.encode())
        words = list(snapshot.arguments)
        self._result = snapshot.folder / words[words.index("--out") + 1]
        self._command.start(words[1:], snapshot.folder)

    def stop(self) -> None:
        """End an export that is under way; what it has written stays."""
        self._command.stop()

    @Slot(str)
    def _could_not_start(self, why: str) -> None:
        self.failed.emit(XferviewerError("The evaluation was not written.", f"{why}.", "Install xferviewer again."))

    @Slot(object)
    def _ended(self, end: CommandEnd) -> None:
        if end.code == 0:
            self.finished.emit(self._result)
            return
        self.failed.emit(
            XferviewerError(
                "The evaluation was not written to the end.",
                end.messages.splitlines()[-1] if end.messages else "The process that wrote it stopped.",
                f"Run the command in {self._result.parent / 'command.txt'} to see more.",
            )
        )

    def _names(self) -> dict[str, str]:
        """A name of its own for each digest: two checkpoints may be called alike."""
        names: dict[str, str] = {}
        for compared in self._session.classifiers.all:
            alike = sum(compared.name in (name, name.rpartition(" (")[0]) for name in names.values())
            names[compared.digest] = f"{compared.name} ({alike + 1})" if alike else compared.name
        return names

    def _leaks(self) -> list[str]:
        """Said of each checkpoint that learned from a split that leaks."""
        classifiers = self._session.classifiers
        weights = dict.fromkeys(each for one in classifiers.all for each in classifiers.weights_of(one.digest))
        open_ones = [checkpoint for digest in weights if (checkpoint := classifiers.checkpoint(digest)) is not None]
        return [leak for checkpoint in open_ones if (leak := checkpoint.card.leak)]

    def _computed(self, names: Mapping[str, str]) -> list[dict[str, str]]:
        """On what the scores of the open checkpoints, and of their passes, were computed."""
        described = []
        for asked in self._session.classifiers.asked:
            key, (device, precision) = self._predicting.key(asked), self._predicting.in_use(asked)
            described.append(
                {
                    "checkpoint": names[asked.digest],
                    "weights_sha256": key.weights,
                    "preprocessing": key.preprocessing,
                    "device": device,
                    "precision": precision,
                }
            )
        return described

    def _cohort(self) -> ScoredCohort:
        """All images of the chosen cohort with labels and scores; checkpoints by name."""
        session, cohort, classifiers = self._session, self._session.cohort, self._session.classifiers.all
        findings = session.classifiers.findings  # also those without labels: how uncertain a case is rests on all
        if not len(cohort) or not self._labelled() or not classifiers:
            raise UnusableTable(
                "There is nothing to evaluate.",
                "The chosen cohort has no labels for what the checkpoints say.",
                "Open a label table (Ctrl+L), or choose another cohort.",
            )
        names = self._names()
        return ScoredCohort(
            "image",
            _without_common_folder(cohort.images),
            cohort.studies or ("",) * len(cohort),
            cohort.patients or ("",) * len(cohort),
            findings,
            cohort.truths(findings),
            tuple(names[each.digest] for each in classifiers),
            np.stack([session.scores.table(each.digest, findings) for each in classifiers]),
            cohort.columns,
            doubts=session.scores.doubts([each.digest for each in classifiers], findings),
        )

    def _labelled(self) -> tuple[str, ...]:
        cohort = self._session.cohort
        return tuple(f for f in self._session.classifiers.findings if not np.isnan(cohort.truth(f)).all())

    def _choices(self, cohort: ScoredCohort, names: dict[str, str]) -> EvaluationChoices:
        session, comparison = self._session, self._session.comparison
        reference = comparison.reference or next(iter(names), "")
        group_by, labelled = comparison.group_by, self._labelled()
        return EvaluationChoices(
            unit=comparison.unit,
            aggregation=comparison.aggregation,
            by=(group_by,) if group_by else (),
            findings=labelled if len(labelled) < len(cohort.findings) else (),
            where=(comparison.only,) if comparison.only is not None else (),
            cases="common",
            reference=names[reference] if len(names) > 1 else "",
            adjust=comparison.adjustment,
            thresholds={
                (name, finding): session.operating_points.threshold(digest, finding)
                for digest, name in names.items()
                for finding in labelled
                if session.operating_points.origin(digest, finding) is not None
            },
            referral_rate=session.referral_rate,
            uncertainty=session.uncertainty,
        )


def _without_common_folder(images: Sequence[str]) -> tuple[str, ...]:
    """Names that say nothing of this machine and still tell the images apart."""
    paths = [Path(image) for image in images]
    if len(paths) > 1 and all(path.is_absolute() for path in paths):
        shared = Path(os.path.commonpath([path.parent for path in paths]))
        return tuple(path.relative_to(shared).as_posix() for path in paths)
    return (paths[0].name,) if len(paths) == 1 else tuple(images)
