"""Which findings all that is compared has scores for, and which are left out of the comparison because it has not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A finding that is not compared between all, and the names of those that have no scores for it."""

    finding: str
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommonFindings:
    """Findings by their common names (`checkpoints.vocabulary`), in the order of the first that names them."""

    common: tuple[str, ...]
    left_out: tuple[LeftOut, ...]

    def sentences(self) -> list[str]:
        """One sentence about what is left out, or none."""
        if not self.left_out:
            return []
        named = "; ".join(f"{each.finding} (not of {', '.join(each.without)})" for each in self.left_out)
        over = ", ".join(self.common) or "no finding"
        return [f"Not every checkpoint has scores for {named}. All are compared over {over}."]


def common_findings(having: Mapping[str, Collection[str]]) -> CommonFindings:
    """From the findings that each has scores for, by its name; of a single one all are common."""
    findings = list(dict.fromkeys(finding for each in having.values() for finding in each))
    without = {finding: tuple(name for name, own in having.items() if finding not in own) for finding in findings}
    return CommonFindings(
        tuple(finding for finding in findings if not without[finding]),
        tuple(LeftOut(finding, names) for finding, names in without.items() if names),
    )
