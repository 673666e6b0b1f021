"""Which keys do what: those of the table of actions, unless a person chose others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QKeyCombination, Qt
from PySide6.QtGui import QKeySequence

from xferviewer.gui.actions import HELD, KEYED

Bindings = dict[str, tuple[str, ...]]
"""Keys by the name of the action, or of the held key, in Qt's portable form."""

STANDARD: Bindings = {row.name: row.keys for row in KEYED}


def read_bindings(lines: Iterable[str]) -> Bindings:
    """The keys of all actions, from lines like "invert = I, Ctrl+I"; nothing behind the = means no key.

    A line of an action that this version does not know, or with keys that Qt does not know, is passed over.
    """
    bindings = dict(STANDARD)
    for line in lines:
        name, _, listed = line.partition(" = ")
        keys = tuple(key for key in listed.split(", ") if key)
        if name.strip() in bindings and all(canonical(key) for key in keys):
            bindings[name.strip()] = keys
    return bindings


def binding_lines(bindings: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The lines of those that differ from the standard."""
    return tuple(f"{name} = {', '.join(keys)}" for name, keys in bindings.items() if keys != STANDARD[name])


def canonical(key: str) -> str:
    """The one spelling of a key; empty where there is no such key."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)


def conflicts(bindings: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Keys that would mean more than one thing, with the texts of their actions; Qt would do none of them."""
    meant: dict[str, list[str]] = {}
    for row in KEYED:
        for key in dict.fromkeys(map(canonical, bindings[row.name])):
            meant.setdefault(key, []).append(row.text)
    return {key: texts for key, texts in meant.items() if len(texts) > 1}


def held_faults(bindings: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Keys that cannot be held: those that go with Ctrl, Alt, Shift or Meta, which are let go one by one."""
    none = Qt.KeyboardModifier.NoModifier
    return [key for key in bindings[HELD.name] if _pressed(key).keyboardModifiers() != none]


def held_keys(bindings: Mapping[str, tuple[str, ...]]) -> frozenset[Qt.Key]:
    """The keys that take the map away as long as one of them is held."""
    return frozenset(_pressed(key).key() for key in bindings[HELD.name])


def _pressed(key: str) -> QKeyCombination:
    """The key with what goes with it. Keys that stand in bindings are keys that Qt knows."""
    pressed: QKeyCombination = QKeySequence(key)[0]  # type: ignore[index]  # the stub lacks it
    return pressed
