"""What the window is about at this moment: the one mutable object that all panels share.

Panels change it through its methods and hear of changes through its signals; none of them keeps state of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from xferviewer.checkpoints import Checkpoint
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.gui.cohort import Cohort
from xferviewer.protocol import Explained, ImageReference
from xferviewer.studies.catalogue import ImageRow, StudyRow
from xferviewer.studies.images import Window, frame_identity

Uncertainty = Literal["case", "finding"]
"""What makes a case uncertain: "case": its probabilities lie near 0.5, in the mean over findings;
"finding": the probability of the chosen finding lies near its threshold."""

DEFAULT_THRESHOLD = 0.5
MOST_PANES = 4


@dataclass(frozen=True, slots=True)
class Display:
    """How films and maps are drawn, in all panes alike. The overlay never changes the window.

    window            VOI window; None: as the file says
    inverted          bright and dark exchanged by the user, on top of the film's own polarity
    overlay_visible   maps are drawn
    overlay_opacity   0 to 1, the same for every value above the cut-off
    cut_off           0 to 1; parts of a map below it are not drawn
    scale             "own": each map's maximum is 1; "shared": the strongest of the shown maps is 1
    """

    window: Window | None = None
    inverted: bool = False
    overlay_visible: bool = True
    overlay_opacity: float = 0.5
    cut_off: float = 0.25
    colour_map: str = "inferno"
    scale: str = "own"


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The image in the panes: a frame of an image of a study of the worklist."""

    study: StudyRow
    images: tuple[ImageRow, ...]
    index: int
    frame: int

    @property
    def image(self) -> ImageRow:
        """The catalogue's row of the image."""
        return self.images[self.index]

    @property
    def reference(self) -> ImageReference:
        """What the engine is asked about."""
        return ImageReference(frame_identity(self.image.identity, self.frame), self.image.path, self.frame)


