"""The fields of a specification's dataclasses, as a form needs them: kind, default, words for people. No Qt."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping

Kind = Literal[
    "whole", "number", "text", "yes or no", "choice", "numbers", "names", "group", "groups", "table", "other"
]


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field of a dataclass.

    kind      how it is entered; "group" is another dataclass, `of`, "groups" any number of them; "table" is keys and
              values of any kind; "other" cannot be entered in a form
    choices   of a "choice", as they are written in a file
    default   as it is written in a file; None where it is left out or has to be given
    optional  it may be left out for None
    words     what its class's docstring says of it; empty where it says nothing
    """

    name: str
    kind: Kind
    choices: tuple[Any, ...]
    default: Any
    optional: bool
    words: str
    of: type | None = None

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ").capitalize()


@lru_cache(maxsize=64)
def fields_of(cls: type) -> tuple[FieldFacts, ...]:
    """The fields of a specification's dataclass, in their order."""
    hints = typing.get_type_hints(cls)
    words = docstring_words(cls)
    found = []
    for field in dataclasses.fields(cls):
        hint, optional = _without_none(hints[field.name])
        kind, choices, of = _kind(hint)
        found.append(FieldFacts(field.name, kind, choices, _default(field), optional, words.get(field.name, ""), of))
    return tuple(found)


def docstring_words(cls: type) -> dict[str, str]:
    """What the docstring says of each field: lines `name  what it is`, with their continuations further in."""
    found: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(cls.__doc__ or "").splitlines():
        begins = re.match(r"(\w+(?:, \w+)*)  +(\S.*)", line)
        if begins:
            names = begins[1].split(", ")
            name = names[0]
            found |= dict.fromkeys(names, begins[2])
        elif line.startswith("  ") and name:
            found[name] = f"{found[name]} {line.strip()}"
        else:
            name = ""
    return found


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        return (kinds[0], True) if len(kinds) == 1 else (hint, False)
    return hint, False


def _kind(hint: Any) -> tuple[Kind, tuple[Any, ...], type | None]:
    simple: dict[Any, Kind] = {bool: "yes or no", int: "whole", float: "number", str: "text"}
    if hint in simple:
        return simple[hint], (), None
    if typing.get_origin(hint) is Literal:
        return "choice", typing.get_args(hint), None
    if typing.get_origin(hint) is dict:
        return "table", (), None
    if typing.get_origin(hint) is tuple:
        first = typing.get_args(hint)[0]
        if dataclasses.is_dataclass(first) and isinstance(first, type):
            return "groups", (), first
        inner = set(typing.get_args(hint)) - {Ellipsis}
        if inner <= {int, float}:
            return "numbers", (), None
        if inner == {str}:
            return "names", (), None
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return "group", (), hint
    return "other", (), None


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        value = field.default
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_mapping(value)
    return list(value) if isinstance(value, tuple) else value


def faults_in(cls: type, mapping: Mapping[str, Any], where: str) -> dict[str, str]:
    """What is wrong with the values of a dataclass, a sentence by the path of the field; `where` for all of it.

    Each nested dataclass is looked at by itself, so that several faults are found at once.
    """
    faults: dict[str, str] = {}
    for facts in fields_of(cls):
        inner = mapping.get(facts.name)
        if facts.kind == "group" and facts.of is not None and isinstance(inner, Mapping):
            faults |= faults_in(facts.of, inner, f"{where}.{facts.name}" if where else facts.name)
        if facts.kind == "groups" and facts.of is not None and isinstance(inner, list | tuple):
            for place, each in enumerate(inner):
                path = f"{facts.name}[{place}]"
                faults |= faults_in(facts.of, each, f"{where}.{path}" if where else path)
    if not faults:
        try:
            from_mapping(cls, mapping, where)
        except FieldError as error:
            faults |= _placed(cls, str(error), where)
    return faults


def _placed(cls: type, sentence: str, where: str) -> dict[str, str]:
    """A sentence at the first field that it names, be it by its whole path or by the name that its class knows."""
    said = sentence.removeprefix(f"{where}: ") if where else sentence
    prefix = f"{where}." if where else ""
    known = {facts.name for facts in fields_of(cls)}
    tokens = [token.strip(".").removeprefix(prefix) for token in re.findall(r"[A-Za-z_][\w.]*", said)]
    path = next((token for token in tokens if token.partition(".")[0] in known), "")
    words = (said.replace(prefix, "") if prefix else said).replace("_", " ")
    return {f"{prefix}{path}".strip(".") if path else where: words[:1].upper() + words[1:]}
