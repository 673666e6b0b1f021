"""A published recipe: the part of a specification that it stands for, completed by what a file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xferviewer.checkpoints.fields import FieldError

# Of a recipe that is no part of what its card says.
LABELS = ("name", "variant", "as_published")


@dataclass(frozen=True, slots=True)
class RecipeCard:
    """What a name stands for, as keys and values of a specification (jobs.spec), nested as there.

    source     who published it, and where
    content    what it says: keys of the specification such as "task", tables such as "recipe" and "network"
    variants   by name, what replaces it; the first is meant where none is named. Empty: there are none
    published  what the code did otherwise than meant, as it is replaced under as_published
    quirks     the same in words
    gaps       keys that the source leaves open ("recipe.learning_rate"), with what is put there and why
    deviation  how it departs from its source on purpose; empty: it does not
    seeds      over how many runs the source reports
    """

    name: str
    source: str
    content: Mapping[str, Any]
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    deviation: str = ""
    seeds: str = ""

    def stands_for(self, variant: str, *, as_published: bool) -> dict[str, Any]:
        """Keys and values of a specification. Raises FieldError for a variant that it has not."""
        chosen = variant or next(iter(self.variants), "")
        if chosen and chosen not in self.variants:
            known = ", ".join(self.variants) or "none"
            raise FieldError(f"recipe.variant {variant!r} is none of the recipe {self.name}; it has {known}.")
        content = completed(self.variants.get(chosen, {}), self.content)
        if as_published:
            content = completed(self.published, content)
        labels = {"name": self.name, "variant": chosen, "as_published": as_published}
        return completed({"recipe": labels}, content)


def completed(said: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """`said`, and from the card what it leaves out. A table of another kind takes nothing from the card's."""
    result = dict(card)
    for key, value in said.items():
        known = card.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping) and _same_kind(value, known):
            result[key] = completed(value, known)
        else:
            result[key] = value
    return result


def departures(said: Mapping[str, Any], card: Mapping[str, Any], where: str = "", *, whole: bool = False) -> list[str]:
    """The keys, written as in messages, at which `said` has another value than the card.

    whole  the card says everything, so that a key which it has not departs too; else it says what matters to it
    """
    found = []
    for key in {**card, **said} if whole else card:
        path, one, other = f"{where}.{key}" if where else key, said.get(key), card.get(key)
        if path in {f"recipe.{label}" for label in LABELS}:
            continue
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += departures(one, other, path, whole=whole)
        elif _comparable(one) != _comparable(other):
            found.append(path)
    return found


def _same_kind(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tables that name their kind have the same arguments only where it is the same."""
    return all(one.get(key, other.get(key)) == other.get(key) for key in ("kind", "card"))


def _comparable(value: Any) -> Any:
    return [_comparable(one) for one in value] if isinstance(value, list | tuple) else value