class Session(QObject):
    """Selection, finding, checkpoints, thresholds, referral, cohort and predictions. No widget, no file access."""

    worklist_changed = Signal()  # which studies, in which order
    image_changed = Signal()  # what the panes show
    display_changed = Signal()
    finding_changed = Signal()
    checkpoints_changed = Signal()
    panes_changed = Signal()  # which checkpoints have a pane, and which of them is active
    thresholds_changed = Signal()
    referral_changed = Signal()
    cohort_changed = Signal()
    predictions_changed = Signal()
    explanations_changed = Signal()

    def __init__(self, display: Display, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.studies: list[StudyRow] = []
        self.identities: dict[int, str] = {}  # of the images of the catalogue, by their numbers
        self.shown: ShownImage | None = None
        self.display = display
        self.finding = ""
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.in_panes: tuple[str, ...] = ()
        self.active = ""
        self.referral_rate = 0.15
        self.uncertainty: Uncertainty = "finding"
        self.cohort = Cohort.empty()
        self._thresholds: dict[tuple[str, str], float] = {}
        self._probabilities: dict[str, dict[str, NDArray[np.float32]]] = {}  # checkpoint, image: (findings,)
        self._tables: dict[str, NDArray[np.float32]] = {}  # checkpoint: (images of the cohort, findings), NaN: unknown
        self._explanations: dict[str, Explained] = {}

    # --- worklist and image

    def set_worklist(self, studies: list[StudyRow]) -> None:
        """Show these studies in this order."""
        self.studies = studies
        self.worklist_changed.emit()

    def show(self, shown: ShownImage | None) -> None:
        """Put an image into the panes; its window is its own again, maps of the one before are gone."""
        self.shown = shown
        self._explanations = {}
        self.display = replace(self.display, window=None)
        self.image_changed.emit()

    def position(self) -> int:
        """Index of the shown study in the worklist, -1 when it is not in it."""
        if self.shown is None:
            return -1
        shown = self.shown.study.id
        return next((row for row, study in enumerate(self.studies) if study.id == shown), -1)

    def set_display(self, display: Display) -> None:
        """Draw films and maps like this."""
        if display != self.display:
            self.display = display
            self.display_changed.emit()

    # --- checkpoints and findings

    def set_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Compare these checkpoints; those that are new get a pane while there is room for four."""
        known = {checkpoint.weights_sha256 for checkpoint in self.checkpoints}
        self.checkpoints = tuple(checkpoints)
        digests = [checkpoint.weights_sha256 for checkpoint in self.checkpoints]
        chosen = [digest for digest in digests if digest in self.in_panes]
        chosen += [digest for digest in digests if digest not in known][: MOST_PANES - len(chosen)]
        self.in_panes = tuple(sorted(chosen, key=digests.index)) or tuple(digests[:1])
        if self.active not in self.in_panes:
            self.active = self.in_panes[0] if self.in_panes else ""
        self._explanations = {d: e for d, e in self._explanations.items() if d in digests}
        findings = self.findings()
        if self.finding not in findings:
            self.finding = findings[0] if findings else ""
        self.checkpoints_changed.emit()
        self.panes_changed.emit()
        self.finding_changed.emit()

    def set_in_pane(self, digest: str, shown: bool) -> None:
        """Give a checkpoint a pane, or take it away. At least one and at most four checkpoints have one."""
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
        """Make a pane's checkpoint the one that the referral line and the worklist speak of."""
        if digest != self.active and digest in self.in_panes:
            self.active = digest
            self.panes_changed.emit()

    def checkpoint(self, digest: str) -> Checkpoint | None:
        """The open checkpoint with these weights."""
        return next((c for c in self.checkpoints if c.weights_sha256 == digest), None)

    def place_of(self, digest: str) -> int:
        """The place of a checkpoint among the open ones: its colour and line style everywhere."""
        return next((i for i, c in enumerate(self.checkpoints) if c.weights_sha256 == digest), 0)

    def findings(self) -> list[str]:
        """All findings that some open checkpoint was trained for, in the order of the first that names them."""
        return list(dict.fromkeys(f for checkpoint in self.checkpoints for f in checkpoint.trained_findings))

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
            self.set_active(self.in_panes[(self.in_panes.index(self.active) + 1) % len(self.in_panes)])

    # --- thresholds and referral

    def threshold(self, digest: str, finding: str) -> float:
        """The operating point of a checkpoint for a finding: a raw probability; positive is strictly above it."""
        return self._thresholds.get((digest, finding), DEFAULT_THRESHOLD)

    def set_thresholds(self, finding: str, thresholds: dict[str, float]) -> None:
        """Set the operating points of some checkpoints (by digest) for a finding."""
        for digest, threshold in thresholds.items():
            self._thresholds[digest, finding] = min(max(threshold, 0.0), 1.0)
        self.thresholds_changed.emit()

    def set_referral_rate(self, rate: float) -> None:
        """Refer this share (0 to 1) of the cases, the most uncertain first."""
        rate = round(min(max(rate, 0.0), 1.0), 4)  # else a view would change the rate by showing it
        if rate != self.referral_rate:
            self.referral_rate = rate
            self.referral_changed.emit()

    def set_uncertainty(self, measure: Uncertainty) -> None:
        """Choose what "uncertain" means."""
        if measure != self.uncertainty:
            self.uncertainty = measure
            self.referral_changed.emit()

    # --- cohort, predictions, explanations

    def set_cohort(self, cohort: Cohort, identities: dict[int, str]) -> None:
        """The images and labels that every number is computed from, and the identities of all images."""
        self.cohort = cohort
        self.identities = identities
        self._tables = {}
        for digest, known in self._probabilities.items():
            self._fill_table(digest, known)
        self.cohort_changed.emit()

    def add_predictions(self, predictions: dict[str, dict[str, NDArray[np.float32]]]) -> None:
        """Take in logits (findings,) by checkpoint and image identity."""
        for digest, logits in predictions.items():
            checkpoint = self.checkpoint(digest)
            if checkpoint is None or not logits:
                continue
            rows = scores_from_logits(np.stack(list(logits.values())), checkpoint.task)
            new = dict(zip(logits, rows, strict=True))
            self._probabilities.setdefault(digest, {}).update(new)
            self._fill_table(digest, new)
        self.predictions_changed.emit()

    def _fill_table(self, digest: str, probabilities: dict[str, NDArray[np.float32]]) -> None:
        for identity, row in probabilities.items():
            place = self.cohort.row_of(identity)
            if place is not None:
                if digest not in self._tables:
                    self._tables[digest] = np.full((len(self.cohort.identities), len(row)), np.nan, dtype=np.float32)
                self._tables[digest][place] = row

    def predicted_identities(self, digest: str) -> Collection[str]:
        """The images of which a checkpoint's probabilities are known."""
        return self._probabilities.get(digest, {}).keys()

    def probability(self, digest: str, identity: str, finding: str) -> float | None:
        """The raw probability of a finding in an image; None where it is not known or was not trained."""
        checkpoint = self.checkpoint(digest)
        known = self._probabilities.get(digest, {}).get(identity)
        if checkpoint is None or known is None or finding not in checkpoint.trained_findings:
            return None
        return float(known[checkpoint.findings.index(finding)])

    def truth(self, identity: str, finding: str) -> float | None:
        """The label of an image: 1 present, 0 absent; None where the label table does not say."""
        row = self.cohort.row_of(identity)
        if row is None or finding not in self.cohort.findings:
            return None
        label = float(self.cohort.labels[row, self.cohort.findings.index(finding)])
        return None if np.isnan(label) else label

    def scores(self, digest: str, findings: Sequence[str]) -> NDArray[np.float64]:
        """Raw probabilities (images of the cohort, findings); NaN where not predicted or not trained."""
        scores = np.full((len(self.cohort.identities), len(findings)), np.nan)
        checkpoint, table = self.checkpoint(digest), self._tables.get(digest)
        if checkpoint is not None and table is not None:
            for column, finding in enumerate(findings):
                if finding in checkpoint.trained_findings:
                    scores[:, column] = table[:, checkpoint.findings.index(finding)]
        return scores

    def add_explanation(self, explained: Explained) -> None:
        """Take in the maps of the shown image."""
        if self.shown is not None and explained.identity == self.shown.reference.identity:
            self._explanations[explained.checkpoint] = explained
            self.explanations_changed.emit()

    def explanation(self, digest: str) -> Explained | None:
        """The maps of the shown image by a checkpoint; None while they are being computed."""
        return self._explanations.get(digest)
