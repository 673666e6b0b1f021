"""The findings panel: each finding with one bar for each checkpoint, its operating point, and the truth."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QToolTip, QWidget

from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.gui.number_text import probability_text, score_kind_text
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID, Theme, small_font

_NUMBER_WIDTH = 15 * GRID
_SPREAD_WIDTH = 11 * GRID


@dataclass(frozen=True, slots=True)
class Bar:
    """What one checkpoint says of one finding in the shown image; probability None: not known yet, or not trained.

    spread  standard deviation of its members; None where it has none.
    flagged the image, or the cohort, is not as the checkpoint expects it: "⚠"; "△" where that was acknowledged
    """

    name: str
    colour: str
    probability: float | None
    threshold: float
    trained: bool
    spread: float | None = None
    flagged: str = ""

    @property
    def text(self) -> str:
        """The probability, and how far the members differ where there are some."""
        if self.probability is None:
            return ""
        beside = f" ± {self.spread:.2f}" if self.spread is not None else ""
        return f"{probability_text(self.probability)}{beside}"


class FindingsPanel(QScrollArea):
    """Scrolls the bars; the bars themselves are painted, since there are many and they change with every film."""

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = FindingBars(session, theme)
        self.setWidget(self.bars)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(48 * GRID)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the bars have it
        self._session = session
        session.finding_changed.connect(self._bring_into_view)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The chosen finding stays in view."""
        super().resizeEvent(event)
        self._bring_into_view()

    @Slot()
    def _bring_into_view(self) -> None:
        """The chosen finding may have been chosen by a key."""
        block = self.bars.block(self._session.finding)
        if block is not None:
            self.ensureVisible(0, block.bottom(), 0, 0)
            self.ensureVisible(0, block.top(), 0, 0)


