"""`recipes`: the published recipes that a job can name."""

from __future__ import annotations

import argparse
from typing import Any

from xferviewer.cli.options import DONE, command, print_json
from xferviewer.errors import UnusableChoice


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    recipes = command(commands, "recipes", _recipes, "published recipes by name, or one of them as a specification")
    recipes.add_argument("name", nargs="?", metavar="NAME", help="print what it stands for as TOML")
    recipes.add_argument("--variant", default="", help="of a recipe that has several (default: its first)")
    recipes.add_argument("--as-published", action="store_true", help="with the errors of the published code")
    recipes.add_argument("--json", action="store_true")


def _recipes(options: argparse.Namespace) -> int:
    from xferviewer.checkpoints.fields import FieldError
    from xferviewer.jobs.recipe_cards import RECIPE_CARDS, meant_by
    from xferviewer.jobs.recipe_page import as_toml

    if options.name is None:
        cards = [
            {
                "name": card.name, "source": card.source, "variants": list(card.variants), "quirks": list(card.quirks),
                "gaps": dict(card.gaps), "deviation": card.deviation,
            }
            for card in RECIPE_CARDS.values()
        ]  # fmt: skip
        if options.json:
            print_json({"recipes": cards})
        else:
            print("\n".join(_line(card) for card in cards))
        return DONE
    try:
        content = meant_by(options.name, options.variant, as_published=options.as_published)
    except FieldError as error:
        raise UnusableChoice(
            f"The recipe {options.name} cannot be shown.", str(error), "Choose one that `xferviewer recipes` lists."
        ) from error
    if options.json:
        print_json(content)
    else:
        print(as_toml(content), end="")
    return DONE


def _line(card: dict[str, Any]) -> str:
    variants = f" ({'; '.join(card['variants'])})" if card["variants"] else ""
    return f"{card['name']}{variants}: {card['source']}"
