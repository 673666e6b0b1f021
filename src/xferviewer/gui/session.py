"""What the window is about at this moment: the one mutable object that all panels share.

Panels change it through its methods and hear of changes through its signals; none of them keeps state of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, SignalInstance

from xferviewer.checkpoints import Checkpoint, SeenImages
from xferviewer.checkpoints.vocabulary import Vocabulary
from xferviewer.evaluation.choices import ReferralMeasure
from xferviewer.evaluation.members import MEMBER_MEASURES
from xferviewer.evaluation.recalibration import Recalibrator
from xferviewer.gui.classifiers import Classifiers
from xferviewer.gui.cohort import Cohort, ImportedPredictions
from xferviewer.gui.columns import Column
from xferviewer.gui.comparison import CaseList, Comparison
from xferviewer.gui.display import Display, ShownImage
from xferviewer.gui.input_guard import InputGuard
from xferviewer.gui.operating_points import OperatingPoints
from xferviewer.gui.pane_layouts import MOST_PANES
from xferviewer.gui.saliency_maps import SaliencyMaps
from xferviewer.gui.score_book import ScoreBook
from xferviewer.studies.regions import Region, folded
from xferviewer.studies.study_list import StudyList

AT_FIRST = 4
"""Checkpoints that get a pane by themselves."""


class Session(QObject):
    """Worklist, image, finding, panes, referral and cohort, and what has a name of its own:

    classifiers       what is compared, and the findings that each has scores for
    scores            what is known of their scores; asked there, changed through the session, which tells of it
    operating_points  the thresholds
    maps              the saliency maps of the shown image
    inputs            what checkpoints do not expect of their inputs

    No widget, no file access.
    """

    worklist_changed = Signal()  # which studies, in which order
    image_changed = Signal()  # what the panes show
    display_changed = Signal()
    finding_changed = Signal()
    checkpoints_changed = Signal()  # which checkpoints are open here
    asked_changed = Signal()  # which of them are asked several times
    classifiers_changed = Signal()  # what is compared: open checkpoints, imported predictions, columns
    panes_changed = Signal()  # which checkpoints have a pane, and which of them is active
    referral_changed = Signal()
    cohort_changed = Signal()
    cohorts_changed = Signal()  # which cohorts there are to choose from
    comparison_changed = Signal()
    case_list_changed = Signal()
    predictions_changed = Signal()
    marked_changed = Signal()  # what people marked in the shown image

    def __init__(self, display: Display, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studies = StudyList()
        # of all images of the catalogue, at most so many, spread over all; the library says them when they are wanted
        self.sampled_identities: Callable[[int], list[str]] = lambda _most: []
        self.shown: ShownImage | None = None
        self.display = display
        self.classifiers = Classifiers()
        self.scores = ScoreBook()
        self.operating_points = OperatingPoints(self)
        self.maps = SaliencyMaps(self)
        self.marked: tuple[Region, ...] = ()
        self.finding = ""
        self.in_panes: tuple[str, ...] = ()
        self.active = ""
        self.referral_rate = 0.15
        self.uncertainty: ReferralMeasure = "finding"
        self.comparison = Comparison()
        self.case_list: CaseList | None = None
        self.cohorts: dict[str, Cohort] = {}  # by name, in the order in which they were opened
        self.cohort = Cohort.empty()
        self._seen: dict[str, SeenImages] = {}
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
        self.maps.begin(shown.reference.identity if shown is not None else "")
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

    # --- what is compared

    def set_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Compare these checkpoints; those that are new get a pane while there are fewer than four."""
        known = {checkpoint.digest for checkpoint in self.classifiers.checkpoints}
        classifiers = replace(self.classifiers, checkpoints=tuple(checkpoints))
        digests = [checkpoint.digest for checkpoint in classifiers.checkpoints]
        chosen = [digest for digest in digests if digest in self.in_panes]
        chosen += [digest for digest in digests if digest not in known][: max(AT_FIRST - len(chosen), 0)]
        self.in_panes = tuple(sorted(chosen, key=digests.index)) or tuple(digests[:1])
        self.maps.keep_of(digests)
        self._compare(classifiers, self.checkpoints_changed)

    def set_imported(self, imported: Iterable[ImportedPredictions]) -> None:
        """Compare these predictions made elsewhere beside the open checkpoints."""
        self._compare(replace(self.classifiers, imported=tuple({each.digest: each for each in imported}.values())))

    def set_columns(self, columns: Iterable[Column]) -> None:
        """Compare these ensembles and checkpoints asked several times, as far as their members are compared."""
        asked = [each.digest for each in self.classifiers.asked]
        self._compare(replace(self.classifiers, columns=tuple(columns)))
        if [each.digest for each in self.classifiers.asked] != asked:
            self.asked_changed.emit()

    def set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """What is the same finding, beside the published synonyms."""
        self.classifiers = replace(self.classifiers, vocabulary=vocabulary)
        self.scores.compare(self.classifiers)
        self.cohorts = {name: replace(each, vocabulary=vocabulary) for name, each in self.cohorts.items()}
        self.cohort = replace(self.cohort, vocabulary=vocabulary)

    def _compare(self, classifiers: Classifiers, *signals: SignalInstance) -> None:
        self.classifiers = classifiers.without_orphans()
        self.scores.compare(self.classifiers)
        digests, findings = [each.digest for each in self.classifiers.all], self.classifiers.findings
        if self.uncertainty in MEMBER_MEASURES and not any(map(self.classifiers.has_members, digests)):
            self.set_uncertainty("finding")
        if self.active not in digests or (self.active not in self.in_panes and not self._has_no_pane(self.active)):
            self.active = next(iter((*self.in_panes, *digests)), "")
        if self.finding not in findings:
            self.finding = findings[0] if findings else ""
        if self.comparison.reference not in digests:
            self.comparison = replace(self.comparison, reference="")
        for signal in (*signals, self.classifiers_changed, self.panes_changed, self.finding_changed):
            signal.emit()

    def note_dropout(self, digest: str, has: bool) -> None:
        """An engine has opened a checkpoint and seen whether it has dropout."""
        self._dropout[digest] = has

    def has_dropout(self, digest: str) -> bool | None:
        """None while no engine has opened it."""
        return self._dropout.get(digest)

    def set_seen_images(self, seen: Mapping[str, SeenImages]) -> None:
        """Which images checkpoints learned from, by digest."""
        self._seen = dict(seen)

    def n_seen(self, digest: str) -> tuple[int, int]:
        """How many images of the cohort a checkpoint was fitted to, and how many only chose its best epoch."""
        seen = [self._seen[weights] for weights in self.classifiers.weights_of(digest) if weights in self._seen]
        marks = self.cohort.marks
        training = marks & frozenset[str]().union(*(each.training for each in seen))
        validation = marks & frozenset[str]().union(*(each.validation for each in seen))
        return len(training), len(validation - training)

    # --- panes and finding

    def set_in_pane(self, digest: str, shown: bool) -> None:
        """Give a checkpoint a pane, or take it away. At least one and at most twelve checkpoints have one."""
        chosen = [d for d in self.in_panes if d != digest]
        if shown:
            chosen.append(digest)
        order = [checkpoint.digest for checkpoint in self.classifiers.checkpoints]
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

    def _has_no_pane(self, digest: str) -> bool:
        """Only a checkpoint has maps to show."""
        return any(each.digest == digest for each in (*self.classifiers.imported, *self.classifiers.columns))

    def set_finding(self, finding: str) -> None:
        """Look at this finding everywhere."""
        if finding != self.finding and finding in self.classifiers.findings:
            self.finding = finding
            self.finding_changed.emit()

    def step_finding(self, step: int) -> None:
        """The next (+1) or previous (-1) finding, round and round."""
        findings = self.classifiers.findings
        if findings:
            self.set_finding(findings[(findings.index(self.finding) + step) % len(findings)])

    def step_active(self) -> None:
        """Make the next pane's checkpoint the active one, round and round."""
        if self.in_panes:
            at = self.in_panes.index(self.active) if self.active in self.in_panes else -1
            self.set_active(self.in_panes[(at + 1) % len(self.in_panes)])

    # --- comparison and referral

    def set_comparison(self, comparison: Comparison) -> None:
        """Compare the checkpoints like this."""
        if comparison != self.comparison:
            other_kind = comparison.calibrated != self.comparison.calibrated
            self.comparison = comparison
            if other_kind:
                self.scores.set_calibrated(comparison.calibrated)
                self._tell_other_scores()
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

    # --- cohort

    def put_cohort(self, cohort: Cohort) -> None:
        """Offer a cohort to choose, in place of one of the same name; the first and the chosen one are looked at."""
        chosen = not self.cohorts or self.cohort.name == cohort.name
        self.cohorts[cohort.name] = replace(cohort, vocabulary=self.classifiers.vocabulary)
        self.cohorts_changed.emit()
        if chosen:
            self.choose_cohort(cohort.name)

    def choose_cohort(self, name: str) -> None:
        """Compute every number from the images and labels of this cohort."""
        self.cohort = self.cohorts[name]
        self.scores.lay_out(self.cohort)
        only = self.comparison.only
        columns = self.cohort.columns
        if only is not None and only[1] not in columns.get(only[0], ()):
            self.comparison = replace(self.comparison, only=None)
        self.comparison = replace(
            self.comparison, group_by=tuple(name for name in self.comparison.group_by if name in columns)
        )
        self.cohort_changed.emit()

    # --- scores

    def add_predictions(self, predictions: dict[str, dict[str, NDArray[np.float32]]]) -> None:
        """Take in logits by checkpoint and image identity: (findings,), or (passes, findings) of a `PassColumn`."""
        for digest, logits in predictions.items():
            asked = self.classifiers.asked_as(digest)
            if asked is not None and logits:
                self.scores.add(asked, logits)
        self.predictions_changed.emit()

    def forget_predictions(self, digest: str) -> None:
        """Drop the logits and maps of a checkpoint: it computes elsewhere now, and its numbers come anew."""
        self.scores.forget({digest})
        self.predictions_changed.emit()
        self.maps.forget_of(digest)

    def add_failure(self, digest: str, identity: str, why: str) -> None:
        """Note why a checkpoint says nothing of an image, or of any image where `identity` is empty."""
        self.scores.add_failure(digest, identity, why)
        self.maps.changed.emit()

    def set_recalibrators(self, recalibrators: Mapping[str, tuple[Recalibrator | None, ...]]) -> None:
        """What makes calibrated probabilities of logits, by digest: one, or None, for each finding of a checkpoint."""
        self.scores.set_recalibrators(recalibrators)
        if self.comparison.calibrated:
            self._tell_other_scores()

    def _tell_other_scores(self) -> None:
        """Thresholds belong to a kind of score: there are others now, too."""
        self.predictions_changed.emit()
        self.operating_points.changed.emit()

    # --- what people marked

    def set_marked(self, marked: tuple[Region, ...]) -> None:
        """What people marked in the shown image."""
        if marked != self.marked:
            self.marked = marked
            self.marked_changed.emit()

    def marked_finding(self) -> Region | None:
        """What people marked of the chosen finding in the shown image."""
        own = (self.classifiers.own_name(digest, self.finding) for digest in self.in_panes)
        wanted = {folded(name) for name in (self.finding, *own) if name}
        return next((region for region in self.marked if folded(region.finding) in wanted), None)
