"""Networks that were saved as Python objects (`torch.save(network)`), read for their tensors alone.

Of such a file a class is a name and its object a table of attributes. Here every name that the list below allows stands
for an empty placeholder that keeps the table and does nothing: no class of the file is ever imported, made or called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from torch import Tensor

from xferviewer.errors import UnusableCheckpoint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Classes (never functions: their names begin with a capital letter) of the libraries whose networks are known here.
_ALLOWED = re.compile(
    r"(torch\.nn\.modules\.\w+|torch\.nn\.parallel\.(data_parallel|distributed)|torch\.nn\.parameter"
    r"|torchvision\.models(\.\w+)+|torchvision\.ops\.(misc|stochastic_depth)"
    r"|timm\.(models|layers)(\.\w+)+)\._?[A-Z]\w*"
)
# Beside them: a function with some of its arguments, which networks keep as an attribute.
_ATTRIBUTES = ("functools.partial",)
# No network has as many parts; a file whose parts contain each other could have any number.
_MOST_PARTS = 50_000


class Placeholder:
    """Stands for an object of a file: keeps what was saved of it, and does nothing."""

    kind = ""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        self.state = state if isinstance(state, dict) else {}


class SavedNetwork(dict[str, Tensor]):
    """The state dict of a network that was saved as an object of the class `kind`."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind


def placeholders(names: Iterable[str]) -> list[tuple[type[Placeholder], str]]:
    """What stands for each allowed name among those that a file asks for; pairs as torch's safe_globals takes them."""
    return [
        (type("Placeholder", (Placeholder,), {"kind": name}), name)
        for name in sorted(set(names))
        if _ALLOWED.fullmatch(name) or name in _ATTRIBUTES
    ]


def as_state_dicts(path: Path, content: object, depth: int = 0) -> object:
    """`content` with a state dict for every network in it, alone or in dictionaries. Raises UnusableCheckpoint."""
    if isinstance(content, Placeholder):
        network = SavedNetwork(content.kind)
        _collect(path, content, "", network, [0])
        return network
    if isinstance(content, dict) and depth < 4:
        return {key: as_state_dicts(path, value, depth + 1) for key, value in content.items()}
    return content


def _collect(path: Path, part: Placeholder, prefix: str, found: SavedNetwork, count: list[int]) -> None:
    """What `torch.nn.Module.state_dict` collects, from the tables of a network and its parts."""
    count[0] += 1
    if count[0] > _MOST_PARTS or prefix.count(".") > 100:
        raise UnusableCheckpoint(
            f"{path.name} cannot be imported.",
            "The network in it is made of parts that contain each other.",
            "Get it from a source that you trust.",
        )
    fleeting = part.state.get("_non_persistent_buffers_set")
    for table in ("_parameters", "_buffers"):
        for name, values in _table(part, table).items():
            if isinstance(values, Tensor) and not (isinstance(fleeting, set) and name in fleeting):
                found[f"{prefix}{name}"] = values
    for name, child in _table(part, "_modules").items():
        if isinstance(child, Placeholder):
            _collect(path, child, f"{prefix}{name}.", found, count)


def _table(part: Placeholder, name: str) -> dict[Any, Any]:
    table = part.state.get(name)
    return table if isinstance(table, dict) else {}
