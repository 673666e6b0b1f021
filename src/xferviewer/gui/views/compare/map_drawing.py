"""Which map, or difference of maps, lies over the film of a pane, in which colours, and its colour bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PySide6.QtCore import QRectF

from xferviewer.evaluation.map_geometry import Part
from xferviewer.gui.colour_maps import (
    colours,
    difference_colours,
    difference_levels,
    difference_table,
    map_levels,
    overlay_table,
)
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.colour_bar import BarScale
from xferviewer.gui.views.compare.outline import NO_LINES, contour_of
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.protocol import Explained
from xferviewer.studies.images import Image

_LONGEST_NAME = 11


class MapDrawing:
    """Draws the maps of the session's chosen finding; never touches how a film is shown."""

    def __init__(self, session: Session, maps: LiveMaps) -> None:
        self._session = session
        self._maps = maps
        self.peeking = False

    def draw(self, panes: Sequence[tuple[Pane, Image | None]]) -> None:
        """Draw over each pane's film; None: there is nothing that a map of the chosen image could lie on."""
        strongest = self.strongest(pane.digest for pane, _ in panes)
        for pane, image in panes:
            self._draw(pane, image, strongest)

    def explanation(self, digest: str) -> tuple[Explained | None, int]:
        """The maps of the shown image by a checkpoint, and the place of the chosen finding in them or -1."""
        explained, checkpoint = self._session.maps.of(digest), self._session.classifiers.checkpoint(digest)
        own = self._session.classifiers.own_name(digest, self._session.finding)
        if explained is None or checkpoint is None or own is None:
            return None, -1
        return explained, explained.findings.index(own) if own in explained.findings else -1

    def _strength(self, digest: str) -> float:
        explained, index = self.explanation(digest)
        return float(explained.strengths[index]) if explained is not None and index >= 0 else 0.0

    def _draw(self, pane: Pane, image: Image | None, strongest: float) -> None:
        display = self._session.display
        explained, index = self.explanation(pane.digest)
        pane.set_contour(*NO_LINES)
        if explained is None or index < 0 or image is None or not display.overlay_visible or self.peeking:
            pane.set_map(None, QRectF(), None)
            pane.set_scale(None)
        elif self._shows_difference(pane):
            self._draw_difference(pane, image)
        else:
            self._draw_one(pane, image, explained, index, strongest)

    def _draw_one(self, pane: Pane, image: Image, explained: Explained, index: int, strongest: float) -> None:
        display, values = self._session.display, explained.maps[index]
        top = {"own": 0.0, "shared": strongest, "fixed": display.fixed_strength}[display.scale]
        if top > 0:
            values = np.minimum(values * (float(explained.strengths[index]) / top), 1)
        placed = _placed(explained.crop, image)
        if display.map_style == "contour":
            pane.set_map(None, QRectF(), None)
        else:
            table = overlay_table(display.colour_map, display.overlay_opacity, display.cut_off)
            pane.set_map(map_levels(values), placed, table)
        if display.map_style != "colours":
            x, y = contour_of(values, display.cut_off)
            pane.set_contour(placed.left() + x * placed.width(), placed.top() + y * placed.height())
        pane.set_scale(BarScale(colours(display.colour_map), self._top_words(pane), marks=(display.cut_off,)))

    def _top_words(self, pane: Pane) -> str:
        """What the upper end of the colour bar stands for."""
        display = self._session.display
        if display.scale == "fixed":
            return pane.tr("strength {0:.3g}").format(display.fixed_strength)
        return pane.tr("own maximum") if display.scale == "own" else pane.tr("strongest shown")

    def strongest(self, digests: Iterable[str]) -> float:
        """The strength of the strongest of these checkpoints' maps of the chosen finding; 0 where there is none."""
        return max(map(self._strength, digests), default=0.0)

    def _shows_difference(self, pane: Pane) -> bool:
        """The active pane keeps its map; the others show how it differs from theirs."""
        session = self._session
        return session.display.difference and pane.digest != session.active and session.active in session.in_panes

    def _draw_difference(self, pane: Pane, image: Image) -> None:
        display = self._session.display
        compared = self._maps.difference_to_active(pane.digest)
        if compared is None:  # it is being computed, or the active checkpoint has no map
            pane.set_map(None, QRectF(), None)
            pane.set_scale(None)
            return
        table = difference_table(display.overlay_opacity, display.cut_off)
        pane.set_map(difference_levels(compared.difference), _placed(compared.part, image), table)
        active, here = (self._session.classifiers.checkpoint(digest) for digest in (self._session.active, pane.digest))
        names = [_short(checkpoint.name if checkpoint is not None else "") for checkpoint in (active, here)]
        cuts = (0.5 - display.cut_off / 2, 0.5, 0.5 + display.cut_off / 2)
        pane.set_scale(BarScale(difference_colours(), f"+1 {names[0]}", f"−1 {names[1]}", cuts))


def _placed(part: Part, image: Image) -> QRectF:
    """A part of the film, given in fractions of it, in its pixels."""
    rows, columns = image.pixels.shape[:2]
    top, left, bottom, right = part
    return QRectF(left * columns, top * rows, (right - left) * columns, (bottom - top) * rows)


def _short(name: str) -> str:
    """A name in the room beside the colour bar; names differ at their ends."""
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
