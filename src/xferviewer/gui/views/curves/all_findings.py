"""The tab of all findings: a small plot of ROC curves for each, filled one after the other."""

from __future__ import annotations

from math import nan
from time import perf_counter

from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.curves.finding_cell import CellCurve, FindingCell
from xferviewer.gui.views.curves.tab import Context, SeenTab
from xferviewer.gui.views.curves.words import lack_text

_CELL_POINTS = 200  # a cell is hardly wider in pixels
_TURN_SECONDS = 0.012  # of each turn of the event loop: the window stays answering while a large cohort is counted
_LEAST_WIDTH = 30 * GRID


class AllFindingsTab(SeenTab):
    """Small multiples: every finding at once, the chosen one marked."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, self.tr("All findings"))
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.cells: dict[str, FindingCell] = {}
        self._grid = QWidget()
        self._scroll = QScrollArea()
        self._scroll.setAccessibleName(self.tr("ROC curves of all findings"))
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidget(self._grid)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, GRID, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self.legend)
        layout.addWidget(self._scroll, 1)
        self._shown: dict[str, object] = {}
        self._waiting: list[str] = []
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._fill)

    @property
    def busy(self) -> bool:
        """Cells are still to be filled."""
        return bool(self._waiting)

    def draw_now(self) -> None:
        """Cells for the findings there are; those whose numbers may have changed are filled in the next turns."""
        findings = self._session.findings()
        if list(self.cells) != findings:
            self._make_cells(findings)
        for finding, cell in self.cells.items():
            cell.setChecked(finding == self._session.finding)
        self.legend.setText(self._legend())
        self._waiting = list(findings)
        self._turn.start()

    def _make_cells(self, findings: list[str]) -> None:
        for cell in self.cells.values():
            cell.setParent(None)
            cell.deleteLater()
        self._shown.clear()
        self.cells = {finding: FindingCell(finding, self._theme, self._grid) for finding in findings}
        for cell in self.cells.values():
            cell.clicked.connect(self._choose)
            cell.show()
        self._lay_out()

    def _legend(self) -> str:
        if not self.cells:
            return self.tr("Open a checkpoint to see its ROC curves.")
        names = [
            f'<span style="color: {style_of(place).colour}">▬</span> {each.name}'
            for place, each in enumerate(self._session.scored())
        ]
        return " &nbsp; ".join(names) + " · " + self.tr("present / absent; AUC on all cases")

    @Slot()
    def _choose(self) -> None:
        cell = self.sender()
        if isinstance(cell, FindingCell):
            self._session.set_finding(cell.finding)
            cell.setChecked(cell.finding == self._session.finding)  # a second click would take the mark away

    # --- filling

    @Slot()
    def _fill(self) -> None:
        """Fill cells as long as nobody notices."""
        start = perf_counter()
        while self._waiting and perf_counter() - start < _TURN_SECONDS:
            self._fill_cell(self._waiting.pop(0))
        if self._waiting and self.isVisible():
            self._turn.start()
        elif self._waiting:
            self._waiting.clear()
            self.draw_soon()

    def _fill_cell(self, finding: str) -> None:
        compared = self._numbers.compared(finding)
        if self._shown.get(finding) is compared:
            return
        self._shown[finding] = compared
        curves, lacks = [], {}
        for place, each in enumerate(self._session.scored()):
            lack = self._live.lack(finding, each.digest)
            if lack is not None:
                lacks[each.name] = lack
                continue
            interval = self._numbers.auc(finding, each.digest)
            thinned = self._live.roc(finding, each.digest, _CELL_POINTS)
            curves.append(CellCurve(each.name, style_of(place), thinned, interval.auc if interval is not None else nan))
        counts = f"{compared.n_positive:,} / {compared.n_negative:,}"
        why = self.tr("no labels")
        if finding in self._session.cohort.findings:
            why = ", ".join(dict.fromkeys(map(lack_text, lacks.values())))
        self.cells[finding].show_curves(counts, why, curves)

    # --- layout

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As large as all of them fit; where they would be too small, there is more to scroll to."""
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        cells = list(self.cells.values())
        if not cells:
            return
        width, height = self._scroll.width(), self._scroll.height()
        bar = self._scroll.verticalScrollBar().sizeHint().width()
        most = max(width // (_LEAST_WIDTH + GRID), 1)
        for columns in range(1, most + 1):
            cell_width = width // columns - GRID
            if -(-len(cells) // columns) * (cells[0].height_of(cell_width) + GRID) <= height:
                break
        else:
            columns = max((width - bar) // (_LEAST_WIDTH + GRID), 1)
            cell_width = (width - bar) // columns - GRID
        cell_height = cells[0].height_of(cell_width)
        for place, cell in enumerate(cells):
            row, column = divmod(place, columns)
            cell.setGeometry(column * (cell_width + GRID), row * (cell_height + GRID), cell_width, cell_height)
        rows = -(-len(cells) // columns)
        self._grid.resize(columns * (cell_width + GRID), rows * (cell_height + GRID))
