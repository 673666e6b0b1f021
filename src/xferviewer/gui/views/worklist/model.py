"""The rows and columns of the worklist."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QPixmap

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.columns import Classifier
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import score_kind_text, short_probability_text
from xferviewer.gui.session import Session
from xferviewer.gui.theme import Theme, swatch
from xferviewer.gui.thumbnails import Thumbnails
from xferviewer.gui.views.worklist.columns import IDENTIFYING, Column, chosen_columns
from xferviewer.studies.catalogue import StudyRow

_Index = QModelIndex | QPersistentModelIndex


class WorklistModel(QAbstractTableModel):
    """Studies of the session, then a probability column for each checkpoint, then disagreement and referral.

    Reading a cell is a look-up; sorting is done by the catalogue's SQL, or on one list for the checkpoints' columns.
    """

    sort_asked = Signal(str, bool)  # order_by of the catalogue, descending

    def __init__(
        self,
        session: Session,
        numbers: LiveNumbers,
        thumbnails: Thumbnails,
        theme: Theme,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._thumbnails = thumbnails
        self._theme = theme
        self.columns: tuple[Column, ...] = chosen_columns(())
        self._studies = session.studies
        self._checkpoints: tuple[Classifier, ...] = ()
        self._known_referred: set[int] | None = None
        self._thumbnail_rows: dict[str, int] = {}  # of the studies whose thumbnails are being made, by identity
        self.hide_identity = False
        session.worklist_changed.connect(self._reset)
        session.classifiers_changed.connect(self._reset)
        session.cohort_changed.connect(self._find_referred)
        session.finding_changed.connect(self._find_referred)
        session.panes_changed.connect(self._find_referred)
        numbers.changed.connect(self._find_referred)
        thumbnails.made.connect(self._thumbnail_made)

    def set_hide_identity(self, hidden: bool) -> None:
        """Leave patients' identifiers out."""
        self.hide_identity = hidden
        self._reset()

    def set_columns(self, columns: tuple[Column, ...]) -> None:
        """Show these; what the checkpoints say stays."""
        self.columns = columns
        self._reset()

    @Slot()
    def _reset(self) -> None:
        self.beginResetModel()
        self._studies, self._checkpoints = self._session.studies, self._session.classifiers.all
        self._thumbnail_rows.clear()
        self.endResetModel()

    @Slot()
    def _find_referred(self) -> None:
        """Who is referred is found when a cell that says so is looked at: sliders move where no worklist is seen."""
        self._known_referred = None
        if self._studies:
            first = self.index(0, len(self.columns))
            self.dataChanged.emit(first, self.index(self.rowCount() - 1, self.columnCount() - 1))

    @property
    def _referred(self) -> set[int]:
        if self._known_referred is None:
            session = self._session
            self._known_referred = set(self._numbers.referral.referred_studies(session.finding, session.active))
        return self._known_referred

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a study."""
        return 0 if parent.isValid() else len(self._studies)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Fixed columns, the checkpoints, disagreement, referral."""
        return 0 if parent.isValid() else len(self.columns) + len(self._checkpoints) + 2

    def has_something_to_say(self, place: int) -> bool:
        """Whether the column so many after the catalogue's may hold a value: two checkpoints differ, one refers."""
        return len(self._checkpoints) >= (2 if place == len(self._checkpoints) else 1)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Column titles; a checkpoint's column shows its colour as a square and its name as a tool tip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        place = section - len(self.columns)
        if role == Qt.ItemDataRole.DecorationRole and 0 <= place < len(self._checkpoints):
            return swatch(style_of(place).colour)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(place)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if place < 0:
            return self.columns[section].title
        if place < len(self._checkpoints):
            return str(place + 1)
        return self.tr("differ") if place == len(self._checkpoints) else self.tr("refer")

    def _tip(self, place: int) -> str:
        if place < 0:
            return self.columns[place].tip
        if 0 <= place < len(self._checkpoints):
            kind = score_kind_text(self._session.scores.kind(self._checkpoints[place].digest))
            return f"{self._checkpoints[place].name}: {kind} of {self._session.finding}"
        if place == len(self._checkpoints):
            return self.tr("Largest difference between the checkpoints' probabilities")
        return self.tr("● the active checkpoint refers this study to an expert") if place > 0 else ""

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; the thumbnail stands in the first column."""
        if not index.isValid():
            return None
        study = self._studies[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(study, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._thumbnail(study, index.row())
        if role == Qt.ItemDataRole.TextAlignmentRole and column >= len(self.columns):
            return Qt.AlignmentFlag.AlignCenter
        if role == Qt.ItemDataRole.ForegroundRole and column == self.columnCount() - 1:
            return QColor(self._theme.warning)
        if role == Qt.ItemDataRole.ToolTipRole and 0 < column < len(self.columns):
            return self._text(study, column)  # what is too long for its column
        return None

    def _thumbnail(self, study: StudyRow, row: int) -> QPixmap | None:
        if not study.first_identity:
            return None
        found = self._thumbnails.pixmap(study.first_identity, Path(study.first_path))
        if found is None:
            self._thumbnail_rows[study.first_identity] = row  # told when it has been made
        return found

    def _text(self, study: StudyRow, column: int) -> str:
        if column == 0 and self.hide_identity:
            return self.tr("study {0}").format(study.id)
        if column < len(self.columns):
            hidden = self.hide_identity and self.columns[column].name in IDENTIFYING
            return "" if hidden else self.columns[column].text(study)
        place = column - len(self.columns)
        if place < len(self._checkpoints):
            value = self.probability(study, place)
            return short_probability_text(value) if value is not None else "…"
        if place == len(self._checkpoints):
            spread = self.disagreement(study)
            return f"{spread:.2f}" if spread is not None else ""
        return "●" if study.id in self._referred else ""

    def probability(self, study: StudyRow, place: int) -> float | None:
        """What a checkpoint says of the chosen finding in the study's first image."""
        return self._probability(study.first_identity, place)

    def disagreement(self, study: StudyRow) -> float | None:
        """The largest difference between two checkpoints' probabilities; None with fewer than two."""
        return self._disagreement(study.first_identity)

    def _probability(self, identity: str, place: int) -> float | None:
        return self._session.scores.score(self._checkpoints[place].digest, identity, self._session.finding)

    def _disagreement(self, identity: str) -> float | None:
        values = [self._probability(identity, place) for place in range(len(self._checkpoints))]
        known = [value for value in values if value is not None]
        return max(known) - min(known) if len(known) > 1 else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is not known comes last in either direction."""
        descending = order == Qt.SortOrder.DescendingOrder
        if 0 <= column < len(self.columns):
            self.sort_asked.emit(self.columns[column].name, descending)
            return
        place = column - len(self.columns)
        if column < 0 or column >= self.columnCount():
            return
        ids = self._studies.ids
        ranks = self._ranks(ids, place)
        places = np.argsort(-ranks if descending else ranks, kind="stable")  # NaN comes last either way
        self._session.set_worklist(self._studies.reordered(ids[places]))

    def _ranks(self, ids: NDArray[np.int64], place: int) -> NDArray[np.float64]:
        """What the studies are sorted by in a column beside the catalogue's: (n,), NaN where it is not known."""
        if place > len(self._checkpoints):
            return np.isin(ids, list(self._referred)).astype(np.float64)
        identities = self._studies.first_identities()
        rank = self._disagreement if place == len(self._checkpoints) else partial(self._probability, place=place)
        found = (rank(identities.get(study, "")) for study in ids.tolist())
        return np.array([np.nan if value is None else value for value in found], np.float64)

    @Slot(str)
    def _thumbnail_made(self, identity: str) -> None:
        row = self._thumbnail_rows.pop(identity, None)
        if row is not None and row < len(self._studies):
            self.dataChanged.emit(self.index(row, 0), self.index(row, 0), [Qt.ItemDataRole.DecorationRole])
