"""The panel beside the film: how alike the shown maps are, how they lie to what people marked, two tests of them."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from xferviewer.exchange.checkpoint_styles import CheckpointStyle, style_of
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.live_maps import LiveMaps
from xferviewer.gui.map_measuring import MapKey, MapMeasuring, MeasuringProgress
from xferviewer.gui.number_table import Head, NumberTable
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme, small_font
from xferviewer.gui.views.map_quality.curve_plot import MapCurvePlot
from xferviewer.gui.views.map_quality.rows import Measured, rows_of
from xferviewer.protocol import MapMeasured

_NARROWEST = 48 * GRID


class MapQualityPanel(QScrollArea):
    """Numbers of the maps in the panes for the chosen finding; the active checkpoint's map is A."""

    run_asked = Signal(str)  # "curves" or "randomisation"
    cancel_asked = Signal()

    def __init__(
        self, session: Session, maps: LiveMaps, measuring: MapMeasuring, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._maps, self._measuring = session, maps, measuring
        self._showing = False
        self.heading = _faint_label()
        self.table = NumberTable(theme, self.tr("Measures of the shown maps"))
        self.difference = QCheckBox(self.tr("A − B in other panes"))
        self.difference.setToolTip(self.tr("The active checkpoint's map minus that of each other pane (Shift+O)"))
        self.regions = QCheckBox(self.tr("Outline the marks"))
        self.regions.setToolTip(self.tr("Boxes and masks of the chosen finding over the film (M)"))
        self.top_share = QSpinBox(minimum=1, maximum=100, suffix=" %")
        self.top_share.setAccessibleName(self.tr("Share of the pixels that count as the top of a map"))
        self.run_curves = QPushButton(self.tr("Deletion, insertion"))
        self.run_curves.setToolTip(
            self.tr("Takes pixels away, and puts them in, in the order of the map and in one drawn by lot (RISE)")
        )
        self.run_random = QPushButton(self.tr("Random weights"))
        self.run_random.setToolTip(
            self.tr("Makes the weights random layer by layer from the top: a map that stays shows the film alone")
        )
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("How far measuring is"))
        self.bar.setTextVisible(False)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAccessibleName(self.tr("Stop measuring"))
        self.curve = ChoiceBox[str](self.tr("Which curve is drawn"), stretches=True)
        self.plot = MapCurvePlot(theme, self.tr("Curves of the shown maps"))
        self.note = _faint_label()
        self.table.horizontalHeader().setMinimumSectionSize(6 * GRID)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)  # four columns at most
        self.table.setTextElideMode(Qt.TextElideMode.ElideNone)  # "…" in place of −.45 would say less than nothing
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._lay_out()
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._refresh)
        self._connect()
        self.refresh_soon()

    def _lay_out(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.setSpacing(GRID)
        top = QHBoxLayout()
        top.addWidget(QLabel(self.tr("Top of a map")))
        top.addWidget(self.top_share)
        top.addStretch(1)
        running = QHBoxLayout()
        running.addWidget(self.bar, 1)
        running.addWidget(self.cancel)
        layout.addWidget(self.heading)
        layout.addWidget(self.table)
        layout.addWidget(self.difference)
        layout.addWidget(self.regions)
        layout.addLayout(top)
        layout.addWidget(self.run_curves)
        layout.addWidget(self.run_random)
        layout.addLayout(running)
        layout.addWidget(self.curve)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.note)
        layout.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(_NARROWEST)

    def _connect(self) -> None:
        session = self._session
        for signal in (
            session.image_changed,
            session.finding_changed,
            session.panes_changed,
            session.marked_changed,
            session.display_changed,
            session.maps.choice_changed,
            self._maps.changed,
            self._measuring.changed,
        ):
            signal.connect(self.refresh_soon)
        self._measuring.progressed.connect(self._show_progress)
        self.difference.toggled.connect(self._change_display)
        self.regions.toggled.connect(self._change_display)
        self.top_share.valueChanged.connect(self._change_display)
        self.run_curves.clicked.connect(self._ask_curves)
        self.run_random.clicked.connect(self._ask_randomisation)
        self.cancel.clicked.connect(self.cancel_asked)
        self.curve.activated.connect(self.refresh_soon)

    @Slot()
    def refresh_soon(self) -> None:
        """Something that the panel shows has changed."""
        self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Show what changed while nobody looked."""
        super().showEvent(event)
        self.refresh_soon()

    @Slot()
    def _ask_curves(self) -> None:
        self.run_asked.emit("curves")

    @Slot()
    def _ask_randomisation(self) -> None:
        self.run_asked.emit("randomisation")

    @Slot()
    def _change_display(self) -> None:
        if not self._showing:
            self._session.set_display(
                replace(
                    self._session.display,
                    difference=self.difference.isChecked(),
                    regions_visible=self.regions.isChecked(),
                    top_share=self.top_share.value() / 100,
                )
            )

    # --- showing

    @Slot()
    def _refresh(self) -> None:
        if not self.isVisible():
            return
        session, display = self._session, self._session.display
        numbers, marked = self._maps.numbers(), session.marked_finding()
        self._showing = True
        self.difference.setChecked(display.difference)
        self.regions.setChecked(display.regions_visible)
        self.top_share.setValue(round(100 * display.top_share))
        self._showing = False
        self.difference.setEnabled(len(session.in_panes) > 1)
        self.regions.setEnabled(marked is not None)
        shown = [each.digest for each in self._maps.maps()]
        measured = [self._measured(digest) for digest in shown]
        heads, cells = rows_of(measured, display.top_share, marked=marked is not None and not numbers.why)
        self.table.put([self._head(digest) for digest in shown], heads, cells)
        self._fit_table()
        self.heading.setText(self._heading(shown, marked is not None, numbers.why))
        self._show_run(bool(shown))
        self._draw(list(zip(shown, measured, strict=True)))

    def _measured(self, digest: str) -> Measured:
        numbers = self._maps.numbers()
        key = self._key(digest)
        return Measured(
            digest == self._session.active,
            numbers.compared.get(digest),
            numbers.localised.get(digest),
            self._measuring.curves.get(key),
            self._measuring.randomised.get(key),
        )

    def _key(self, digest: str) -> MapKey:
        shown = self._session.shown
        identity = shown.reference.identity if shown is not None else ""
        own = self._session.classifiers.own_name(digest, self._session.finding) or ""
        return identity, digest, own, self._session.maps.choice

    def _head(self, digest: str) -> Head:
        """Numbers as in the worklist, for want of room; the tip has the name."""
        checkpoint, place = self._session.classifiers.checkpoint(digest), self._session.classifiers.place_of(digest)
        name = checkpoint.name if checkpoint is not None else ""
        return Head(str(place + 1), name, self._style(digest).colour, strong=digest == self._session.active)

    def _style(self, digest: str) -> CheckpointStyle:
        return style_of(self._session.classifiers.place_of(digest))

    def _fit_table(self) -> None:
        """As high as its rows: the panel scrolls, not the table."""
        rows = self.table.verticalHeader().length() + self.table.horizontalHeader().height() + 2
        self.table.setFixedHeight(rows)
        self.table.setVisible(bool(self.table.sheet.rowCount() and self.table.sheet.columnCount()))

    def _heading(self, shown: list[str], marked: bool, why: str) -> str:
        if self._session.shown is None:
            return self.tr("Choose a study to see how its maps compare.")
        if not shown:
            return self.tr("The maps are being computed.")
        finding = self._session.finding
        if why:
            return self.tr("{0}: {1}").format(finding, why)
        if marked:
            return self.tr("Maps of {0} against each other and what people marked.").format(finding)
        return self.tr("Nobody marked {0} in this image. Boxes and masks: menu, File, Open regions.").format(finding)

    def _show_run(self, possible: bool) -> None:
        running = self._measuring.running
        for button in (self.run_curves, self.run_random):
            button.setEnabled(possible and not running)
        for widget in (self.bar, self.cancel):
            widget.setVisible(bool(running) and running != "localisation")

    @Slot(object)
    def _show_progress(self, progress: MeasuringProgress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.done)

    def _draw(self, maps: list[tuple[str, Measured]]) -> None:
        # Of one checkpoint: four with their curves by lot would be a thicket.
        curves = [
            (each.curves, self._style(digest)) for digest, each in maps if each.curves is not None and each.active
        ]
        randomised = [(each.randomised, self._style(digest)) for digest, each in maps if each.randomised is not None]
        offered = [(self.tr("deletion"), "deletion"), (self.tr("insertion"), "insertion")] if curves else []
        offered += [(self.tr("random weights"), "randomisation")] if randomised else []
        for widget in (self.curve, self.plot, self.note):
            widget.setVisible(bool(offered))
        if not offered:
            return
        known = [value for _, value in offered]
        chosen = self.curve.value if self.curve.value in known else known[0]
        self.curve.offer(offered, chosen)
        if chosen == "randomisation":
            self.plot.show_randomised(self.tr("share of the layers"), randomised)
            self.note.setText(self._groups(randomised))
        else:
            gone = chosen == "deletion"
            self.plot.show_game(chosen, self.tr("pixels gone") if gone else self.tr("pixels there"), curves)
            good = self.tr("a fall below it") if gone else self.tr("a rise above it")
            self.note.setText(self.tr("The active map; thin: by lot. Good is {0}.").format(good))

    def _groups(self, randomised: list[tuple[MapMeasured, CheckpointStyle]]) -> str:
        groups = randomised[0][0].groups
        return self.tr("From {0} down to {1}; the map must change.").format(groups[0], groups[-1])


def _faint_label() -> QLabel:
    label = QLabel()
    label.setObjectName("faint")
    label.setFont(small_font())
    label.setWordWrap(True)
    return label
