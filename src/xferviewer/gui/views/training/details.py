"""What is to be read of a job beside its curves: log, receipt, specification, and in what it differs from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from xferviewer.errors import XferviewerError
from xferviewer.gui.choice_box import ChoiceBox
from xferviewer.gui.job_watch import WatchedJob
from xferviewer.gui.spec_difference import differences, flat
from xferviewer.gui.theme import GRID

_LOG_TAIL_BYTES = 8192
_NOT_FACTS = ("time", "kind", "message")


class LogTail(QPlainTextEdit):
    """The last lines of a log, scrolled to its end when it grows."""

    def __init__(self) -> None:
        super().__init__(readOnly=True)
        self.setAccessibleName(self.tr("Log of the chosen job"))

    def show_file(self, path: Path) -> None:
        """Read the end of a log; nothing while there is none."""
        text = _tail(path)
        if text != self.toPlainText():
            self.setPlainText(text)
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())


class Facts(QTextBrowser):
    """What a job told beside its epochs: its receipt, its network, the estimate, what it went on without."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Receipt of the split, network and estimate"))
        self._shown = ""

    def show_told(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        """Show the events `told` by kind."""
        titles = {
            "refused": self.tr("Images that cannot be read"), "halved batch": self.tr("Smaller batches"),
            "receipt": self.tr("Leakage receipt"), "not learned": self.tr("Not learned"),
            "no validation": self.tr("Validation"), "recipe": self.tr("Recipe"), "network": self.tr("Network"),
            "weights": self.tr("Weights"), "features": self.tr("Features"), "augmentation": self.tr("Augmentation"),
            "estimate": self.tr("Estimate"), "held out": self.tr("Held-out cohort"),
        }  # fmt: skip
        parts = [
            f"<p><b>{escape(title)}</b><br>{escape(str(told[kind].get('message', '')))}</p>{_table(told[kind])}"
            for kind, title in titles.items()
            if kind in told
        ]
        text = "".join(parts) or escape(self.tr("The job has not counted its patients yet."))
        if text != self._shown:
            self._shown = text
            self.setHtml(text)


def _table(event: Mapping[str, Any]) -> str:
    facts = flat({key: value for key, value in event.items() if key not in _NOT_FACTS})
    rows = "".join(
        f"<tr><td>{escape(key.replace('_', ' '))}&nbsp;&nbsp;&nbsp;</td><td>{escape(_grouped(value))}</td></tr>"
        for key, value in facts.items()
    )
    return f"<table>{rows}</table>"


def _grouped(value: str) -> str:
    return f"{int(value):,}" if value.isdecimal() and len(value) > 4 else value


class DifferenceTable(QWidget):
    """The keys in which the specification of a job differs from that of another one, which is chosen here."""

    def __init__(self) -> None:
        super().__init__()
        self._job: WatchedJob | None = None
        self._others: dict[str, WatchedJob] = {}
        self.other: ChoiceBox[str] = ChoiceBox(self.tr("The other job"), stretches=True)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(self.tr("Differences of the specifications"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * GRID)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.other.activated.connect(self._compare)
        top = QHBoxLayout()
        top.addWidget(QLabel(self.tr("compared with")))
        top.addWidget(self.other, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID, GRID, GRID, GRID)
        layout.addLayout(top)
        layout.addWidget(self.words)
        layout.addWidget(self.table, 1)

    def show_job(self, job: WatchedJob, others: Sequence[WatchedJob]) -> None:
        """Compare a job with one of the others; the one below it in the list first, which is the one before it."""
        names = [each.name for each in others if each.name != job.name]
        place = next((place for place, each in enumerate(others) if each.name == job.name), 0)
        before = next((each.name for each in others[place + 1 :]), names[0] if names else "")
        same = self._job is not None and self._job.name == job.name and names == list(self._others)
        self._job, self._others = job, {each.name: each for each in others if each.name != job.name}
        if same:
            return
        self.other.offer([(name, name) for name in names], before)
        self.other.setEnabled(bool(names))
        self._compare()

    @Slot()
    def _compare(self) -> None:
        other = self._others.get(self.other.value or "")
        self.table.setRowCount(0)
        if self._job is None or other is None:
            self.words.setText(self.tr("There is no other job to compare it with."))
            return
        try:
            found = differences(self._job.folder.spec(), other.folder.spec())
        except XferviewerError as error:
            self.words.setText(str(error))
            return
        self.words.setText(self.tr("Keys that differ: {0}").format(len(found)) if found else self.tr("They are equal."))
        self.table.setHorizontalHeaderLabels([self.tr("key"), self._job.name, other.name])
        self.table.setRowCount(len(found))
        for row, difference in enumerate(found):
            for column, text in enumerate((difference.key, difference.one, difference.other)):
                item = QTableWidgetItem(text or "–")
                item.setToolTip(text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)


def _tail(path: Path) -> str:
    """The last lines of a log; empty while there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _LOG_TAIL_BYTES, 0))
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
