"""Findings that are named differently by different checkpoints and tables, and are the same.

Published synonyms stand in resources/findings.toml; a person may add equalities of their own. This is the only place
that says what is the same; nothing else is ever merged.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from xferviewer.errors import UnusableChoice
from xferviewer.resources import resource

_FEWEST_OF_THE_CHEST = 2


def folded(name: str) -> str:
    """A name without case, spaces, underscores and the like: "Patient ID", "patient_id" and "PatientID" are one."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


@dataclass(frozen=True)
class Vocabulary:
    """What is the same: published synonyms, and equalities of a person's own, such as ("Opacity", "Lung Opacity")."""

    own: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _groups(self) -> dict[str, str]:
        """By folded name, the folded name that stands for all that are the same."""
        groups = dict(_published()[0])
        for one, other in self.own:
            a, b = (groups.get(folded(name), folded(name)) for name in (one, other))
            groups.update({name: a for name, group in groups.items() if group == b})
            groups.update({folded(one): a, folded(other): a})
        return groups

    def key(self, finding: str) -> str:
        """Equal for two names exactly where they mean the same finding."""
        name = folded(finding)
        return self._groups.get(name, name) or finding

    def alike(self, lists: Iterable[Sequence[str]]) -> list[dict[str, str]]:
        """For each list of findings the common name of each of them: the one that it has in the first list with it.

        Two findings of one list are two findings, however they are called: such a list keeps the names that collide.
        """
        spelt: dict[str, str] = {}
        answers = []
        for findings in lists:
            keys = [self.key(finding) for finding in findings]
            names = {}
            for finding, key in zip(findings, keys, strict=True):
                names[finding] = spelt.setdefault(key, finding) if keys.count(key) == 1 else finding
            answers.append(names)
        return answers

    def find(self, finding: str, among: Iterable[str]) -> str | None:
        """The name in `among` that means this finding: the very name, else spelt alike, else a synonym."""
        names = list(among)
        tests = (
            lambda name: name == finding,
            lambda name: folded(name) == folded(finding),
            lambda name: self.key(name) == self.key(finding),
        )
        return next((name for test in tests for name in names if test(name)), None)


PUBLISHED = Vocabulary()


def own_equalities(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Equalities as a person writes them, "Opacity = Lung Opacity". Raises UnusableChoice for another text."""
    pairs = []
    for text in texts:
        names = [name.strip() for name in text.split("=")]
        if len(names) != 2 or not all(map(folded, names)):
            raise UnusableChoice(
                f"“{text}” does not say which findings are the same.",
                "It is not two names with an equals sign between them.",
                "Write it like this: Opacity = Lung Opacity.",
            )
        pairs.append((names[0], names[1]))
    return tuple(pairs)


def are_of_the_chest(findings: Iterable[str]) -> bool:
    """Two of these findings or more are of chest radiographs."""
    groups, chest = _published()
    return len({groups.get(folded(name), folded(name)) for name in findings} & chest) >= _FEWEST_OF_THE_CHEST


@cache
def _published() -> tuple[dict[str, str], frozenset[str]]:
    """The group of each folded name, and the groups that are of the chest."""
    content = tomllib.loads(resource("findings.toml").read_text(encoding="utf-8"))
    groups = {}
    for entry in content["finding"]:
        groups.update({folded(name): folded(entry["names"][0]) for name in entry["names"]})
    return groups, frozenset(groups.values()) | {folded(name) for name in content["chest"]["names"]}
