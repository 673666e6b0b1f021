"""What the maps in the panes say of each other and of what people marked, kept until film, finding or maps change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from xferviewer.errors import XferviewerError
from xferviewer.evaluation.localisation import Localisation, localise
from xferviewer.evaluation.map_geometry import Part
from xferviewer.evaluation.map_similarity import MapComparison, compare_maps, scale_factors
from xferviewer.gui.calculator import Calculator
from xferviewer.gui.session import Session
from xferviewer.studies.regions import Region


@dataclass(frozen=True, slots=True, eq=False)
class ShownMap:
    """The map of a checkpoint for the chosen finding: float32 in [0, 1], its part of the film, its strength."""

    digest: str
    values: NDArray[np.float32]
    part: Part
    strength: float


@dataclass(frozen=True, slots=True, eq=False)
class MapNumbers:
    """Numbers of the maps in the panes; empty while they are computed.

    compared   of every other checkpoint's map with that of the active one, by digest: A is the active one
    localised  against the region of the finding, by digest; empty where nothing is marked
    why        why the region could not be used; empty where it could
    """

    compared: dict[str, MapComparison]
    localised: dict[str, Localisation]
    why: str = ""


NOTHING = MapNumbers({}, {})


class LiveMaps(QObject):
    """Computes in the thread of the numbers: a large film takes longer than a frame."""

    changed = Signal()

    def __init__(self, session: Session, calculator: Calculator, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._calculator = calculator
        self._numbers = NOTHING
        for signal in (
            session.image_changed,
            session.finding_changed,
            session.panes_changed,
            session.maps.changed,
            session.marked_changed,
            session.display_changed,
        ):
            signal.connect(self._forget)
        self._rests_on: tuple[object, ...] = ()

    def numbers(self) -> MapNumbers:
        """What is known now; what is not is computed, and `changed` tells when it is."""
        rests_on = self._state()
        if rests_on != self._rests_on:
            self._rests_on, self._numbers = rests_on, NOTHING
            self._calculator.forget(self)
            shown = self._session.shown
            if shown is not None:
                region = self._session.marked_finding()
                size = shown.image.rows, shown.image.columns
                question = partial(
                    _numbers_of, tuple(self.maps()), self._session.active, self._session.display.scale,
                    self._session.display.top_share, region, size,
                )  # fmt: skip
                self._calculator.ask(self, rests_on, question, self._take)
        return self._numbers

    def maps(self) -> list[ShownMap]:
        """The maps in the panes for the chosen finding, in the order of the panes."""
        found = []
        for digest in self._session.in_panes:
            explained, checkpoint = self._session.maps.of(digest), self._session.classifiers.checkpoint(digest)
            own = self._session.classifiers.own_name(digest, self._session.finding)
            if explained is not None and checkpoint is not None and own in explained.findings:
                place = explained.findings.index(own)
                strength = float(explained.strengths[place])
                found.append(ShownMap(digest, explained.maps[place], explained.crop, strength))
        return found

    def difference_to_active(self, digest: str) -> MapComparison | None:
        """The map of the active checkpoint minus this one's, once it is known."""
        return self.numbers().compared.get(digest)

    def _state(self) -> tuple[object, ...]:
        session = self._session
        identity = session.shown.reference.identity if session.shown is not None else ""
        explained = tuple(id(session.maps.of(digest)) for digest in session.in_panes)
        return (
            identity, session.finding, session.active, session.in_panes, explained, session.marked,
            session.display.scale, session.display.top_share,
        )  # fmt: skip

    def _take(self, numbers: MapNumbers) -> None:
        self._numbers = numbers
        self.changed.emit()

    @Slot()
    def _forget(self) -> None:
        if self._state() != self._rests_on:
            self.changed.emit()


def _numbers_of(
    maps: tuple[ShownMap, ...],
    active: str,
    scale: str,
    top_share: float,
    region: Region | None,
    size: tuple[int, int],
) -> MapNumbers:
    a = next((each for each in maps if each.digest == active), None)
    compared = {b.digest: _compare(a, b, scale, top_share) for b in maps if a is not None and b is not a}
    localised: dict[str, Localisation] = {}
    if region is not None:
        try:
            marked = region.pixels(*size)
        except XferviewerError as error:
            return MapNumbers(compared, {}, f"{error.what} {error.why}")
        if marked.any():
            localised = {each.digest: localise(each.values, each.part, marked) for each in maps}
    return MapNumbers(compared, localised)


def _compare(a: ShownMap, b: ShownMap, scale: str, top_share: float) -> MapComparison:
    factors = scale_factors(a.strength, b.strength, scale)
    return compare_maps(a.values * factors[0], a.part, b.values * factors[1], b.part, top_share)
