"""What `xferviewer predict` writes beside the plain checkpoints: repeated passes and ensembles, as further rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints import Passes
from xferviewer.checkpoints.vocabulary import PUBLISHED
from xferviewer.engine.inference import LoadedCheckpoint
from xferviewer.engine.passes import RepeatedCheckpoint, has_dropout, without_dropout
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.members import MemberMeasure, combine, combine_logits, combine_passes, finding_logits
from xferviewer.evaluation.scores import ScoreKind, scores_from_logits


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A column of the mean of others, by their names."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnScores:
    """What one column says of one image: scores by finding, and by measure how far its members differ, if it has any.

    logits  by finding, what an ensemble of it is made of where logits are asked for.
    """

    name: str
    scores: dict[str, float]
    doubts: dict[MemberMeasure, dict[str, float]]
    logits: dict[str, float]


def ensemble_of_words(text: str) -> Ensemble:
    """The ensemble of `NAME=A,B,C`. Raises UnusableChoice for another text or one member twice."""
    name, equals, members = text.partition("=")
    named = tuple(part.strip() for part in members.split(",") if part.strip())
    if not name.strip() or not equals or len(named) < 2 or len(set(named)) < len(named):
        raise UnusableChoice(
            f"{text} is no ensemble.",
            "An ensemble is a name, =, and two or more checkpoints with commas between them, each once.",
            "Give, for example, --ensemble all=vit,densenet.",
        )
    return Ensemble(name.strip(), named)


def repeated(loaded: Sequence[LoadedCheckpoint], passes: Sequence[Passes]) -> list[RepeatedCheckpoint]:
    """Each checkpoint with each kind of passes that it can do; those without dropout do no Monte-Carlo dropout.

    Raises UnusableChoice where no checkpoint can.
    """
    columns: list[RepeatedCheckpoint] = []
    for wanted in dict.fromkeys(passes):
        able = [one for one in loaded if wanted.kind != "mc-dropout" or has_dropout(one.network)]
        if not able:
            raise without_dropout(" and ".join(one.checkpoint.name for one in loaded))
        columns += [RepeatedCheckpoint(one, wanted) for one in able]
    return columns


def without_passes(loaded: Sequence[LoadedCheckpoint], passes: Sequence[Passes]) -> list[str]:
    """Sentences about the checkpoints that `repeated` leaves out."""
    if not any(wanted.kind == "mc-dropout" for wanted in passes):
        return []
    return [
        f"{one.checkpoint.name} has no dropout, so that there is no Monte-Carlo dropout of it."
        for one in loaded
        if not has_dropout(one.network)
    ]


def name_of(asked: LoadedCheckpoint | RepeatedCheckpoint) -> str:
    """What its rows are called."""
    if isinstance(asked, RepeatedCheckpoint):
        return asked.passes.name(asked.loaded.checkpoint.name)
    return asked.checkpoint.name


def check_names(names: Sequence[str], ensembles: Sequence[Ensemble]) -> None:
    """Raise UnusableChoice for a name that stands for two columns, or for a member that is none of the columns."""
    known = [*names]
    for ensemble in ensembles:
        missing = [member for member in ensemble.members if member not in names]
        if missing:
            raise UnusableChoice(
                f"The ensemble {ensemble.name} cannot be made.",
                f"There is no column called {missing[0]}; there are {', '.join(names)}.",
                "Name its members as the checkpoints' cards do.",
            )
        if ensemble.name in known:
            raise UnusableChoice(
                f"The ensemble {ensemble.name} cannot be made.",
                "Another column has that name, and their rows could not be told apart.",
                "Give it a name of its own.",
            )
        known.append(ensemble.name)


def column_scores(
    asked: Sequence[LoadedCheckpoint | RepeatedCheckpoint],
    logits: Sequence[NDArray[np.float32]],
    kind: ScoreKind,
    ensembles: Sequence[Ensemble],
) -> list[ColumnScores]:
    """What each column says of one image: those asked in their order, then the ensembles.

    logits  of each that was asked: (findings,), or (passes, findings).

    An ensemble has the findings that every member was trained for.
    """
    columns = [_asked(one, values, kind) for one, values in zip(asked, logits, strict=True)]
    by_name = {column.name: column for column in columns}
    made = [_ensemble(each.name, [by_name[name] for name in each.members], kind) for each in ensembles]
    return [*columns, *made]


def _asked(asked: LoadedCheckpoint | RepeatedCheckpoint, logits: NDArray[np.float32], kind: ScoreKind) -> ColumnScores:
    loaded = asked.loaded if isinstance(asked, RepeatedCheckpoint) else asked
    checkpoint, doubts = loaded.checkpoint, dict[MemberMeasure, NDArray[np.float64]]()
    if isinstance(asked, RepeatedCheckpoint):
        combined = combine_passes(logits[:, np.newaxis], checkpoint.task, kind)
        scores, doubts = combined.scores[0], dict(combined.doubts)
        of_findings = scores if kind == "logit" else np.full(len(scores), np.nan)
    else:
        scores = np.asarray(scores_from_logits(logits[np.newaxis], checkpoint.task, kind)[0], dtype=np.float64)
        of_findings = finding_logits(logits[np.newaxis], checkpoint.task)[0]

    def trained(values: Iterable[float]) -> dict[str, float]:
        named = zip(checkpoint.findings, values, strict=True)
        return {finding: float(value) for finding, value in named if finding in checkpoint.trained_findings}

    return ColumnScores(
        name_of(asked),
        trained(scores),
        {measure: trained(values[0]) for measure, values in doubts.items()},
        trained(of_findings),
    )


def _ensemble(name: str, members: Sequence[ColumnScores], kind: ScoreKind) -> ColumnScores:
    alike = {f: [PUBLISHED.find(f, member.scores) for member in members] for f in members[0].scores}
    named_by = {f: [own for own in names if own is not None] for f, names in alike.items() if None not in names}
    findings = list(named_by)
    if not findings:
        raise UnusableChoice(
            f"The ensemble {name} cannot be made.",
            f"No finding was trained in all of {', '.join(member.name for member in members)}.",
            "Choose members with a finding in common.",
        )
    values = [
        [[(m.logits if kind == "logit" else m.scores)[named_by[f][place]] for f in findings]]
        for place, m in enumerate(members)
    ]
    combined = combine_logits(values) if kind == "logit" else combine(values)

    def named(row: NDArray[np.float64]) -> dict[str, float]:
        return {finding: float(value) for finding, value in zip(findings, row, strict=True)}

    scores = named(combined.scores[0])
    return ColumnScores(name, scores, {m: named(values[0]) for m, values in combined.doubts.items()}, scores)
