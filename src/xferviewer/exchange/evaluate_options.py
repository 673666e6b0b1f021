"""The options of `xferviewer evaluate` as they are written, what they mean for a cohort, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from xferviewer.checkpoints.vocabulary import folded
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.aggregation import Aggregation
from xferviewer.evaluation.choices import Adjustment, CaseRule, EvaluationChoices, OperatingRule, ReferralMeasure
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.resolved_labels import UncertainPolicy
from xferviewer.evaluation.tables import LabelTable
from xferviewer.evaluation.units import Unit

FigureFormat = Literal["svg", "pdf", "png"]
TableFormat = Literal["csv", "latex"]


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """The words of a command line, with their defaults; what is not given chooses nothing.

    by                COLUMN, or COLUMN+COLUMN for crossed groups.
    where             COLUMN=VALUE.
    findings          FINDING, or several with commas between them.
    same              NAME=NAME: these mean the same finding, beside the published synonyms.
    thresholds        VALUE, FINDING=VALUE or CHECKPOINT:FINDING=VALUE; the most specific one counts.
    operating_point   of what has no threshold: "youden", "sensitivity:RATE", "specificity:RATE" or a threshold; "" is
                      the default threshold.
    figures, tables   formats to write.
    notes             sentences for the reader of the report, which no table says.
    """

    unit: Unit = "image"
    aggregation: Aggregation = "max"
    uncertain: UncertainPolicy = "ignore"
    level: float = 0.95
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    cases: CaseRule = "each"
    reference: str = ""
    adjust: Adjustment = "holm"
    thresholds: tuple[str, ...] = ()
    operating_point: str = ""
    referral_rate: float = 0.0
    uncertainty: ReferralMeasure = "finding"
    figures: tuple[FigureFormat, ...] = ()
    tables: tuple[TableFormat, ...] = ()
    notes: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """The options as words of a command line, without those that are at their defaults.

        Each value stands in one word with its option, so that one that begins with a hyphen is none.
        """
        default = EvaluateOptions()
        single = [
            f"--{name.replace('_', '-')}={value}"
            for name in ("unit", "aggregation", "uncertain", "level", "cases", "reference", "adjust",
                         "operating_point", "referral_rate", "uncertainty")
            if (value := getattr(self, name)) != getattr(default, name)
        ]  # fmt: skip
        several = [
            f"--{option}={value}"
            for option, values in (
                ("by", self.by), ("where", self.where), ("findings", self.findings), ("same", self.same),
                ("threshold", self.thresholds), ("note", self.notes),
            )
            for value in values
        ]  # fmt: skip
        formats = [
            f"--{option}={','.join(values)}"
            for option, values in (("figures", self.figures), ("tables", self.tables))
            if values
        ]
        return [*single, *several, *formats]

    def check(self) -> None:
        """Raise UnusableChoice for a value that no cohort could make sense of."""
        if not 0 < self.level < 1:
            raise UnusableChoice(
                f"The level {self.level} is none.", "A confidence level lies between 0 and 1.", "Give --level 0.95."
            )
        if not 0 <= self.referral_rate <= 1:
            raise UnusableChoice(
                f"The referral rate {self.referral_rate} is none.",
                "It is the share of the cases that goes to an expert, from 0 to 1.",
                "Give --referral-rate 0.15 for 15 %.",
            )
        if self.operating_point and any(_number(text) is not None for text in self.thresholds):
            raise UnusableChoice(
                "A threshold for everything and an operating point were given.",
                "An operating point is a rule that finds the thresholds that are not named.",
                "Give --threshold or --operating-point, or thresholds of some findings.",
            )
        if self.adjust != "holm" and not self.reference:
            raise UnusableChoice(
                "There is nothing to adjust.",
                "--adjust is about the differences to a reference, and none was named.",
                "Name a checkpoint with --reference.",
            )
        operating_rule(self.operating_point)

    def columns(self, labels: LabelTable) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, str], ...]]:
        """What to group by and which cases to keep, in the columns of a table of labels.

        Raises UnusableTable for a column that it does not have, UnusableChoice for words without a value.
        """
        by = tuple(_crossed(text, labels) for text in self.by)
        return by, tuple(_condition(text, labels) for text in self.where)

    def choices(
        self, cohort: Cohort, by: tuple[tuple[str, ...], ...], where: tuple[tuple[str, str], ...]
    ) -> EvaluationChoices:
        """What the options mean for a cohort. Raises UnusableChoice for a name that it does not have."""
        findings = tuple(name for text in self.findings for name in _findings(text, cohort.findings))
        return EvaluationChoices(
            cohort.unit,
            self.aggregation,
            self.level,
            by,
            where,
            tuple(dict.fromkeys(findings)),
            self.cases,
            _named(self.reference, cohort.checkpoints, "checkpoint", "--reference") if self.reference else "",
            self.adjust,
            operating_rule(self.operating_point),
            dict(_threshold(text, cohort) for text in self.thresholds),
            self.referral_rate,
            self.uncertainty,
        )


def operating_rule(text: str) -> OperatingRule:
    """The rule of "youden", "sensitivity:0.95", "specificity:0.9" or "0.5"; "" is the default threshold.

    Raises UnusableChoice for anything else.
    """
    if not text:
        return OperatingRule()
    if text == "youden":
        return OperatingRule("youden")
    name, _, number = text.rpartition(":")
    value = _number(number)
    if value is not None and not name:
        return OperatingRule("fixed", value)
    if value is not None and 0 <= value <= 1:
        if name == "sensitivity":
            return OperatingRule("sensitivity", value)
        if name == "specificity":
            return OperatingRule("specificity", value)
    raise UnusableChoice(
        f"{text} is no operating point.",
        "It is youden, sensitivity:RATE, specificity:RATE with a rate from 0 to 1, or a threshold.",
        "Give, for example, --operating-point sensitivity:0.95.",
    )


def threshold_words(checkpoint: str, finding: str, value: float) -> str:
    """A threshold as `--threshold` takes it, with every digit."""
    return f"{checkpoint}:{finding}={value!r}" if checkpoint else f"{finding}={value!r}" if finding else repr(value)


def _crossed(text: str, labels: LabelTable) -> tuple[str, ...]:
    if labels.raw.find((folded(text),)) is not None or "+" not in text:
        return (text,)
    return tuple(part.strip() for part in text.split("+"))


def _condition(text: str, labels: LabelTable) -> tuple[str, str]:
    for at, letter in enumerate(text):
        if letter == "=" and labels.raw.find((folded(text[:at]),)) is not None:
            return text[:at], text[at + 1 :]
    if "=" in text:
        labels.column(text.partition("=")[0])  # says which columns there are
    raise UnusableChoice(
        f"{text} chooses no cases.", "A condition is a column, =, and a value.", "Give, for example, --where site=A."
    )


def _findings(text: str, known: Sequence[str]) -> list[str]:
    """One finding, or several with commas between them; a name may hold a comma itself."""
    whole = _match(text, known)
    return [whole] if whole is not None else [_named(part, known, "finding", "--findings") for part in text.split(",")]


def _threshold(text: str, cohort: Cohort) -> tuple[tuple[str, str], float]:
    name, is_named, number = text.rpartition("=")
    value = _number(number)
    if value is None:
        raise UnusableChoice(
            f"{text} is no threshold.",
            "It is a number, FINDING=NUMBER or CHECKPOINT:FINDING=NUMBER.",
            "Give, for example, --threshold Edema=0.3.",
        )
    if not is_named:
        return ("", ""), value
    finding = _match(name, cohort.findings)
    if finding is not None:
        return ("", finding), value
    pairs = [
        (checkpoint, of)
        for at, letter in enumerate(name)
        if letter == ":"
        and (checkpoint := _match(name[:at], cohort.checkpoints)) is not None
        and (of := _match(name[at + 1 :], cohort.findings)) is not None
    ]
    if len(pairs) != 1:
        raise UnusableChoice(
            f"{name} is no finding, and no checkpoint and finding.",
            f"Findings are {', '.join(cohort.findings)}; checkpoints are {', '.join(cohort.checkpoints)}.",
            "Give --threshold FINDING=NUMBER or --threshold CHECKPOINT:FINDING=NUMBER.",
        )
    return pairs[0], value


def _named(text: str, known: Sequence[str], what: str, option: str) -> str:
    found = _match(text.strip(), known)
    if found is None:
        raise UnusableChoice(
            f"There is no {what} called {text.strip()}.",
            f"The tables have {', '.join(known)}.",
            f"Name one of these with {option}.",
        )
    return found


def _match(text: str, known: Iterable[str]) -> str | None:
    """The name itself, else the only one that differs in case, spaces and underscores alone."""
    names = list(known)
    if text in names:
        return text
    alike = [name for name in names if folded(name) == folded(text)]
    return alike[0] if len(alike) == 1 else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value
