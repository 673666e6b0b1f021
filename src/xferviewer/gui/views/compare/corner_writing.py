"""Writes the corners of a pane: what stands in it, how it is shown, what its checkpoint says of it."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.display import ShownImage
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.corner_text import image_text, input_mark, patient_text, pixel_text, result_text
from xferviewer.gui.views.compare.looks import Look
from xferviewer.gui.views.compare.map_drawing import MapDrawing
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.studies.images import Image


class CornerWriting:
    """`hide_identity`: the patient and the date are left out."""

    def __init__(self, session: Session, drawing: MapDrawing) -> None:
        self._session = session
        self._drawing = drawing
        self.hide_identity = False

    def write(
        self, pane: Pane, shown: ShownImage | None, image: Image | None, look: Look, cursor: QPointF | None
    ) -> None:
        """`image` is None until it is read; `cursor` is in its pixels as stored."""
        pane.set_corner("top_left", patient_text(shown, hide_identity=self.hide_identity))
        pane.set_corner("bottom_right", pixel_text(image, cursor))
        self.write_look(pane, shown, image, look)
        self._write_result(pane, shown)

    def write_look(self, pane: Pane, shown: ShownImage | None, image: Image | None, look: Look) -> None:
        """Only how the film is shown: what a step of the window or of the zoom changes."""
        pixel = pane.box.viewPixelSize()[0]
        zoom = 1 / pixel if image is not None and pixel > 0 else 0.0  # a pane that was just made has no size
        pane.set_corner("bottom_left", image_text(shown, image, look, zoom))

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
