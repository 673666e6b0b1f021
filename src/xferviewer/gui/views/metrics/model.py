"""Rows and columns of the table finding × checkpoint."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Slot

from xferviewer.evaluation.roc import AucInterval
from xferviewer.evaluation.seed_groups import SeedSummary, summarise_seeds
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.columns import Classifier
from xferviewer.gui.live_numbers import Difference, LiveNumbers
from xferviewer.gui.number_text import difference_text, interval_text, p_text, rate_text, score_kind_text
from xferviewer.gui.seed_groups import SeedGroup, seed_groups
from xferviewer.gui.session import Session
from xferviewer.gui.theme import swatch

_Index = QModelIndex | QPersistentModelIndex
BEST = "★"
SEEN = "⚠ "


class MetricsTableModel(QAbstractTableModel):
    """Rows: findings, then their mean. Columns: cases with and without the finding, what is compared, seed groups."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._findings: list[str] = []
        self._scored: tuple[Classifier, ...] = ()
        self._groups: list[SeedGroup] = []
        self._words = ""
        self._sorted_by = -1
        self._order = Qt.SortOrder.DescendingOrder
        session.classifiers_changed.connect(self._reset)

    @Slot()
    def _reset(self) -> None:
        self.beginResetModel()
        self._scored = self._session.classifiers.all
        self._groups = seed_groups(self._scored)
        self._findings = self._arranged()
        self.endResetModel()

    def _arranged(self) -> list[str]:
        """The findings that hold the words searched for, sorted; what is not known comes last."""
        words = self._words.casefold().split()
        findings = [f for f in self._session.classifiers.findings if all(word in f.casefold() for word in words)]
        place = self._sorted_by
        if not 0 <= place < self.columnCount():
            return findings
        ranks = {finding: self._rank(finding, place) for finding in findings}
        known = [finding for finding in findings if not math.isnan(ranks[finding])]
        known.sort(key=ranks.__getitem__, reverse=self._order == Qt.SortOrder.DescendingOrder)
        return known + [finding for finding in findings if math.isnan(ranks[finding])]

    def _rank(self, finding: str, column: int) -> float:
        if column == 0:
            return float(self._numbers.compared(finding).n_positive)
        if column <= len(self._scored):
            interval = self._numbers.auc(finding, self._scored[column - 1].digest)
            return math.nan if interval is None else interval.auc
        return self._seeds(finding, self._groups[column - 1 - len(self._scored)]).mean

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By AUC, or by the number of cases with the finding; column -1: as the checkpoints name the findings."""
        self._sorted_by, self._order = column, order
        self._reset()

    def search(self, words: str) -> None:
        """Show the findings whose names hold all these words."""
        self._words = words
        self._reset()

    @Slot()
    def refresh(self) -> None:
        """The numbers changed, not the rows and columns."""
        if self.rowCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))

    def finding_at(self, row: int) -> str:
        """The finding of a row; empty for the row of means."""
        return self._findings[row] if 0 <= row < len(self._findings) else ""

    def row_of(self, finding: str) -> int:
        """The row of a finding, -1 where it is not shown."""
        return self._findings.index(finding) if finding in self._findings else -1

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        """One row a finding, and one for their mean."""
        return 0 if parent.isValid() or not self._findings else len(self._findings) + 1

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Cases, what is compared, groups of seeds."""
        return 0 if parent.isValid() else 1 + len(self._scored) + len(self._groups)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Names of findings and checkpoints; a square of its colour stands before a checkpoint."""
        if orientation == Qt.Orientation.Vertical:
            if role != Qt.ItemDataRole.DisplayRole:
                return None
            return self.finding_at(section) or self.tr("mean over findings")
        if section == 0:
            return self.tr("present / absent") if role == Qt.ItemDataRole.DisplayRole else None
        if section > len(self._scored):
            return self._group_header(self._groups[section - 1 - len(self._scored)], role)
        compared = self._scored[section - 1]
        if role == Qt.ItemDataRole.DisplayRole:
            reference = len(self._scored) > 1 and compared.digest == self._numbers.reference
            seen = SEEN if any(self._session.n_seen(compared.digest)) else ""
            return seen + compared.name + (self.tr(" · ref.") if reference else "")
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join([compared.title, *self._warnings(compared.digest)])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter  # beside its square
        return swatch(style_of(section - 1).colour) if role == Qt.ItemDataRole.DecorationRole else None

    def _warnings(self, digest: str) -> list[str]:
        """What must be known before its numbers are believed."""
        training, validation = self._session.n_seen(digest)
        n, warnings = len(self._session.cohort), []
        if training:
            warnings.append(self.tr("⚠ It was trained on {0} of these {1} images.").format(training, n))
        if validation:
            warnings.append(self.tr("⚠ {0} of these {1} images chose its best epoch.").format(validation, n))
        return warnings

    def _group_header(self, group: SeedGroup, role: int) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            return self.tr("{0}: {1} seeds").format(group.name, len(group.digests))
        if role == Qt.ItemDataRole.ToolTipRole:
            names = [each.name for each in self._scored if each.digest in group.digests]
            return self.tr("Mean AUC (standard deviation over the runs) of {0}").format(", ".join(names))
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text; its tool tip says what the numbers are and rest on."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        finding, column = self.finding_at(index.row()), index.column()
        if not finding:
            return self._mean(column) if role == Qt.ItemDataRole.DisplayRole else None
        compared = self._numbers.compared(finding)
        if column == 0:
            return f"{compared.n_positive} / {compared.n_negative}"
        if not self._numbers.is_known(finding):
            return "…"
        if column > len(self._scored):
            return self._group_text(self._seeds(finding, self._groups[column - 1 - len(self._scored)]))
        digest = self._scored[column - 1].digest
        interval = self._numbers.auc(finding, digest)
        if interval is None:
            trained = self._session.classifiers.is_trained(digest, finding)
            return self.tr("no scores here") if trained else self.tr("not trained")
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(finding, digest, interval)
        return self._cell(finding, digest, interval)

    def _cell(self, finding: str, digest: str, interval: AucInterval) -> str:
        best = f"{BEST} " if self._numbers.best(finding) == digest else ""
        lines = [best + interval_text(interval.auc, interval.lower, interval.upper)]
        if self._session.referral_rate > 0 and interval.n_positive and interval.n_negative:
            retained = self._numbers.referral.retained_auc(finding, digest)
            lines.append(self.tr("kept {0}").format(interval_text(retained.auc, retained.lower, retained.upper)))
        difference = self._numbers.difference(finding, digest)
        if difference is not None:
            lines.append(_difference_line(difference))
        return "\n".join(lines)

    def _tip(self, finding: str, digest: str, interval: AucInterval) -> str:
        cases = self._numbers.cases()
        kind = score_kind_text(self._session.scores.kind(digest))
        lines = [
            self.tr("AUC with 95 % DeLong interval; {0} present, {1} absent; unit: {2}; {3}").format(
                interval.n_positive, interval.n_negative, cases.unit, kind
            )
        ]
        if interval.degenerate:
            lines.append(self.tr("The variance is estimated as zero: the interval says nothing."))
        difference = self._numbers.difference(finding, digest)
        if difference is not None:
            test = difference.test
            lines.append(
                self.tr("Δ to the reference, paired DeLong: z {0}, p {1}, adjusted for the table {2}").format(
                    f"{test.z:.2f}", p_text(test.p_value), p_text(difference.p_adjusted)
                )
            )
        if self._numbers.best(finding) == digest:
            lines.append(self.tr("★ larger than each other's AUC by the paired test, p < .05 (Holm over all pairs)"))
        return "\n".join(lines)

    def _seeds(self, finding: str, group: SeedGroup) -> SeedSummary:
        found = {digest: self._numbers.auc(finding, digest) for digest in group.digests}
        return summarise_seeds({digest: interval.auc for digest, interval in found.items() if interval is not None})

    def _group_text(self, seeds: SeedSummary) -> str:
        if seeds.n < 2:
            return rate_text(seeds.mean)
        return self.tr("{0} (SD {1}, {2} runs)").format(rate_text(seeds.mean), rate_text(seeds.sd, 4), seeds.n)

    def _mean(self, column: int) -> str:
        if not all(map(self._numbers.is_known, self._session.classifiers.findings)):
            return "…"
        if 1 <= column <= len(self._scored):
            mean, n_defined, n_all = self._numbers.mean_auc(self._scored[column - 1].digest)
            return self.tr("{0} over {1} of {2}").format(rate_text(mean), n_defined, n_all)
        if column > len(self._scored):
            group = self._groups[column - 1 - len(self._scored)]
            return self._group_text(summarise_seeds({d: self._numbers.mean_auc(d)[0] for d in group.digests}))
        return ""


def _difference_line(difference: Difference) -> str:
    test = difference.test
    return f"Δ {difference_text(test.difference, test.lower, test.upper)} p {p_text(difference.p_adjusted)}"
