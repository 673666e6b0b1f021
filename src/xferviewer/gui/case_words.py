"""What the numbers of a finding rest on, in words: cases, unit, kind of score; and why there are none."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QCoreApplication

from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.number_text import score_kind_text
from xferviewer.gui.session import Session


def why_no_numbers(session: Session, numbers: LiveNumbers, finding: str) -> str:
    """What is missing before anything can be counted for a finding, and what to do; empty when nothing is."""
    if not session.classifiers.all:
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
    """Counts, cases, split, unit and kind of score: what must stand beside every number. Plain text."""
    compared = numbers.compared(finding)
    counts = _tr("{0} present, {1} absent").format(f"{compared.n_positive:,}", f"{compared.n_negative:,}")
    unstated = len(compared.rows) - compared.n_positive - compared.n_negative
    if unstated:
        counts += _tr(", {0} not stated").format(f"{unstated:,}")
    missing = len(numbers.cases().cases) - len(compared.rows)
    if missing:
        counts += _tr("; {0} without a score of every checkpoint").format(f"{missing:,}")
    of = tuple(compared.digests if digests is None else digests)
    return " · ".join((counts, *cohort_words(session, numbers), score_kinds(session, of)))


def cohort_words(session: Session, numbers: LiveNumbers) -> list[str]:
    """The cohort's name, the filter, the split and the unit."""
    words = [session.cohort.name] if session.cohort.name else []
    if session.comparison.only is not None:
        words.append(_tr("only {0} = {1}").format(*session.comparison.only))
    cases = numbers.cases()
    splits = numbers.facts().splits
    if len(splits) == 1:
        words.append(_tr("split: {0}").format(next(iter(splits))))
    elif splits:
        words.append(_tr("splits: {0}").format(", ".join(f"{name} {n:,}" for name, n in splits.items())))
    if numbers.why_no_unit:
        words.append(_tr("not by {0}: {1}").format(session.comparison.unit, numbers.why_no_unit))
    of_images = "" if cases.unit == "image" else _tr(", {0} of its images").format(session.comparison.aggregation)
    return [*words, _tr("unit: {0}").format(cases.unit) + of_images]


def score_kinds(session: Session, digests: Iterable[str]) -> str:
    """The kinds of score of these checkpoints, each once."""
    kinds = dict.fromkeys(session.scores.kind(digest) for digest in digests)
    return ", ".join(_tr("score of its own scale") if kind == "logit" else score_kind_text(kind) for kind in kinds)


def percent_text(share: float) -> str:
    """A share in [0, 1] as a percentage without trailing zeros: 2.5 %, 40 %."""
    return f"{100 * share:.4g} %"


def _tr(text: str) -> str:
    return QCoreApplication.translate("case_words", text)
