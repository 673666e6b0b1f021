"""The referral line at the bottom of the window: how many cases go to an expert, and what that does."""

from __future__ import annotations

from functools import partial
from html import escape

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QSpinBox, QVBoxLayout, QWidget

from xferviewer.evaluation.hand_over import ThresholdRule
from xferviewer.evaluation.operating_points import at_sensitivity, youden
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.live_points import choose_points
from xferviewer.gui.number_text import interval_text
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID

_TARGET_SENSITIVITY = 0.95


class ReferralBar(QWidget):
    """The referral slider, the threshold of the active checkpoint, and the retained rates with their intervals."""

    def __init__(self, session: Session, numbers: LiveNumbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._numbers = numbers
        self._showing = False
        self.rate = QSlider(Qt.Orientation.Horizontal)
        self.rate.setMaximum(100)
        self.rate.setAccessibleName(self.tr("Referral rate"))
        self.rate_number = QSpinBox(maximum=100, suffix=" %")
        self.rate_number.setAccessibleName(self.tr("Referral rate in percent"))
        self.measure = QComboBox()
        self.measure.setAccessibleName(self.tr("What makes a case uncertain"))
        self._offer_measures()
        self.threshold = QSlider(Qt.Orientation.Horizontal)
        self.threshold.setMaximum(1000)
        self.threshold.setAccessibleName(self.tr("Threshold of the active checkpoint"))
        self.threshold_text = QLabel()
        self.youden = QPushButton(self.tr("Youden"))
        self.youden.setToolTip(
            self.tr("For every checkpoint: the threshold of the largest sensitivity + specificity on these cases")
        )
        self.sensitive = QPushButton(self.tr("95 % sensitive"))
        self.sensitive.setToolTip(
            self.tr("For every checkpoint: the highest threshold with sensitivity of at least 95 % on these cases")
        )
        self.summary = QLabel()
        self.summary.setTextFormat(Qt.TextFormat.RichText)
        self.summary.setWordWrap(True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._lay_out()
        self.rate.valueChanged.connect(self._rate_moved)
        self.rate_number.valueChanged.connect(self._rate_moved)
        self.measure.currentIndexChanged.connect(self._measure_chosen)
        self.threshold.valueChanged.connect(self._threshold_moved)
        self.youden.clicked.connect(self._choose_youden)
        self.sensitive.clicked.connect(self._choose_sensitive)
        session.panes_changed.connect(self._show)
        session.classifiers_changed.connect(self._offer_members)
        session.finding_changed.connect(self._show)
        numbers.changed.connect(self._show)
        self._offer_members()
        self._show()

    def _offer_measures(self) -> None:
        for name, text, tip in (
            ("finding", self.tr("uncertain: near threshold"), self.tr("Distance of this finding to its threshold")),
            (
                "probability",
                self.tr("uncertain: near 0.5"),
                self.tr(
                    "Distance of this finding's probability to 0.5; for one finding the largest class probability, "
                    "the margin between the two and the entropy give the same order"
                ),
            ),
            ("case", self.tr("uncertain: whole case"), self.tr("Mean over findings of the distance to 0.5")),
            ("entropy", self.tr("uncertain: entropy"), self.tr("Mean over findings of the entropy in bit")),
            (
                "spread",
                self.tr("uncertain: they differ"),
                self.tr("Standard deviation of the compared checkpoints' scores of this finding"),
            ),
            ("member-spread", self.tr("uncertain: members differ"), ""),
            ("mutual-information", self.tr("uncertain: information"), ""),
        ):
            self.measure.addItem(text, name)
            self.measure.setItemData(self.measure.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _lay_out(self) -> None:
        controls = QHBoxLayout()
        controls.setSpacing(2 * GRID)
        controls.addWidget(QLabel(self.tr("refer the most uncertain")))
        controls.addWidget(self.rate, 2)
        controls.addWidget(self.rate_number)
        controls.addWidget(self.measure)
        controls.addSpacing(4 * GRID)
        controls.addWidget(self.threshold_text)
        controls.addWidget(self.threshold, 2)
        controls.addWidget(self.youden)
        controls.addWidget(self.sensitive)
        self._below = QHBoxLayout()
        self._below.addWidget(self.summary, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID // 2, 2 * GRID, GRID // 2)
        layout.setSpacing(GRID // 2)
        layout.addLayout(controls)
        layout.addLayout(self._below)

    def add_beside_summary(self, widget: QWidget) -> None:
        """Put a widget at the end of the second line: the window has no line to spare for a status bar."""
        self._below.addWidget(widget)

    @Slot()
    def _offer_members(self) -> None:
        """What rests on the members of columns can be chosen where some column has members."""
        there = any(self._session.classifiers.has_members(each.digest) for each in self._session.classifiers.all)
        model = self.measure.model()
        for name, meaning in (
            ("member-spread", self.tr("Standard deviation between the members of a column")),
            ("mutual-information", self.tr("Mutual information between finding and member, in bit")),
        ):
            place = self.measure.findData(name)
            tip = self.tr("{0}; a plain checkpoint refers by the distance to its threshold").format(meaning)
            if not there:
                tip = self.tr("{0}: nothing compared has members. Add a column under Checkpoints.").format(meaning)
            self.measure.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
            if isinstance(model, QStandardItemModel):
                model.item(place).setEnabled(there)

    @Slot(int)
    def _rate_moved(self, percent: int) -> None:
        if not self._showing:
            self._session.set_referral_rate(percent / 100)

    @Slot(int)
    def _measure_chosen(self, index: int) -> None:
        if not self._showing:
            self._session.set_uncertainty(self.measure.itemData(index))

    @Slot(int)
    def _threshold_moved(self, value: int) -> None:
        if not self._showing and self._session.active:
            low, high = self._numbers.score_range(self._session.finding, self._session.active)
            self._session.operating_points.choose(
                self._session.finding, {self._session.active: low + (high - low) * value / 1000}
            )

    @Slot()
    def _choose_youden(self) -> None:
        self._choose(youden)

    @Slot()
    def _choose_sensitive(self) -> None:
        self._choose(partial(at_sensitivity, target=_TARGET_SENSITIVITY))

    def _choose(self, rule: ThresholdRule) -> None:
        finding = self._session.finding
        choose_points(self._session, self._numbers, finding, self._numbers.compared(finding).digests, rule)

    @Slot()
    def _show(self) -> None:
        session = self._session
        self._showing = True
        percent = round(100 * session.referral_rate)
        self.rate.setValue(percent)
        self.rate_number.setValue(percent)
        self.measure.setCurrentIndex(self.measure.findData(session.uncertainty))
        threshold = session.operating_points.threshold(session.active, session.finding)
        low, high = self._numbers.score_range(session.finding, session.active)
        self.threshold.setValue(round(1000 * (threshold - low) / (high - low)))
        self.threshold.setEnabled(bool(session.active))
        self._showing = False
        letter = "p" if session.classifiers.holds_probabilities(session.active) else self.tr("score")
        self.threshold_text.setText(self.tr("threshold {0} > {1}").format(letter, f"{threshold:.3f}"))
        self.summary.setText(self._summary())

    def _summary(self) -> str:
        session = self._session
        compared = self._numbers.compared(session.finding)
        checkpoint = session.classifiers.find(session.active)
        if checkpoint is None or session.active not in compared.digests or not compared.rows.size:
            return ""
        state = self._numbers.referral.state(session.finding)
        at = compared.digests.index(session.active)
        referred = self.tr("{0} of {1} to an expert").format(state.n_referred, len(compared.rows))
        if not compared.n_positive or not compared.n_negative:
            return f"{escape(checkpoint.name)}: {referred}"
        sensitivity = interval_text(
            float(state.sensitivity[at]), float(state.sensitivity_lower[at]), float(state.sensitivity_upper[at]), 2
        )
        specificity = interval_text(
            float(state.specificity[at]), float(state.specificity_lower[at]), float(state.specificity_upper[at]), 2
        )
        among_them = self.tr("{0} with the finding").format(int(state.referred_positive[at]))
        rates = self.tr("retained: sensitivity <b>{0}</b> · specificity <b>{1}</b>").format(sensitivity, specificity)
        return f"<b>{escape(checkpoint.name)}</b>: {referred} ({among_them}) · {rates}"
