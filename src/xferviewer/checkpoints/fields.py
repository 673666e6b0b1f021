"""Frozen dataclasses out of YAML or TOML that a person may have edited, and back.

Every fault names its key as it is written in the file (`preprocessing.size`), what was expected and what was found.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class FieldError(ValueError):
    """A key that is missing, unknown, or holds something else than its field takes. The message is one sentence."""


def from_mapping(cls: type[T], mapping: object, where: str = "") -> T:
    """The dataclass `cls` with the values of `mapping`, nested dataclasses included. Raises FieldError.

    A field takes str, int, float, bool, a Literal, a tuple, a mapping with text keys, a dataclass, or one of these or
    None; a field with a default may be left out. A whole number is taken where a float is expected, never the reverse.
    A class with a method `expand` completes the mapping first, by what a name in it stands for.
    `where` is the path of keys that led here, for messages.
    """
    if not isinstance(mapping, Mapping):
        raise FieldError(f"{where or 'The top level'} should be a table of keys and values, not {_shown(mapping)}.")
    mapping = _expanded(cls, mapping, where)
    fields = {field.name: field for field in dataclasses.fields(typing.cast("Any", cls))}
    unknown = sorted(str(key) for key in mapping if key not in fields)
    if unknown:
        known = ", ".join(sorted(fields))
        raise FieldError(f"Unknown key {_path(where, unknown[0])}; the keys known here are {known}.")
    types_of = typing.get_type_hints(cls)
    values = {}
    for name, field in fields.items():
        if name in mapping:
            values[name] = _value(types_of[name], mapping[name], _path(where, name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise FieldError(f"The key {_path(where, name)} is missing.")
    try:
        return cls(**values)
    except FieldError:
        raise
    except ValueError as error:
        raise FieldError(f"{where}: {error}" if where else str(error)) from error


def _expanded(cls: type[Any], mapping: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    try:
        return typing.cast("Mapping[str, Any]", cls.expand(mapping)) if hasattr(cls, "expand") else mapping
    except ValueError as error:
        raise FieldError(f"{where}: {error}" if where else str(error)) from error


def chosen_of(part: Any) -> Any:
    """What a dataclass says beside its defaults, as plain data without the version of its format.

    A field that a later version adds, with the default that does what was done before, changes nothing here.
    """
    if isinstance(part, list | tuple):
        return [chosen_of(each) for each in part]
    if not dataclasses.is_dataclass(part):
        return part
    said = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        if field.name != "version" and value != default:
            said[field.name] = chosen_of(value)
    return said


def to_mapping(instance: Any) -> dict[str, Any]:
    """What `from_mapping` reads back as an equal instance: plain dicts, lists, numbers and text."""
    return {
        field.name: _plain(getattr(instance, field.name))
        for field in dataclasses.fields(instance)
        if not (getattr(instance, field.name) is None and field.default is None)  # TOML has no word for None
    }


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return to_mapping(value)
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value


def _value(kind: Any, value: object, where: str) -> Any:
    """`value` as the type hint `kind` wants it."""
    origin = typing.get_origin(kind)
    if kind is Any:
        return value
    if origin is types.UnionType or origin is typing.Union:
        return None if value is None else _value(_not_none(kind), value, where)
    if origin is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise FieldError(f"{where} should be one of {', '.join(map(repr, choices))}, not {_shown(value)}.")
        return value
    if origin is tuple:
        return _items(typing.get_args(kind), value, where)
    if origin is dict or origin is Mapping:
        if not isinstance(value, Mapping):
            raise FieldError(f"{where} should be a table of keys and values, not {_shown(value)}.")
        inner = typing.get_args(kind)[1]
        return {str(key): _value(inner, item, _path(where, str(key))) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        return from_mapping(typing.cast("type[Any]", kind), value, where)
    return _scalar(kind, value, where)


def _scalar(kind: type, value: object, where: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # bool is a subclass of int: `true` is no number
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise FieldError(f"{where} should be {names[kind]}, not {_shown(value)}.")
    return value


def _items(kinds: tuple[Any, ...], value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise FieldError(f"{where} should be a list, not {_shown(value)}.")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    elif len(kinds) != len(value):
        raise FieldError(f"{where} should have {len(kinds)} entries, not {len(value)}.")
    return tuple(
        _value(kind, item, f"{where}[{place}]") for place, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _not_none(union: Any) -> Any:
    (kind,) = (kind for kind in typing.get_args(union) if kind is not type(None))
    return kind


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
