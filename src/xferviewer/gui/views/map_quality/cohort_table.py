"""The tab in Evaluate: how the maps of each checkpoint lie to what people marked, over all images that are open."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from xferviewer.evaluation.localisation import LocalisationSummary
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.comparison import CaseList
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.map_measuring import CohortMeasures, MapMeasuring, MeasuringProgress
from xferviewer.gui.number_panel import NumberPanel
from xferviewer.gui.number_table import Cell, Head, NumberTable
from xferviewer.gui.number_text import estimate_text
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme, small_font
from xferviewer.saliency_methods import STANDARD, MapChoice

_MEASURES = {
    "pointing": ("pointing game", "Hits of n, with Wilson's interval: the map's maximum lies in what people marked"),
    "energy": ("energy", "The share of the map's sum that lies in what people marked, in the mean"),
    "iou": ("IoU, 15 %", "Of what people marked and the pixels above 15 % of the map's maximum, in the mean"),
    "dice": ("Dice, 15 %", "Of what people marked and the pixels above 15 % of the map's maximum, in the mean"),
    "iou_of_area": ("IoU, area", "Of what people marked and as many of the highest pixels as it has, in the mean"),
    "dice_of_area": ("Dice, area", "Of what people marked and as many of the highest pixels as it has, in the mean"),
}
_WIDEST = ".000 [.000, .000]"


def _title(choice: MapChoice) -> str:
    """The kind of map in words, with what is not the standard."""
    others = [choice.layers] * (choice.layers != STANDARD.layers)
    others += [choice.smoothing] * (choice.smoothing != STANDARD.smoothing)
    return ", ".join([choice.facts.title, *others])


class CohortQualityPanel(NumberPanel):
    """A row for each checkpoint and finding, and the mean over findings. A row leads to its images, misses first."""

    run_asked = Signal()
    cancel_asked = Signal()
    command_asked = Signal()

    def __init__(
        self,
        session: Session,
        numbers: LiveNumbers,
        measuring: MapMeasuring,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, numbers, parent)
        self._measuring = measuring
        self._rows: list[LocalisationSummary] = []
        self.run = QPushButton(self.tr("Measure all maps"))
        self.run.setToolTip(self.tr("The maps of every open checkpoint on every image with a box or a mask"))
        self.command = QPushButton(self.tr("Copy as command"))
        self.command.setToolTip(self.tr("The command that gives these numbers without a window"))
        self.bar = QProgressBar()
        self.bar.setAccessibleName(self.tr("How far measuring all maps is"))
        self.bar.setTextVisible(False)
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setAccessibleName(self.tr("Stop measuring all maps"))
        self.table = NumberTable(theme, self.tr("How maps lie to what people marked"), whole_rows=True)
        self.note = QLabel()
        self.note.setObjectName("faint")
        self.note.setFont(small_font())
        self.note.setWordWrap(True)
        self._lay_out()
        for signal in (measuring.changed, session.classifiers_changed):
            signal.connect(self.refresh_soon)
        measuring.progressed.connect(self._show_progress)
        self.run.clicked.connect(self.run_asked)
        self.cancel.clicked.connect(self.cancel_asked)
        self.command.clicked.connect(self.command_asked)
        self.table.cell_chosen.connect(self._choose)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        buttons.addWidget(self.run)
        buttons.addWidget(self.bar, 1)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        buttons.addWidget(self.command)
        self.content.addLayout(buttons)
        room = self.table.sizePolicy()
        room.setRetainSizeWhenHidden(True)  # what stands above and below it stays together
        self.table.setSizePolicy(room)
        self.content.addWidget(self.table, 1)
        self.content.addWidget(self.note)

    def refresh(self) -> None:
        """Show what was measured, and what is being measured."""
        running, cohort = self._measuring.running, self._measuring.cohort
        for widget in (self.bar, self.cancel):
            widget.setVisible(running == "localisation")
        self.run.setEnabled(bool(self.session.classifiers.checkpoints) and not running)
        self.command.setEnabled(cohort is not None)
        self._rows = cohort.summaries() if cohort is not None else []
        self.table.setVisible(bool(self._rows))
        self.heading.setText(self._heading(cohort))
        self.note.setText(self._note(cohort))
        columns = [Head("n", self.tr("Maps measured: images in which people marked the finding"), widest="0000")]
        columns += [Head(title, tip, widest=_WIDEST) for title, tip in _MEASURES.values()]
        heads = [self._head(row) for row in self._rows]
        self.table.put(columns, heads, [self._cells(row) for row in self._rows])

    def _heading(self, cohort: CohortMeasures | None) -> str:
        if cohort is None:
            return self.tr("Boxes and masks tell whether maps lie where findings are. Nothing is measured yet.")
        other = set(cohort.digests) != {
            checkpoint.weights_sha256 for checkpoint in self.session.classifiers.checkpoints
        }
        text = self.tr("{0} maps of {1} images in which something is marked; method {2}.").format(
            len(cohort.maps), cohort.n_images, _title(cohort.choice)
        )
        return text + (self.tr(" Other checkpoints are open now: measure again.") if other else "")

    def _note(self, cohort: CohortMeasures | None) -> str:
        if cohort is None or not self._rows:
            return self.tr(
                "Masks that lie beside the images are found; boxes and others: menu, File, Open regions. "
                "How each measure is defined stands in docs/map-quality.md."
            )
        words = [self.tr("Pointing game with 15 pixels of tolerance; means over all images, also missed ones.")]
        if cohort.failed:
            words.append(self.tr("{0} images could not be measured.").format(cohort.failed))
        if any(0 < row.n_patients < row.n for row in self._rows):
            words.append(self.tr("Several images belong to one patient: the intervals are too narrow."))
        return " ".join(words)

    def _head(self, row: LocalisationSummary) -> Head:
        checkpoint = self.session.classifiers.checkpoint(row.checkpoint)
        name = checkpoint.name if checkpoint is not None else row.checkpoint[:8]
        finding = row.finding or self.tr("mean of findings")
        colour = style_of(self.session.classifiers.place_of(row.checkpoint)).colour
        return Head(f"{finding} · {name}", "", colour, strong=row.finding == self.session.finding)

    def _cells(self, row: LocalisationSummary) -> list[Cell]:
        empty = self.tr("{0} of them are zero everywhere").format(row.n_empty) if row.n_empty else ""
        cells = [Cell(str(row.n), empty, row.n, warning=bool(row.n_empty))]
        for name in _MEASURES:
            estimate = getattr(row, name)
            cells.append(Cell(estimate_text(estimate), f"{estimate.value:.6f}", estimate.value))
        return cells

    @Slot(int, int)
    def _choose(self, row: int, _column: int) -> None:
        """The images behind the row, those that the map missed first."""
        chosen, cohort = self._rows[row], self._measuring.cohort
        if cohort is None:
            return
        maps = [
            one for one in cohort.maps if one.checkpoint == chosen.checkpoint and chosen.finding in ("", one.finding)
        ]
        maps.sort(key=lambda one: one.localisation.iou_of_area)
        maps.sort(key=lambda one: one.localisation.hit)
        images = list(dict.fromkeys(one.image for one in maps))
        studies = tuple(dict.fromkeys(self._measuring.study_of(image) for image in images))
        checkpoint = self.session.classifiers.checkpoint(chosen.checkpoint)
        name = checkpoint.name if checkpoint is not None else chosen.checkpoint[:8]
        title = self.tr("{0}: maps of {1}, misses first").format(chosen.finding or self.tr("all findings"), name)
        if chosen.finding:
            self.session.set_finding(chosen.finding)
        self.session.set_case_list(CaseList(title, studies, len(images)))

    @Slot(object)
    def _show_progress(self, progress: MeasuringProgress) -> None:
        if progress.kind == "localisation":
            self.bar.setRange(0, progress.total)
            self.bar.setValue(progress.done)
