"""docs/recipes.md: the published recipes as tables, from the cards themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w

from xferviewer.jobs.recipe_card import RecipeCard
from xferviewer.jobs.recipe_cards import RECIPE_CARDS

_HEAD = """\
# Recipes by name

    [recipe]
    name = "P1 best"
    variant = "breast"        # of a recipe that has several; the first one otherwise
    as_published = true       # with the errors of the published code; left out: as it was meant

A name stands for all that its table says: the recipe, and of the network what was part of it. Whatever the file says
itself comes first; where that departs from the recipe, the job and the card of its checkpoint name the keys ("a
deviation"). What a source leaves open is marked with *gap* and filled in as stated. `xferviewer recipes` lists them,
`xferviewer recipes NAME` prints one as TOML to begin a specification with. This page is made from the code, and a test
compares them.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([_HEAD, *(section(card) for card in RECIPE_CARDS.values())])


def section(card: RecipeCard) -> str:
    """One recipe: its source, what it stands for, its variants, gaps and quirks."""
    lines = [f"## {card.name}", "", f"{card.source}.{f' Runs: {card.seeds}.' if card.seeds else ''}", ""]
    if card.deviation:
        lines += [f"**A deviation**: {card.deviation}.", ""]
    lines += ["| key | value |", "|---|---|"]
    lines += [f"| `{path}` | {_shown(value)}{_gap(card, path)} |" for path, value in flat(card.content).items()]
    stated = flat(card.content)
    for path, gap in card.gaps.items():
        if not any(key == path or key.startswith(f"{path}.") for key in stated):
            lines.append(f"| `{path}` | *gap*: {gap} |")
    for name, changes in card.variants.items():
        said = ", ".join(f"`{path}` {_shown(value)}" for path, value in flat(changes).items())
        lines.append(f"| variant `{name}` | {said or 'as above'} |")
    if card.published:
        said = ", ".join(f"`{path}` {_shown(value)}" for path, value in flat(card.published).items())
        lines.append(f"| `as_published` | {said} |")
    if card.quirks:
        lines += ["", "What the published code did:", "", *(f"- {quirk}" for quirk in card.quirks)]
    return "\n".join([*lines, ""])


def as_toml(content: Mapping[str, Any]) -> str:
    """What a recipe stands for, as a specification says it."""
    return tomli_w.dumps(content)


def flat(content: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested tables as paths of keys with a value each."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{before}{key}.")
        else:
            found[before + key] = value
    return found


def _gap(card: RecipeCard, path: str) -> str:
    for key, gap in card.gaps.items():
        if path == key or path == f"{key}.kind":
            return f" (*gap*: {gap})"
    return ""


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    return str(value)
