"""Runs of one recipe that differ by their seed alone: they are shown as one, by mean and standard deviation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from xferviewer.checkpoints import Checkpoint
from xferviewer.checkpoints.fields import to_mapping
from xferviewer.gui.columns import Classifier

# "lite0_seed21", "vit-s run 3", "densenet.fold-1": what a name says of the seed comes last.
_SEED_OF_NAME = re.compile(r"[\s._-]*(?:seed|run|fold|rep)[\s._-]*\d+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Two or more runs of one recipe: what they share by name, and their digests."""

    name: str
    digests: tuple[str, ...]


def seed_groups(scored: Iterable[Classifier]) -> list[SeedGroup]:
    """The groups among what is compared.

    Checkpoints belong together when their cards agree in network, start, data and recipe and state different seeds;
    predictions made elsewhere when their names are alike but for a seed's number at the end.
    """
    members: dict[str, list[Classifier]] = {}
    for each in scored:
        key = _recipe_of(each) if isinstance(each, Checkpoint) else _stem(each.name)
        if key:
            members.setdefault(key, []).append(each)
    groups = []
    for runs in members.values():
        seeds = [run.card.seed if isinstance(run, Checkpoint) else run.name for run in runs]
        if len(runs) > 1 and len(set(seeds)) == len(seeds):
            groups.append(SeedGroup(_stem(runs[0].name) or runs[0].name, tuple(run.digest for run in runs)))
    return groups


def _stem(name: str) -> str:
    stem = _SEED_OF_NAME.sub("", name)
    return stem if stem != name else ""


def _recipe_of(checkpoint: Checkpoint) -> str:
    card = checkpoint.card
    if card.seed is None or not card.recipe:
        return ""
    told = {name: value for name, value in to_mapping(card).items() if name in ("initialisation", "data", "recipe")}
    return json.dumps([card.architecture, card.findings, told], sort_keys=True, default=str)