class FindingBars(QWidget):
    """One block a finding, one line a checkpoint. Click a finding, or Up and Down, to look at it everywhere."""

    height_changed = Signal()

    def __init__(self, session: Session, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(self.tr("Findings and probabilities"))
        for signal in (
            session.image_changed,
            session.finding_changed,
            session.classifiers_changed,
            session.panes_changed,
            session.predictions_changed,
            session.operating_points.changed,
            session.cohort_changed,
            session.inputs.changed,
        ):
            signal.connect(self._refresh)

    def bars(self, finding: str) -> list[Bar]:
        """The bars of a finding, in the order of the checkpoints."""
        shown = self._session.shown
        result = []
        for place, compared in enumerate(self._session.classifiers.all):
            digest = compared.digest
            if self._session.classifiers.holds_probabilities(digest):  # a bar ends at 1
                result.append(
                    Bar(
                        compared.name,
                        style_of(place).colour,
                        self._session.scores.score(digest, shown.reference.identity, finding) if shown else None,
                        self._session.operating_points.threshold(digest, finding),
                        self._session.classifiers.is_trained(digest, finding),
                        self._session.scores.doubt(digest, shown.reference.identity, finding, "member-spread")
                        if shown
                        else None,
                        self._session.inputs.mark(digest),
                    )
                )
        return result

    def _meaning(self) -> str:
        kinds = dict.fromkeys(self._session.scores.kind(each.digest) for each in self._session.classifiers.all)
        named = ", ".join(score_kind_text(kind) for kind in kinds if kind != "logit")
        text = self.tr("Of each checkpoint: {0}; the upright mark is its threshold, ● lies above it.").format(named)
        if any(self._session.classifiers.has_members(each.digest) for each in self._session.classifiers.all):
            text += self.tr(" ± is the standard deviation between the members of a mean.")
        return "\n".join([text, *self._warnings()])

    def _warnings(self) -> list[str]:
        """What checkpoints do not expect of the shown image or the cohort, those of whom the same is said together."""
        said: dict[str, list[str]] = {}
        for each in self._session.classifiers.all:
            words = self._session.inputs.words(each.digest)
            if words:
                said.setdefault(words, []).append(each.name)
        return [f"⚠ {', '.join(names)}: {words}" for words, names in said.items()]

    def truth(self, finding: str) -> str:
        """What the label table says of the shown image: "present", "absent" or nothing."""
        shown = self._session.shown
        label = self._session.cohort.label(shown.reference.identity, finding) if shown is not None else None
        return {1.0: self.tr("present"), 0.0: self.tr("absent")}.get(label, "") if label is not None else ""

    @Slot()
    def _refresh(self) -> None:
        self.setMinimumHeight(self._block() * len(self._session.classifiers.findings) + GRID)
        spoken = []
        for finding in self._session.classifiers.findings:
            values = [f"{bar.name} {bar.text}" for bar in self.bars(finding) if bar.probability is not None]
            spoken.append(f"{finding}: {', '.join(values)}" if values else finding)
        spoken += self._warnings()
        self.setAccessibleDescription("; ".join(spoken))
        self.update()

    def sizeHint(self) -> QSize:
        """Wide enough for names and numbers."""
        return QSize(60 * GRID, self._block() * max(len(self._session.classifiers.findings), 3))

    def block(self, finding: str) -> QRect | None:
        """Where a finding stands."""
        findings = self._session.classifiers.findings
        if finding not in findings:
            return None
        return QRect(0, findings.index(finding) * self._block(), self.width(), self._block())

    def _line(self) -> int:
        return self.fontMetrics().height() + GRID // 2

    def _block(self) -> int:
        return self._line() * (1 + len(self._session.classifiers.all)) + 3 * GRID

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is inside the dirty rectangle."""
        painter = QPainter(self)
        findings = self._session.classifiers.findings
        if not findings:
            painter.setPen(QColor(self._theme.faint))
            painter.drawText(
                self.rect().adjusted(2 * GRID, 2 * GRID, -2 * GRID, 0),
                int(Qt.AlignmentFlag.AlignTop) | int(Qt.TextFlag.TextWordWrap),
                self.tr("No checkpoint is open. Add one under Checkpoints."),
            )
        for index, finding in enumerate(findings):
            block = QRect(0, index * self._block(), self.width(), self._block())
            if block.intersects(event.rect()):
                self._paint_finding(painter, block, finding)
        seen = self.block(self._session.finding) if self.hasFocus() else None
        if seen is not None:
            painter.setPen(QColor(self._theme.accent))
            painter.drawRect(seen.adjusted(0, 0, -1, -1))
        painter.end()

    def truth_words(self, truth: str, room: int, text: QFontMetrics) -> str:
        """What the label says, whole where `room` pixels hold it; else the one word, which the finding gives way to."""
        whole = self.tr("truth: {0}").format(truth) if truth else ""
        return whole if text.horizontalAdvance(whole) <= room else truth

    def _paint_finding(self, painter: QPainter, block: QRect, finding: str) -> None:
        theme, chosen = self._theme, finding == self._session.finding
        if chosen:
            painter.fillRect(block, QColor(theme.raised))
            painter.fillRect(QRect(block.left(), block.top(), GRID // 2, block.height()), QColor(theme.accent))
        line = QRect(block.left() + 2 * GRID, block.top() + GRID, block.width() - 4 * GRID, self._line())
        font = self.font()
        font.setBold(chosen)
        painter.setFont(font)
        name_width = painter.fontMetrics().horizontalAdvance(finding)
        painter.setFont(small_font())
        truth = self.truth(finding)
        words = self.truth_words(truth, line.width() - name_width - 2 * GRID, painter.fontMetrics())
        room = line.width() - painter.fontMetrics().horizontalAdvance(words) - (2 * GRID if words else 0)
        painter.setPen(QColor(theme.warning if truth == self.tr("present") else theme.faint))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        shown = painter.fontMetrics().elidedText(finding, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
        painter.setFont(small_font())
        for bar in self.bars(finding):
            line.translate(0, self._line())
            self._paint_bar(painter, line, bar)

    def _paint_bar(self, painter: QPainter, line: QRect, bar: Bar) -> None:
        theme = self._theme
        name_width = min(32 * GRID, 2 * line.width() // 5)
        mark = f"{bar.flagged} " if bar.flagged else ""
        mark_width = painter.fontMetrics().horizontalAdvance(mark)
        name = painter.fontMetrics().elidedText(bar.name, Qt.TextElideMode.ElideMiddle, name_width - mark_width)
        left_middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setPen(QColor(theme.warning))
        painter.drawText(QRect(line.left(), line.top(), mark_width, line.height()), left_middle, mark)
        painter.setPen(QColor(theme.faint))
        after = QRect(line.left() + mark_width, line.top(), name_width - mark_width, line.height())
        painter.drawText(after, left_middle, name)
        number_width = _NUMBER_WIDTH + (_SPREAD_WIDTH if self._has_spread() else 0)
        track = line.adjusted(name_width + GRID, GRID, -number_width, -GRID)
        painter.fillRect(track, QColor(theme.line))
        number = line.adjusted(line.width() - number_width + GRID, 0, 0, 0)
        painter.setPen(QColor(theme.text))
        if bar.probability is None:
            painter.drawText(number, left_middle, "…" if bar.trained else self.tr("n/a"))
            return
        filled = QRect(track.left(), track.top(), round(bar.probability * track.width()), track.height())
        painter.fillRect(filled, QColor(bar.colour))
        if bar.spread is not None:
            self._paint_spread(painter, track, bar.probability, bar.spread)
        at = track.left() + round(bar.threshold * track.width())
        painter.fillRect(QRect(at - 1, track.top() - GRID // 2, 2, track.height() + GRID), QColor(theme.text))
        positive = "●" if bar.probability > bar.threshold else " "
        painter.drawText(number, left_middle, f"{bar.text} {positive}")

    def _has_spread(self) -> bool:
        return any(self._session.classifiers.has_members(each.digest) for each in self._session.classifiers.all)

    def _paint_spread(self, painter: QPainter, track: QRect, probability: float, spread: float) -> None:
        """One standard deviation of the members to either side, as far as it lies within [0, 1]."""
        low, high = (
            track.left() + round(x * track.width())
            for x in (max(probability - spread, 0), min(probability + spread, 1))
        )
        painter.fillRect(QRect(low, track.center().y(), max(high - low, 1), 1), QColor(self._theme.text))
        for end in (low, high):
            painter.fillRect(QRect(end, track.top(), 1, track.height()), QColor(self._theme.text))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose the finding under the cursor."""
        findings = self._session.classifiers.findings
        index = int(event.position().y()) // self._block()
        if index < len(findings):
            self._session.set_finding(findings[index])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down choose the finding."""
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}.get(Qt.Key(event.key()))
        findings = self._session.classifiers.findings
        if step is None or not findings:
            super().keyPressEvent(event)
            return
        at = findings.index(self._session.finding) + step
        self._session.set_finding(findings[min(max(at, 0), len(findings) - 1)])

    def event(self, event: QEvent) -> bool:
        """A tool tip says what the marks mean; Up and Down are this panel's own while it has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            event.setAccepted(event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down))
        if event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(
                event.globalPos(),  # type: ignore[attr-defined]
                self._meaning(),
                self,
            )
            return True
        return super().event(event)
