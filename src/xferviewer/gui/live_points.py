"""What each checkpoint does at its operating point on what it keeps, which cases are behind a count, and the rules that
choose a point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.hand_over import ThresholdRule
from xferviewer.evaluation.operating_points import Confusion
from xferviewer.gui.comparison import ThresholdOrigin
from xferviewer.gui.live_numbers import LiveNumbers
from xferviewer.gui.session import Session

Count = Literal["referred", "retained", "true positive", "false negative", "false positive", "true negative"]
"""What may be counted at an operating point. The first two also count cases without a label."""


@dataclass(frozen=True, slots=True)
class PointCounts:
    """One checkpoint at its threshold and the session's referral rate.

    n_referred, n_retained  cases, with those whose label is not stated
    confusion               of the retained cases whose label is stated
    referred                of the referred ones, cases with and without the finding
    """

    digest: str
    threshold: float
    n_referred: int
    n_retained: int
    confusion: Confusion
    referred: tuple[int, int]


def point_counts(numbers: LiveNumbers, finding: str) -> list[PointCounts]:
    """The counts of every compared checkpoint, in their order."""
    compared, state = numbers.compared(finding), numbers.referral.state(finding)
    n_negative, points = compared.n_negative, []
    for at, (digest, threshold) in enumerate(zip(compared.digests, numbers.thresholds(finding), strict=True)):
        counts = (state.true_positive, state.false_positive, state.true_negative, state.false_negative)
        confusion = Confusion(*(int(count[at]) for count in counts))
        kept_negative = confusion.true_negative + confusion.false_positive
        referred = int(state.referred_positive[at]), n_negative - kept_negative
        points.append(PointCounts(digest, threshold, state.n_referred, state.n_retained, confusion, referred))
    return points


def rows_of(numbers: LiveNumbers, finding: str, digest: str, count: Count) -> NDArray[np.intp]:
    """The cases behind a count, by their rows of `numbers.cases()`: the most surprising first.

    Referred: the most uncertain first. Called positive: the highest score first; called negative: the lowest first.
    """
    if count == "referred":
        return numbers.referral.referred_rows(finding, digest)
    compared, kept = numbers.compared(finding), numbers.referral.kept(finding, digest)
    if count == "retained":
        return compared.rows[kept]
    place = compared.digests.index(digest)
    scores = compared.scores[place]
    called = scores > numbers.thresholds(finding)[place]
    wanted = compared.labels == (0 if count in ("false positive", "true negative") else 1)
    positive_call = count in ("true positive", "false positive")
    chosen = np.flatnonzero(kept & wanted & (called == positive_call))
    order = np.argsort(-scores[chosen] if positive_call else scores[chosen], kind="stable")
    return compared.rows[chosen[order]]


def choose_points(
    session: Session, numbers: LiveNumbers, finding: str, digests: Iterable[str], rule: ThresholdRule
) -> None:
    """Set the operating points of checkpoints: to a threshold, or by a rule on all compared cases.

    The cases that a rule saw are kept with the threshold: on them it looks better than it is.
    """
    compared = numbers.compared(finding)
    chosen = [digest for digest in digests if digest in compared.digests]
    if not callable(rule):
        session.operating_points.choose(finding, dict.fromkeys(chosen, rule))
        return
    points = {digest: rule(numbers.curve(finding, digest)) for digest in chosen}
    found = {digest: point for digest, point in points.items() if point is not None}
    for name in dict.fromkeys(point.rule for point in found.values()):
        thresholds = {digest: point.threshold for digest, point in found.items() if point.rule == name}
        session.operating_points.choose(finding, thresholds, origin_here(session, name))


def origin_here(session: Session, rule: str) -> ThresholdOrigin:
    """A rule applied to the cases that are looked at now."""
    return ThresholdOrigin(rule, session.cohort.name, session.comparison.only)


def chosen_on_these(session: Session, finding: str, digest: str) -> bool:
    """The operating point was chosen on the very cases that are looked at now, or on some of them."""
    origin = session.operating_points.origin(digest, finding)
    if origin is None or not origin.cohort or origin.cohort != session.cohort.name:
        return False
    only = session.comparison.only
    disjoint = only is not None and origin.only is not None and only[0] == origin.only[0] and only[1] != origin.only[1]
    return not disjoint
