"""Writes the corners of a pane: what stands in it, how it is shown, what its checkpoint says of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.display import ShownImage
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.corner_text import image_text, input_mark, patient_text, pixel_text, result_text
from xferviewer.gui.views.compare.looks import Look, Looks
from xferviewer.gui.views.compare.map_drawing import MapDrawing
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.gui.views.compare.standing import Standing
from xferviewer.studies.images import Image


class CornerWriting:
    """`hide_identity`: the patient and the date are left out; `cursor`: the pane under it and where, as shown."""

    def __init__(self, session: Session, drawing: MapDrawing, standing: Standing, looks: Looks) -> None:
        self._session = session
        self._drawing = drawing
        self._standing = standing
        self._looks = looks
        self.hide_identity = False
        self.cursor: tuple[int, QPointF] | None = None

    def write(self, panes: Sequence[Pane]) -> None:
        """All corners of all panes."""
        for number, pane in enumerate(panes):
            shown, image = self._standing.shown(number), self._standing.image(number)
            under, cursor = self.cursor or (None, None)
            pane.set_corner("top_left", patient_text(shown, hide_identity=self.hide_identity))
            stored = self._standing.stored(number, cursor) if under == number else None
            pane.set_corner("bottom_right", pixel_text(image, stored))
            self._write_look(pane, shown, image, self._looks[number])
            self._write_result(pane, shown)

    def write_looks(self, panes: Sequence[Pane]) -> None:
        """Only how films are shown: what a step of the window or of the zoom changes."""
        for number, pane in enumerate(panes):
            image = self._standing.image(number)
            if image is not None:
                self._write_look(pane, self._standing.shown(number), image, self._looks[number])

    def _write_look(self, pane: Pane, shown: ShownImage | None, image: Image | None, look: Look) -> None:
        pixel = pane.box.viewPixelSize()[0]
        zoom = 1 / pixel if image is not None and pixel > 0 else 0.0  # a pane that was just made has no size
        pane.set_corner("bottom_left", image_text(shown, image, look, zoom, short=pane.is_small))

    def _write_result(self, pane: Pane, shown: ShownImage | None) -> None:
        checkpoint = self._session.classifiers.checkpoint(pane.digest)
        if checkpoint is None or shown is None:
            pane.set_corner("top_right", "")
            pane.set_mark("", "", quiet=False)
            return
        chosen = shown == self._session.shown
        inputs = self._session.inputs
        pane.set_mark(
            input_mark(inputs, pane.digest) if chosen else "",
            inputs.words(pane.digest) if chosen else "",
            quiet=inputs.is_acknowledged(pane.digest),
        )
        explained, index = self._drawing.explanation(pane.digest) if chosen else (None, -1)
        style = style_of(self._session.classifiers.place_of(pane.digest))
        pane.set_corner("top_right", result_text(self._session, shown, checkpoint, style, explained, index))
