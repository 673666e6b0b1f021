"""What the numbers of a finding rest on, in words: cases, unit, kind of score; and why there are none."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import score_kind_text
from xferviewer.gui.session import Session


def why_no_numbers(session: Session, numbers: LiveNumbers, finding: str) -> str:
    """What is missing before anything can be counted for a finding, and what to do; empty when nothing is."""
    if not session.scored():
        return _tr("Open a checkpoint, or a table of predictions, to see its numbers.")
    compared = numbers.compared(finding)
    if not compared.digests:
        return _tr("Nothing that is open was trained for {0}.").format(finding)
    if finding not in session.cohort.findings:
        return _tr("No label table names {0}: open one (Ctrl+L) to see numbers.").format(finding)
    if not compared.rows.size:
        return _tr("No case has been predicted by every checkpoint yet.")
    if not compared.has_both:
        counts = _tr("{0} present, {1} absent").format(compared.n_positive, compared.n_negative)
        return _tr("{0} among the predicted cases of {1}: these numbers need both.").format(counts, finding)
    return ""


def basis(session: Session, numbers: LiveNumbers, finding: str, digests: Iterable[str] | None = None) -> str:
    """Counts, unit and kind of score: what must stand beside every number."""
    compared, cases = numbers.compared(finding), numbers.cases()
    parts = [_tr("{0} present, {1} absent").format(compared.n_positive, compared.n_negative)]
    missing = len(cases.cases) - compared.rows.size
    if missing:
        parts.append(_tr("{0} without every score").format(missing))
    if session.comparison.only is not None:
        parts.append(_tr("only {0} {1}").format(*session.comparison.only))
    unit = cases.unit if cases.unit == "image" else f"{cases.unit} ({session.comparison.aggregation})"
    parts.append(_tr("unit: {0}").format(unit))
    parts.append(_tr("score: {0}").format(score_kind(session, compared.digests if digests is None else digests)))
    return " · ".join(parts)


def score_kind(session: Session, digests: Iterable[str]) -> str:
    """The kinds of score of these checkpoints, each once."""
    kinds = dict.fromkeys(session.score_kind(digest) for digest in digests)
    return ", ".join(_tr("score of its own scale") if kind == "logit" else score_kind_text(kind) for kind in kinds)


def percent_text(share: float) -> str:
    """A share in [0, 1] as a percentage without trailing zeros: 2.5 %, 40 %."""
    return f"{100 * share:.4g} %"


def _tr(text: str) -> str:
    return QCoreApplication.translate("case_words", text)
