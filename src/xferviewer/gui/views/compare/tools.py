"""Tools of the left button: measurements are drawn, kept with their image, and shown wherever that image is."""

from __future__ import annotations

import math
from functools import partial

from PySide6.QtCore import QObject, QPointF, Signal, Slot
from PySide6.QtWidgets import QInputDialog, QPlainTextEdit

from xferviewer.gui.decisions import Decisions
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.view import CompareView
from xferviewer.studies.film_measurements import words_of
from xferviewer.studies.film_notes import FilmNotes, Measurement, Point

_GRIP = 8.0  # pixels of the screen around a point of a measurement, by which it is taken hold of
TOOLS = ("window", "ruler", "angle", "ellipse")


class Tools(QObject):
    """`kind` is what the left button does: "window" leaves it to the mouse, others draw a measurement of their kind."""

    kind_changed = Signal()

    def __init__(
        self, session: Session, compare: CompareView, decisions: Decisions, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._compare = compare
        self._decisions = decisions
        self.kind = "window"
        self._draft: tuple[str, Measurement] | None = None  # with the identity of its frame
        self._moved: Measurement | None = None  # a kept one that the draft is to take the place of
        self._cursor: tuple[int, QPointF] | None = None  # the pane and the place that the mouse is over
        self._arm: tuple[str, Point, Point] | None = None  # of an angle: its frame, an end and the vertex
        compare.panes_rebuilt.connect(self._listen)
        compare.standing_changed.connect(self._show)
        decisions.changed.connect(self._show)
        session.finding_changed.connect(self._show)
        self._listen()

    def choose(self, kind: str) -> None:
        """Let the left button do this; choosing a measurement again goes back to the window."""
        self.kind = "window" if kind == self.kind else kind
        self._draft = self._arm = self._moved = None
        for pane in self._compare.panes:
            pane.set_draws(draws=self.kind != "window")
        self.kind_changed.emit()
        self._show()

    def let_go(self) -> bool:
        """Give up an angle whose second arm is missing; False where there is none."""
        was = self._arm is not None
        self._draft = self._arm = self._moved = None
        self._show()
        return was

    # --- key images and notes of the frame in focus

    def toggle_key(self) -> None:
        """Mark the frame in focus as a key image, or no longer."""
        identity = self._identity(self._compare.focus)
        if identity:
            self._decisions.set_key(identity, is_key=not self._decisions.of(identity).is_key)

    def remove(self) -> None:
        """Take a measurement away: that whose point the mouse is over, else the newest of the frame in focus."""
        grip = self._grip(*self._cursor) if self._cursor is not None else None
        number = self._cursor[0] if self._cursor is not None and grip is not None else self._compare.focus
        identity = self._identity(number)
        if not identity:
            return
        kept = self._decisions.of(identity).measurements
        if grip is not None:
            self._decisions.set_measurements(identity, tuple(each for each in kept if each is not grip[0]))
        elif kept:
            self._decisions.set_measurements(identity, kept[:-1])

    def ask_note(self) -> QInputDialog | None:
        """Ask for the note of the frame in focus."""
        identity = self._identity(self._compare.focus)
        if not identity:
            return None
        dialog = QInputDialog(self._compare)
        dialog.setOption(QInputDialog.InputDialogOption.UsePlainTextEditForTextInput)
        dialog.setWindowTitle(self.tr("Note"))
        dialog.setLabelText(self.tr("A note on this image; it is kept on this computer."))
        dialog.setTextValue(self._decisions.of(identity).note)
        field = dialog.findChild(QPlainTextEdit)
        if isinstance(field, QPlainTextEdit):
            field.setAccessibleName(dialog.labelText())
            field.setTabChangesFocus(True)  # to the buttons: a note needs no tabulators
        dialog.textValueSelected.connect(partial(self._decisions.set_note, identity))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    # --- drawing

    @Slot()
    def _listen(self) -> None:
        for number, pane in enumerate(self._compare.panes):
            pane.set_draws(draws=self.kind != "window")
            pane.box.drawn.connect(partial(self._draw, number))
            pane.box.clicked.connect(partial(self._click, number))
            pane.box.hovered.connect(partial(self._hover, number))
            pane.box.left.connect(self._leave)
        self._show()

    def _draw(self, number: int, begun: QPointF, now: QPointF, finished: bool) -> None:
        start, end = self._point(number, begun), self._point(number, now)
        if start is None or end is None:
            return
        grip = self._grip(number, begun) if self._arm is None else None
        if grip is not None:
            self._move(number, *grip, end, finished=finished)
            return
        if self.kind == "angle":
            self._arm = (self._identity(number), start, end) if finished else None
            self._set_draft(number, Measurement("ruler", (start, end)))
            return
        measurement = Measurement(self.kind, (start, end))
        if not finished:
            self._set_draft(number, measurement)
            return
        self._draft = None
        self._decisions.add(self._identity(number), measurement)

    def _grip(self, number: int, place: QPointF) -> tuple[Measurement, int] | None:
        """The kept measurement, and which of its points, that lies at a place of the film as shown."""
        pane, compare = self._compare.panes[number], self._compare
        at = pane.on_surface(place)
        near = []
        for each in self._decisions.of(self._identity(number)).measurements:
            for point, (x, y) in enumerate(each.points):
                away = pane.on_surface(compare.standing.as_shown(number, QPointF(x, y))) - at
                near.append((math.hypot(away.x(), away.y()), each, point))
        distance, measurement, point = min(near, key=lambda one: one[0], default=(math.inf, None, 0))
        return (measurement, point) if measurement is not None and distance <= _GRIP else None

    def _move(self, number: int, measurement: Measurement, point: int, end: Point, *, finished: bool) -> None:
        """Drag a point of a kept measurement somewhere else."""
        points = (*measurement.points[:point], end, *measurement.points[point + 1 :])
        moved = Measurement(measurement.kind, points)
        if not finished:
            self._moved = measurement
            self._set_draft(number, moved)
            return
        self._draft = self._moved = None
        identity = self._identity(number)
        kept = self._decisions.of(identity).measurements
        self._decisions.set_measurements(identity, tuple(moved if each is measurement else each for each in kept))

    @Slot()
    def _leave(self) -> None:
        self._cursor = None

    def _hover(self, number: int, position: QPointF) -> None:
        """The second arm of an angle follows the mouse; a point that can be dragged shows it."""
        self._cursor = number, position
        if self.kind != "window":
            self._compare.panes[number].set_draws(draws=True, grips=self._grip(number, position) is not None)
        end = self._point(number, position)
        if self._arm is not None and self._arm[0] == self._identity(number) and end is not None:
            self._set_draft(number, Measurement("angle", (*self._arm[1:], end)))

    def _click(self, number: int, position: QPointF) -> None:
        end = self._point(number, position)
        if self._arm is not None and self._arm[0] == self._identity(number) and end is not None:
            measurement = Measurement("angle", (*self._arm[1:], end))
            self._draft = self._arm = None
            self._decisions.add(self._identity(number), measurement)

    def _set_draft(self, number: int, measurement: Measurement) -> None:
        self._draft = (self._identity(number), measurement)
        self._show()

    def _point(self, number: int, position: QPointF) -> Point | None:
        stored = self._compare.standing.stored(number, position)
        return (stored.x(), stored.y()) if stored is not None else None

    def _identity(self, number: int) -> str:
        shown = self._compare.standing.shown(number)
        return shown.reference.identity if shown is not None else ""

    @Slot()
    def _show(self) -> None:
        """What is kept of the frame in each pane, and what is being drawn on it."""
        for number, pane in enumerate(self._compare.panes):
            raster, identity = self._compare.standing.raster(number), self._identity(number)
            if raster is None or not identity:
                pane.set_measurements([])
                pane.set_notes(is_key=False, note="")
                continue
            notes = self._decisions.of(identity)
            drafts = [self._draft[1]] if self._draft is not None and self._draft[0] == identity else []
            drawn = [*(each for each in notes.measurements if each is not self._moved), *drafts]
            pane.set_measurements([(each, words_of(each, raster.image)) for each in drawn])
            pane.set_notes(is_key=notes.is_key, note=notes.note, verdict=self._verdict(notes, pane.digest))

    def _verdict(self, notes: FilmNotes, digest: str) -> str:
        """Whether the reader agrees with the checkpoint of a pane about the finding that is looked at."""
        verdict = notes.verdict(digest, self._session.finding)
        if verdict is None:
            return ""
        said = self.tr("present") if verdict.called else self.tr("absent")
        words = self.tr("✓ you agree: {0} {1}") if verdict.agrees else self.tr("✗ you disagree: {0} {1}")
        return words.format(verdict.finding, said)
