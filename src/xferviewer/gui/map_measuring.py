"""Has maps measured: finds what people marked, asks the engine, keeps what it answers."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication

from xferviewer import protocol
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.localisation import Localisation, LocalisationSummary, MeasuredMap, summarise
from xferviewer.gui.engine_client import EngineClient
from xferviewer.gui.library import Library
from xferviewer.gui.session import Session
from xferviewer.saliency_methods import MapChoice
from xferviewer.studies.catalogue import ImageRow
from xferviewer.studies.region_files import read_regions, regions_beside, regions_of
from xferviewer.studies.regions import Regions

MapKey = tuple[str, str, str, MapChoice]
"""Image, checkpoint (digest), finding, kind of map."""


@dataclass(slots=True)
class CohortMeasures:
    """What was measured over the images of the catalogue, of one kind of map.

    n_images  images that have a region; checkpoints are named by their digests
    """

    choice: MapChoice
    n_images: int
    digests: tuple[str, ...]
    maps: list[MeasuredMap] = field(default_factory=list)
    failed: int = 0

    def summaries(self) -> list[LocalisationSummary]:
        """For each checkpoint (by digest) and finding, then the mean over its findings."""
        return summarise(self.maps)


@dataclass(frozen=True, slots=True)
class MeasuringProgress:
    """How far a run is: "localisation", "curves" or "randomisation"; pieces done of all."""

    kind: str
    done: int
    total: int


class MapMeasuring(QObject):
    """Between session, catalogue and engine. One run at a time; the window goes on meanwhile."""

    changed = Signal()  # something was measured, or a run began or ended
    progressed = Signal(object)  # MeasuringProgress
    failed = Signal(object)  # XferviewerError
    told = Signal(str, str, bool)  # headline, details, whether it stays: for the notifier

    def __init__(self, session: Session, library: Library, engine: EngineClient, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._library = library
        self._engine = engine
        self._opened = Regions({})
        self.region_sources: tuple[Path, ...] = ()  # the tables and folders that were opened
        self._request = 0
        self._kind = ""
        self._choice = session.maps.choice
        self._cohort_in_hand: CohortMeasures | None = None
        self._rows: dict[str, ImageRow] = {}  # of the images of the cohort, by identity
        self.seed = 0
        self.cohort: CohortMeasures | None = None
        self.curves: dict[MapKey, protocol.MapMeasured] = {}
        self.randomised: dict[MapKey, protocol.MapMeasured] = {}
        engine.map_measured.connect(self._take_in)
        engine.measuring_progressed.connect(self._tell_progress)
        engine.measuring_failed.connect(self._take_failure)
        engine.finished.connect(self._note_end)
        session.image_changed.connect(self._find_marked)

    # --- regions

    def open_regions(self, source: Path) -> None:
        """Use a table of boxes or a folder of masks, before what lies beside the images. Raises UnusableRegions."""
        found = read_regions(source)
        self._opened += found
        self.region_sources += (source,)
        known = sum(bool(found.of(Path(image.path))) for image in self._library.catalogue.all_images())
        self.told.emit(
            self.tr("Regions of {0} images came from {1}.").format(len(found), source.name),
            self.tr("{0} images here are among them; marked: {1}.").format(known, ", ".join(found.findings())),
            known == 0,
        )
        self._find_marked()
        self.changed.emit()

    @Slot()
    def _find_marked(self) -> None:
        shown = self._session.shown
        if shown is None:
            self._session.set_marked(())
            return
        path = Path(shown.image.path)
        self._session.set_marked((regions_beside([path]) + self._opened).of(path))

    # --- runs

    @property
    def running(self) -> str:
        """What is being measured, "" while nothing is."""
        return self._kind if self._request else ""

    def measure_shown(self, kind: str) -> None:
        """Curves or randomisation of the maps in the panes, for the chosen finding."""
        shown, finding = self._session.shown, self._session.finding
        own = {digest: self._session.classifiers.own_name(digest, finding) for digest in self._session.in_panes}
        trained = {digest: name for digest, name in own.items() if name is not None}
        if shown is not None and trained and not self._request:
            self._begin(kind, [shown.reference], trained, tuple(trained.values()))

    @Slot()
    def measure_cohort(self) -> None:
        """All maps of the open checkpoints on all images that have a region."""
        rows = self._library.catalogue.all_images()
        try:
            regions = regions_of((Path(row.path) for row in rows), self.region_sources)
        except XferviewerError as error:
            self.failed.emit(error)
            return
        marked = [row for row in rows if regions.of(Path(row.path))]
        digests = [checkpoint.weights_sha256 for checkpoint in self._session.classifiers.checkpoints]
        if marked and digests and not self._request:
            self._rows = {row.identity: row for row in marked}
            self._cohort_in_hand = CohortMeasures(self._session.maps.choice, len(marked), tuple(digests))
            images = [protocol.ImageReference(row.identity, row.path) for row in marked]
            self._begin("localisation", images, digests, ())
        elif not marked:
            self.told.emit(
                self.tr("No image here has a region."),
                self.tr("Open a table of boxes or a folder of masks: menu, File, “Open regions”."),
                False,
            )

    def study_of(self, identity: str) -> int:
        """The catalogue's number of the study of an image that was measured."""
        return self._rows[identity].study

    @Slot()
    def copy_command(self) -> None:
        """Put `command` on the clipboard."""
        QGuiApplication.clipboard().setText(self.command())
        self.told.emit(self.tr("The command is on the clipboard."), "", False)

    def command(self) -> str:
        """The command that measures the same maps without a window."""
        cohort = self.cohort
        words: list[str] = ["xferviewer", "explain", "--checkpoint"]
        checkpoints = self._session.classifiers.checkpoints
        words += [str(c.folder) for c in checkpoints if cohort and c.weights_sha256 in cohort.digests]
        choice = cohort.choice if cohort else self._session.maps.choice
        words += ["--images", str(self._library.catalogue.path), "--method", choice.method]
        words += ["--layers", choice.layers, "--smoothing", choice.smoothing, "--quality", "localisation"]
        words += ["--regions", *map(str, self.region_sources)] if self.region_sources else []
        return shlex.join([*words, "--out", "map-quality"])

    def _begin(
        self, kind: str, images: Iterable[protocol.ImageReference], digests: Iterable[str], findings: tuple[str, ...]
    ) -> None:
        self._kind, self._choice = kind, self._session.maps.choice
        sources = tuple(map(str, self.region_sources))
        self._request = self._engine.measure(
            protocol.MeasureMaps(
                0,
                kind,
                tuple(images),
                tuple(digests),
                findings,
                self._choice.method,
                sources,
                seed=self.seed,
                layers=self._choice.layers,
                smoothing=self._choice.smoothing,
            )
        )
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the run; what it has measured of a map in the panes stays, what it has measured of a cohort goes."""
        if self._request:
            self._engine.cancel(self._request)

    @Slot(object)
    def _take_in(self, message: protocol.MapMeasured) -> None:
        if message.request != self._request:
            return
        if message.kind == "localisation" and self._cohort_in_hand is not None:
            localisation = Localisation(*map(float, message.values[:, 0]))
            patient = self._rows[message.identity].patient_id
            self._cohort_in_hand.maps.append(
                MeasuredMap(message.identity, message.checkpoint, message.finding, localisation, patient)
            )
            return
        kept = self.curves if message.kind == "curves" else self.randomised
        kept[message.identity, message.checkpoint, message.finding, self._choice] = message
        self.changed.emit()

    @Slot(object)
    def _tell_progress(self, message: protocol.MeasuringProgressed) -> None:
        if message.request == self._request:
            self.progressed.emit(MeasuringProgress(self._kind, message.done, message.total))

    @Slot(object)
    def _take_failure(self, message: protocol.Failed) -> None:
        if message.identity and self._cohort_in_hand is not None:
            self._cohort_in_hand.failed += 1
        self.failed.emit(XferviewerError(message.what, message.why, message.todo))

    @Slot(object)
    def _note_end(self, message: protocol.Finished) -> None:
        if message.request != self._request or not self._request:
            return
        self._request = 0
        if self._cohort_in_hand is not None and not message.cancelled:
            self.cohort = self._cohort_in_hand
        self._cohort_in_hand = None
        self.changed.emit()
