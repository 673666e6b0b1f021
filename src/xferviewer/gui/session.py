"""What the window is about at this moment: the one mutable object that all panels share.

Panels change it through its methods and hear of changes through its signals; none of them keeps state of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, SignalInstance

from xferviewer.checkpoints import Checkpoint, SeenImages
from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary
from xferviewer.evaluation.choices import ReferralMeasure
from xferviewer.evaluation.common_findings import CommonFindings, common_findings
from xferviewer.evaluation.members import MEMBER_MEASURES, Doubts, MemberMeasure
from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.evaluation.scores import ScoreKind
from xferviewer.gui.cohort import Cohort, ImportedPredictions, Scored
from xferviewer.gui.columns import Column, EnsembleColumn, PassColumn, still_possible
from xferviewer.gui.comparison import BY_HAND, CaseList, Comparison, ThresholdOrigin
from xferviewer.gui.display import Display, ShownImage
from xferviewer.gui.input_guard import InputGuard
from xferviewer.gui.pane_layouts import MOST_PANES
from xferviewer.gui.score_book import Row, ScoreBook, columns_of
from xferviewer.protocol import Explained
from xferviewer.saliency_methods import MapChoice
from xferviewer.studies.regions import Region, folded
from xferviewer.studies.study_list import StudyList

DEFAULT_THRESHOLD = 0.5
OperatingPoints = dict[tuple[str, str, str], tuple[float, ThresholdOrigin]]
"""By checkpoint, finding and kind of score: the threshold, and how it was chosen."""
AT_FIRST = 4
"""Checkpoints that get a pane by themselves."""


class Session(QObject):
    """Selection, finding, checkpoints, thresholds, referral, cohort and predictions. No widget, no file access."""

    worklist_changed = Signal()  # which studies, in which order
    image_changed = Signal()  # what the panes show
    display_changed = Signal()
    finding_changed = Signal()
    checkpoints_changed = Signal()  # which checkpoints are open here
    asked_changed = Signal()  # which of them are asked several times
    scored_changed = Signal()  # what is compared: open checkpoints and imported predictions
    panes_changed = Signal()  # which checkpoints have a pane, and which of them is active
    thresholds_changed = Signal()
    referral_changed = Signal()
    cohort_changed = Signal()
    cohorts_changed = Signal()  # which cohorts there are to choose from
    comparison_changed = Signal()
    case_list_changed = Signal()
    predictions_changed = Signal()
    map_choice_changed = Signal()
    explanations_changed = Signal()
    marked_changed = Signal()  # what people marked in the shown image

    def __init__(self, display: Display, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studies = StudyList()
        # of all images of the catalogue, at most so many, spread over all; the library says them when they are wanted
        self.sampled_identities: Callable[[int], list[str]] = lambda _most: []
        self.shown: ShownImage | None = None
        self.display = display
        self.map_choice = MapChoice()
        self.finding = ""
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.in_panes: tuple[str, ...] = ()
        self.active = ""
        self.referral_rate = 0.15
        self.uncertainty: ReferralMeasure = "finding"
        self.comparison = Comparison()
        self.imported: tuple[ImportedPredictions, ...] = ()
        self.columns: tuple[Column, ...] = ()
        self.case_list: CaseList | None = None
        self.cohorts: dict[str, Cohort] = {}  # by name, in the order in which they were opened
        self.cohort = Cohort.empty()
        self.vocabulary = PUBLISHED
        self._alike: tuple[tuple[tuple[str, tuple[str, ...]], ...], dict[str, dict[str, str]]] = ((), {})
        self.operating_points: OperatingPoints = {}
        self._seen: dict[str, SeenImages] = {}
        self._book = ScoreBook()
        self.marked: tuple[Region, ...] = ()
        self._explanations: dict[str, Explained] = {}
        self._map_notes: dict[str, str] = {}
        self._failures: dict[tuple[str, str], str] = {}
        self._dropout: dict[str, bool] = {}
        self.inputs = InputGuard(self)

    # --- worklist and image

    def set_worklist(self, studies: StudyList) -> None:
        """Show these studies in this order."""
        self.studies = studies
        self.worklist_changed.emit()

    def show(self, shown: ShownImage | None) -> None:
        """Put an image into the panes; maps of the one before are gone."""
        self.shown = shown
        self.forget_maps()
        self.marked = ()
        self.image_changed.emit()

    def position(self) -> int:
        """Index of the shown study in the worklist, -1 when it is not in it."""
        if self.shown is None:
            return -1
        return self.studies.row_of(self.shown.study.id)

    def set_display(self, display: Display) -> None:
        """Draw films and maps like this."""
        if display != self.display:
            self.display = display
            self.display_changed.emit()

    # --- checkpoints and findings

    def set_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Compare these checkpoints; those that are new get a pane while there are fewer than four."""
        known = {checkpoint.weights_sha256 for checkpoint in self.checkpoints}
        self.checkpoints = tuple(checkpoints)
        digests = [checkpoint.weights_sha256 for checkpoint in self.checkpoints]
        self._book.forget(known.difference(digests))
        chosen = [digest for digest in digests if digest in self.in_panes]
        chosen += [digest for digest in digests if digest not in known][: max(AT_FIRST - len(chosen), 0)]
        self.in_panes = tuple(sorted(chosen, key=digests.index)) or tuple(digests[:1])
        self._explanations = {d: e for d, e in self._explanations.items() if d in digests}
        self._failures = {key: why for key, why in self._failures.items() if key[0]}  # it is opened anew
        self._compare_anew(self.checkpoints_changed)

    def set_imported(self, imported: Iterable[ImportedPredictions]) -> None:
        """Compare these predictions made elsewhere beside the open checkpoints."""
        self.imported = tuple({each.digest: each for each in imported}.values())
        self._book.lay_out(self.cohort, self.imported)
        self._compare_anew()

    def set_columns(self, columns: Iterable[Column]) -> None:
        """Compare these ensembles and checkpoints asked several times, as far as their members are compared."""
        asked = [each.digest for each in self.asked()]
        self.columns = tuple(columns)
        self._compare_anew()
        if [each.digest for each in self.asked()] != asked:
            self.asked_changed.emit()

    def asked(self) -> tuple[Checkpoint | PassColumn, ...]:
        """What the engine is asked for: the open checkpoints, and those that are asked several times."""
        return (*self.checkpoints, *(column for column in self.columns if isinstance(column, PassColumn)))

    def note_dropout(self, digest: str, has: bool) -> None:
        """An engine has opened a checkpoint and seen whether it has dropout."""
        self._dropout[digest] = has

    def has_dropout(self, digest: str) -> bool | None:
        """None while no engine has opened it."""
        return self._dropout.get(digest)

    def has_members(self, digest: str) -> bool:
        """It is a mean of members, and it is known how far these differ."""
        compared = self.scored_as(digest)
        return isinstance(compared, PassColumn | EnsembleColumn) or (
            isinstance(compared, ImportedPredictions) and bool(compared.doubts)
        )

    def _compare_anew(self, *signals: SignalInstance) -> None:
        self.columns = still_possible(self.columns, (*self.checkpoints, *self.imported))
        self._book.set_ensembles(column for column in self.columns if isinstance(column, EnsembleColumn))
        if self.uncertainty in MEMBER_MEASURES and not any(self.has_members(each.digest) for each in self.scored()):
            self.set_uncertainty("finding")
        compared = [each.digest for each in self.scored()]
        if self.active not in compared or (self.active not in self.in_panes and not self._has_no_pane(self.active)):
            self.active = next(iter((*self.in_panes, *compared)), "")
        findings = self.findings()
        if self.finding not in findings:
            self.finding = findings[0] if findings else ""
        if self.comparison.reference not in compared:
            self.comparison = replace(self.comparison, reference="")
        for signal in (*signals, self.scored_changed, self.panes_changed, self.finding_changed):
            signal.emit()

    def scored(self) -> tuple[Scored, ...]:
        """All that is compared: the open checkpoints, then predictions made elsewhere, then columns made of these."""
        return (*self.checkpoints, *self.imported, *self.columns)

    def scored_as(self, digest: str) -> Scored | None:
        """What has this digest."""
        return next((each for each in self.scored() if each.digest == digest), None)

    def _has_no_pane(self, digest: str) -> bool:
        """Only a checkpoint has maps to show."""
        return any(each.digest == digest for each in (*self.imported, *self.columns))

    def score_kind(self, digest: str) -> ScoreKind:
        """What the scores of a checkpoint are; "logit" stands for any scale that is not that of probabilities."""
        if not self.holds_probabilities(digest):
            return "logit"
        return self._book.kind(digest)

    def set_seen_images(self, seen: Mapping[str, SeenImages]) -> None:
        """Which images checkpoints learned from, by digest."""
        self._seen = dict(seen)

    def n_seen(self, digest: str) -> tuple[int, int]:
        """How many images of the cohort a checkpoint was fitted to, and how many only chose its best epoch."""
        seen = [self._seen[weights] for weights in self.weights_of(digest) if weights in self._seen]
        marks = self.cohort.marks
        training = marks & frozenset[str]().union(*(each.training for each in seen))
        validation = marks & frozenset[str]().union(*(each.validation for each in seen))
        return len(training), len(validation - training)

    def weights_of(self, digest: str) -> list[str]:
        """The checkpoints that a column is made of; of a checkpoint, itself."""
        compared = self.scored_as(digest)
        members = compared.members if isinstance(compared, EnsembleColumn) else (compared,)
        return [
            member.checkpoint.digest if isinstance(member, PassColumn) else member.digest
            for member in members
            if member is not None
        ]

    def has_calibration(self, digest: str) -> bool:
        """Calibrated probabilities can be had of it."""
        return self._book.has_calibration(digest)

    def set_recalibrators(self, recalibrators: Mapping[str, tuple[Recalibrator | None, ...]]) -> None:
        """What makes calibrated probabilities of logits, by digest: one, or None, for each finding of a checkpoint."""
        self._book.set_recalibrators(recalibrators)
        if self.comparison.calibrated:
            self._score_anew()

    def _score_anew(self) -> None:
        """Make scores of the chosen kind from all logits."""
        self._book.calibrated = self.comparison.calibrated
        self._book.score_anew(self.asked())
        self.predictions_changed.emit()
        self.thresholds_changed.emit()

    def logits(self, digest: str, identities: Sequence[str]) -> NDArray[np.float32]:
        """(images, findings of the checkpoint) as the network gave them; NaN where not predicted."""
        checkpoint = self.checkpoint(digest)
        return self._book.logits(digest, identities, len(checkpoint.findings) if checkpoint is not None else 0)

    def holds_probabilities(self, digest: str) -> bool:
        """Its scores are probabilities; imported ones may be of a scale of their own."""
        return next((each.holds_probabilities for each in self.imported if each.digest == digest), True)

    def set_in_pane(self, digest: str, shown: bool) -> None:
        """Give a checkpoint a pane, or take it away. At least one and at most twelve checkpoints have one."""
        chosen = [d for d in self.in_panes if d != digest]
        if shown:
            chosen.append(digest)
        order = [c.weights_sha256 for c in self.checkpoints]
        chosen = sorted(chosen, key=order.index)
        if 1 <= len(chosen) <= MOST_PANES:
            self.in_panes = tuple(chosen)
            if self.active not in chosen:
                self.active = chosen[0]
        self.panes_changed.emit()

    def set_active(self, digest: str) -> None:
        """Make this the one that the referral line and the worklist speak of: one with a pane, or one that has none."""
        if digest != self.active and (digest in self.in_panes or self._has_no_pane(digest)):
            self.active = digest
            self.panes_changed.emit()

    def checkpoint(self, digest: str) -> Checkpoint | None:
        """The open checkpoint with these weights."""
        return next((c for c in self.checkpoints if c.weights_sha256 == digest), None)

    def place_of(self, digest: str) -> int:
        """The place of a checkpoint among all that is compared: its colour and line style everywhere."""
        return next((i for i, each in enumerate(self.scored()) if each.digest == digest), 0)

    def findings(self) -> list[str]:
        """All findings that something compared has scores for, by the name that the first gives to each."""
        return list(dict.fromkeys(name for names in self._names().values() for name in names))

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """What is the same finding, beside the published synonyms."""
        self.vocabulary = vocabulary
        self._alike = ((), {})
        self.cohorts = {name: replace(each, vocabulary=vocabulary) for name, each in self.cohorts.items()}
        self.cohort = replace(self.cohort, vocabulary=vocabulary)

    def own_name(self, digest: str, finding: str) -> str | None:
        """What a column calls a finding of `findings`; None where it was not trained for it."""
        return self._names_of(digest).get(finding)

    def is_trained(self, digest: str, finding: str) -> bool:
        """A column has scores for a finding, by whatever name."""
        return finding in self._names_of(digest)

    def common_findings(self) -> CommonFindings:
        """The findings that all that is compared has scores for, and those that are left out."""
        return common_findings({each.name: self._names_of(each.digest) for each in self.scored()})

    def _names_of(self, digest: str) -> dict[str, str]:
        """By common name, what a column calls each finding that it was trained for."""
        known = self._names().get(digest)
        if known is not None:
            return known
        compared = self._compared_as(digest)  # such as a checkpoint that is a member only
        if compared is None:
            return {}
        found = {name: self.vocabulary.find(name, compared.trained_findings) for name in self.findings()}
        return {name: own for name, own in found.items() if own is not None}

    def _names(self) -> dict[str, dict[str, str]]:
        """By digest, the findings of all that is compared: the common name, and the column's own."""
        key = tuple((each.digest, each.trained_findings) for each in self.scored())
        if self._alike[0] != key:
            renamed = self.vocabulary.alike([findings for _, findings in key])
            names = [{common: own for own, common in of.items()} for of in renamed]
            self._alike = key, dict(zip((digest for digest, _ in key), names, strict=True))
        return self._alike[1]

    def set_finding(self, finding: str) -> None:
        """Look at this finding everywhere."""
        if finding != self.finding and finding in self.findings():
            self.finding = finding
            self.finding_changed.emit()

    def step_finding(self, step: int) -> None:
        """The next (+1) or previous (-1) finding, round and round."""
        findings = self.findings()
        if findings:
            self.set_finding(findings[(findings.index(self.finding) + step) % len(findings)])

    def step_active(self) -> None:
        """Make the next pane's checkpoint the active one, round and round."""
        if self.in_panes:
            at = self.in_panes.index(self.active) if self.active in self.in_panes else -1
            self.set_active(self.in_panes[(at + 1) % len(self.in_panes)])

    # --- thresholds and referral

    def threshold(self, digest: str, finding: str) -> float:
        """The operating point of a checkpoint for a finding: a score; positive is strictly above it.

        Until one is chosen it is 0.5 for a probability, and 0, its logit, for scores of another scale.
        """
        chosen = self.operating_points.get(self._threshold_key(digest, finding))
        return chosen[0] if chosen is not None else DEFAULT_THRESHOLD if self.holds_probabilities(digest) else 0.0

    def threshold_origin(self, digest: str, finding: str) -> ThresholdOrigin | None:
        """How the operating point was chosen; None while it is the one that all begin with."""
        chosen = self.operating_points.get(self._threshold_key(digest, finding))
        return chosen[1] if chosen is not None else None

    def set_thresholds(self, finding: str, thresholds: dict[str, float], origin: ThresholdOrigin = BY_HAND) -> None:
        """Set the operating points of some checkpoints (by digest) for a finding, and say where they come from."""
        for digest, threshold in thresholds.items():
            limited = min(max(threshold, 0.0), 1.0) if self.holds_probabilities(digest) else threshold
            self.operating_points[self._threshold_key(digest, finding)] = limited, origin
        self.thresholds_changed.emit()

    def restore_operating_points(self, points: OperatingPoints) -> None:
        """All of them as they were once chosen."""
        if points != self.operating_points:
            self.operating_points = dict(points)
            self.thresholds_changed.emit()

    def _threshold_key(self, digest: str, finding: str) -> tuple[str, str, str]:
        """A finding keeps its threshold when it is called by another name because something else is compared."""
        return digest, self.vocabulary.key(finding), self.score_kind(digest)

    def set_comparison(self, comparison: Comparison) -> None:
        """Compare the checkpoints like this."""
        if comparison != self.comparison:
            other_kind = comparison.calibrated != self.comparison.calibrated
            self.comparison = comparison
            if other_kind:
                self._score_anew()
            self.comparison_changed.emit()

    def set_case_list(self, cases: CaseList | None) -> None:
        """Narrow the worklist to these studies, or show all again."""
        if cases is not None or self.case_list is not None:  # the same list again is asked for to be read again
            self.case_list = cases
            self.case_list_changed.emit()

    def set_referral_rate(self, rate: float) -> None:
        """Refer this share (0 to 1) of the cases, the most uncertain first."""
        rate = round(min(max(rate, 0.0), 1.0), 4)  # else a view would change the rate by showing it
        if rate != self.referral_rate:
            self.referral_rate = rate
            self.referral_changed.emit()

    def set_uncertainty(self, measure: ReferralMeasure) -> None:
        """Choose what "uncertain" means."""
        if measure != self.uncertainty:
            self.uncertainty = measure
            self.referral_changed.emit()

    # --- cohort, predictions, explanations

    def put_cohort(self, cohort: Cohort) -> None:
        """Offer a cohort to choose, in place of one of the same name; the first and the chosen one are looked at."""
        chosen = not self.cohorts or self.cohort.name == cohort.name
        self.cohorts[cohort.name] = replace(cohort, vocabulary=self.vocabulary)
        self.cohorts_changed.emit()
        if chosen:
            self.choose_cohort(cohort.name)

    def choose_cohort(self, name: str) -> None:
        """Compute every number from the images and labels of this cohort."""
        self.cohort = self.cohorts[name]
        self._book.lay_out(self.cohort, self.imported)
        only = self.comparison.only
        columns = self.cohort.columns
        if only is not None and only[1] not in columns.get(only[0], ()):
            self.comparison = replace(self.comparison, only=None)
        self.comparison = replace(
            self.comparison, group_by=tuple(name for name in self.comparison.group_by if name in columns)
        )
        self.cohort_changed.emit()

    def add_predictions(self, predictions: dict[str, dict[str, NDArray[np.float32]]]) -> None:
        """Take in logits by checkpoint and image identity: (findings,), or (passes, findings) of a `PassColumn`."""
        for digest, logits in predictions.items():
            asked = self.asked_as(digest)
            if asked is not None and logits:
                self._book.add(asked, logits)
        self.predictions_changed.emit()

    def forget_predictions(self, digest: str) -> None:
        """Drop the logits and maps of a checkpoint: it computes elsewhere now, and its numbers come anew."""
        self._book.forget({digest})
        self._explanations.pop(digest, None)
        self.predictions_changed.emit()
        self.explanations_changed.emit()

    def asked_as(self, digest: str) -> Checkpoint | PassColumn | None:
        """What the engine answers under this digest."""
        return next((each for each in self.asked() if each.digest == digest), None)

    def predicted_identities(self, digest: str) -> Collection[str]:
        """The images of which a checkpoint's probabilities are known."""
        return self._book.identities(digest)

    def probability(self, digest: str, identity: str, finding: str) -> float | None:
        """The score of a finding in an image; None where it is not known or was not trained."""
        return self._of_image(digest, identity, finding, lambda row: row.scores)

    def doubt(self, digest: str, identity: str, finding: str, measure: MemberMeasure) -> float | None:
        """How far the members of a column differ about an image; None where it has none or it is not known."""
        return self._of_image(digest, identity, finding, lambda row: row.doubts.get(measure))

    def _of_image(
        self, digest: str, identity: str, finding: str, part: Callable[[Row], NDArray[Any] | None]
    ) -> float | None:
        compared, own = self._compared_as(digest), self.own_name(digest, finding)
        if compared is None or own is None:
            return None
        row = self._book.row_of(digest, identity)
        values = part(row) if row is not None else None
        value = math.nan if values is None else float(values[columns_of(compared).index(own)])
        return None if math.isnan(value) else value

    def _compared_as(self, digest: str) -> Checkpoint | ImportedPredictions | Column | None:
        return next((e for e in (*self.checkpoints, *self.imported, *self.columns) if e.digest == digest), None)

    def truth(self, identity: str, finding: str) -> float | None:
        """The label of an image: 1 present, 0 absent; None where the label table does not say."""
        row = self.cohort.row_of(identity)
        if row is None:
            return None
        label = float(self.cohort.truth(finding)[row])
        return None if np.isnan(label) else label

    def scores(self, digest: str, findings: Sequence[str]) -> NDArray[np.float64]:
        """Scores (images of the cohort, findings); NaN where not predicted or not trained."""
        return self._book.table(digest, self._wanted(digest, findings))

    def doubts(
        self, digests: Sequence[str], findings: Sequence[str], measures: Sequence[MemberMeasure] = MEMBER_MEASURES
    ) -> Doubts:
        """(C, images of the cohort, findings) by measure: how far members differ; NaN where there are none.

        A measure that no column has is left out.
        """
        each = [self._book.doubts(digest, self._wanted(digest, findings), measures) for digest in digests]
        nothing = np.full((len(self.cohort), len(findings)), np.nan)
        return {
            measure: np.stack([of.get(measure, nothing) for of in each])
            for measure in measures
            if any(measure in of for of in each)
        }

    def _wanted(self, digest: str, findings: Sequence[str]) -> list[int | None]:
        """The places of findings among the scores of what is compared; None where it was not trained for one."""
        compared = self._compared_as(digest)
        columns = columns_of(compared) if compared is not None else ()
        names = (self.own_name(digest, finding) for finding in findings)
        return [columns.index(own) if own is not None else None for own in names]

    def set_map_choice(self, choice: MapChoice) -> None:
        """Show maps of another kind; those that are shown are gone."""
        if choice != self.map_choice:
            self.map_choice = choice
            self.forget_maps()
            self.map_choice_changed.emit()
            self.explanations_changed.emit()

    def forget_maps(self) -> None:
        """Take away the maps of the shown image: they are not what is wanted now."""
        self._explanations, self._map_notes = {}, {}

    def note_map(self, digest: str, note: str) -> None:
        """Say how far the map of a checkpoint is, or why it does not come."""
        self._map_notes[digest] = note
        self.explanations_changed.emit()

    def map_note(self, digest: str) -> str:
        """What was noted last of the map that a checkpoint owes."""
        return self._map_notes.get(digest, "")

    def add_explanation(self, explained: Explained) -> None:
        """Take in the maps of the shown image."""
        if self.shown is not None and explained.identity == self.shown.reference.identity:
            self._explanations[explained.checkpoint] = explained
            self.explanations_changed.emit()

    def explanation(self, digest: str) -> Explained | None:
        """The maps of the shown image by a checkpoint; None while they are being computed."""
        return self._explanations.get(digest)

    def set_marked(self, marked: tuple[Region, ...]) -> None:
        """What people marked in the shown image."""
        if marked != self.marked:
            self.marked = marked
            self.marked_changed.emit()

    def marked_finding(self) -> Region | None:
        """What people marked of the chosen finding in the shown image."""
        own = (self.own_name(digest, self.finding) for digest in self.in_panes)
        wanted = {folded(name) for name in (self.finding, *own) if name}
        return next((region for region in self.marked if folded(region.finding) in wanted), None)

    def add_failure(self, digest: str, identity: str, why: str) -> None:
        """Note why a checkpoint says nothing of an image, or of any image where `identity` is empty."""
        self._failures[identity, digest] = why
        self.explanations_changed.emit()

    def failure(self, digest: str, identity: str) -> str:
        """Why a checkpoint says nothing of an image; empty while it may still answer."""
        return self._failures.get(("", digest)) or self._failures.get((identity, digest), "")
