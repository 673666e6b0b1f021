"""What is said below a figure that leaves the window."""

from __future__ import annotations

from collections.abc import Sequence

from xferviewer.exchange.curve_plot import Caption
from xferviewer.gui.case_words import score_kinds
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session


def names_of(session: Session) -> dict[str, str]:
    """The names of all that is compared, by digest; those that several share are told apart by their place."""
    names = [each.name for each in session.classifiers.all]
    return {
        each.digest: each.name if names.count(each.name) == 1 else f"{each.name} ({place})"
        for place, each in enumerate(session.classifiers.all, 1)
    }


def caption_of(
    session: Session, numbers: LiveNumbers, finding: str, digests: Sequence[str], explanation: str
) -> Caption:
    """The caption of a figure of these checkpoints, with the cohort, the filter and the unit that are chosen."""
    compared, names = numbers.compared(finding), names_of(session)
    counts = compared.n_positive, compared.n_negative
    unit, cohort = str(numbers.cases().unit), session.cohort.name
    if unit != "image":
        unit += f" ({session.comparison.aggregation} of its images)"
    if session.comparison.only is not None:
        column, value = session.comparison.only
        cohort += f" ({column} = {value} only)"
    return Caption(
        finding,
        unit,
        {names[digest]: counts for digest in digests},
        {names[digest]: score_kinds(session, (digest,)) for digest in digests},
        cohort,
        "",
        explanation,
    )
