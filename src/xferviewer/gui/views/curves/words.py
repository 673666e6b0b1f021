"""What the curves rest on, and why there are none, in words."""

from __future__ import annotations

import math
from html import escape

from PySide6.QtCore import QCoreApplication

from xferviewer.evaluation.intervals import Proportion
from xferviewer.gui import case_words
from xferviewer.gui.live_curves import Lack
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import rate_text
from xferviewer.gui.session import Session


def _tr(text: str) -> str:
    return QCoreApplication.translate("curves", text)


def why_nothing(session: Session, numbers: LiveNumbers) -> str:
    """Why no checkpoint has a curve for the chosen finding, and what to do; empty where one may have."""
    finding = session.finding
    compared = numbers.compared(finding)
    if not finding or not compared.digests:
        return _tr("Open a checkpoint to see its ROC curve.")
    if finding not in session.cohort.findings:
        return _tr("No label table names {0}: open one (Ctrl+L) to see its curves.").format(finding)
    if not compared.rows.size:
        return _tr("No case has been predicted by every checkpoint yet.")
    if not compared.n_positive:
        return _tr("None of the {0} cases has {1}: a curve needs cases with and without it.").format(
            len(compared.rows), finding
        )
    if not compared.n_negative:
        return _tr("All of the cases with a label have {0}: a curve needs cases with and without it.").format(finding)
    return ""


def lack_text(lack: Lack) -> str:
    """Why one checkpoint has no curve."""
    return {
        Lack.TRAINING: _tr("not trained for this finding"),
        Lack.CALIBRATION: _tr("not calibrated for this finding"),
        Lack.SCORES: _tr("no scores of these cases yet"),
        Lack.POSITIVES: _tr("no case with the finding"),
        Lack.NEGATIVES: _tr("no case without the finding"),
        Lack.SPREAD: _tr("all its scores are the same"),
        Lack.PROBABILITIES: _tr("its scores are no probabilities"),
    }[lack]


def basis(session: Session, numbers: LiveNumbers) -> str:
    """The finding and what its numbers rest on, as rich text; empty without a labelled finding."""
    finding = session.finding
    compared = numbers.compared(finding)
    if not compared.digests or finding not in session.cohort.findings:
        return ""
    return f"<b>{escape(finding)}</b> · {escape(case_words.basis(session, numbers, finding))}"


def threshold_text(threshold: float) -> str:
    """A threshold: three decimals where it can be a probability, else four digits."""
    return rate_text(threshold) if 0 <= threshold <= 1 else f"{threshold:.4g}".replace("-", "−")


def interval_lines(value: float, lower: float, upper: float) -> str:
    """A rate over its interval."""
    text = rate_text(value)
    return text if math.isnan(lower) or math.isnan(upper) else f"{text}\n[{rate_text(lower)}, {rate_text(upper)}]"


def proportion_lines(proportion: Proportion) -> str:
    """A rate over what it is of."""
    return f"{rate_text(proportion.value)}\n{proportion.successes:,}/{proportion.trials:,}"


def signed_text(value: float, digits: int) -> str:
    """A number that may be below 0 or above 1."""
    text = rate_text(abs(value), digits)
    return f"−{text}" if value < 0 and float(text) else text
