"""A file of another program as a network of timm with one of our heads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import timm

from xferviewer.networks import backbones
from xferviewer.networks.importing.recognition import Fit, Misfit, candidates, fit
from xferviewer.networks.importing.state_dicts import StateDict, find_state_dict
from xferviewer.networks.importing.torchvision_names import timm_equal
from xferviewer.networks.importing.weight_files import read_content, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

# MoCo v3 has its small transformer with twelve heads where all others have six; no shape tells (Chen et al. 2021).
_MOCO_V3_HEADS = {"vit_small_patch16_224": 12}


def read_network(path: Path, architecture: str | None = None, options: Mapping[str, Any] | None = None) -> Fit:
    """The network in a file, every name and shape strictly. Raises UnusableCheckpoint.

    architecture  timm's or torchvision's name; None: told from names and shapes, and refused where several fit
    options       further arguments of timm.create_model
    """
    state = find_state_dict(path, read_content(path))
    if architecture is None:
        found = _recognised(path, state)
    else:
        equal = timm_equal(architecture)
        if not backbones.is_known(equal.architecture):
            raise refused(path, f"timm {timm.__version__} knows no architecture named {architecture}.", _NAME_IT)
        found = _fits(path, state, equal.architecture, {**equal.options, **(options or {})})
    said = (*state.decisions, *found.decisions)
    return Fit(found.architecture, found.options, found.channels, found.backbone, found.head, said)


def attempts(
    state: StateDict, architectures: Iterable[str], options: Mapping[str, Any] | None = None
) -> Iterator[Fit | Misfit]:
    """Each architecture of timm as it takes the state dict, or why it does not, one at a time.

    Raises ValueError where timm cannot build one with the options.
    """
    for architecture in architectures:
        yield _try(state, architecture, options or {})


_NAME_IT = "Say which architecture it is with --architecture NAME, by timm's or torchvision's name."


def _recognised(path: Path, state: StateDict) -> Fit:
    tried = [_try(state, name, {}) for name in candidates(state.tensors)]
    fits = [one for one in tried if isinstance(one, Fit)]
    if len(fits) == 1:
        return _told(fits[0])
    if fits:
        names = ", ".join(one.architecture for one in fits)
        raise refused(
            path,
            f"Its weights fit {names}, which compute different things with them.",
            f"{_NAME_IT} One of these: {names}.",
        )
    misfits = [one for one in tried if isinstance(one, Misfit)]
    if misfits:
        nearest = min(misfits, key=lambda one: one.count)
        raise refused(path, f"It looks like {nearest.architecture}, but {_lower(nearest.first)}.", _NAME_IT)
    first = next(iter(state.tensors))
    raise refused(path, f"Its architecture could not be told from its names, of which the first is {first}.", _NAME_IT)


def _told(found: Fit) -> Fit:
    said = (f"It is {found.architecture}, told from its names and shapes.", *found.decisions)
    return Fit(found.architecture, found.options, found.channels, found.backbone, found.head, said)


def _fits(path: Path, state: StateDict, architecture: str, options: Mapping[str, Any]) -> Fit:
    try:
        found = _try(state, architecture, options)
    except ValueError as error:
        raise refused(path, f"{error}", "Name another architecture, or correct its options.") from error
    if isinstance(found, Fit):
        return found
    fitting = [one for one in candidates(state.tensors) if isinstance(_try(state, one, {}), Fit)]
    todo = f"It fits {', '.join(fitting)}." if fitting else "Name the architecture that it was trained as."
    raise refused(path, f"{found.first}; {architecture} does not take it.", todo)


def _try(state: StateDict, architecture: str, options: Mapping[str, Any]) -> Fit | Misfit:
    if "MoCo v3" in state.methods and architecture in _MOCO_V3_HEADS:
        options = {"num_heads": _MOCO_V3_HEADS[architecture], **options}
    return fit(state.tensors, architecture, options)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
