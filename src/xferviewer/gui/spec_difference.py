"""In what two specifications differ, key by key as they are written. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.jobs.spec import TrainingSpec


@dataclass(frozen=True, slots=True)
class Difference:
    """A key, and its value in either; empty where one does not have it."""

    key: str
    one: str
    other: str


def differences(one: TrainingSpec, other: TrainingSpec) -> list[Difference]:
    """Every key whose values differ, in the order of the specification; name and title too, which always do."""
    left, right = (flat(to_mapping(spec)) for spec in (one, other))
    return [
        Difference(key, left.get(key, ""), right.get(key, ""))
        for key in dict.fromkeys([*left, *right])
        if left.get(key) != right.get(key)
    ]


def flat(mapping: Mapping[str, Any], where: str = "") -> dict[str, str]:
    """`{"recipe": {"epochs": 3}}` as `{"recipe.epochs": "3"}`; lists of numbers and names stand in one value."""
    found: dict[str, str] = {}
    for key, value in mapping.items():
        path = f"{where}.{key}" if where else key
        if isinstance(value, Mapping):
            found |= flat(value, path)
        elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
            for place, entry in enumerate(value):
                found |= flat(entry, f"{path}[{place}]")
        elif isinstance(value, list):
            found[path] = ", ".join(map(str, value))
        else:
            found[path] = str(value)
    return found
