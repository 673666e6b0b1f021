"""Forward hooks that end with a `with` and act in the thread that made them alone.

While a map is computed, an image of the background batch may still be under way in the same network, in another thread:
it must neither be kept nor changed by what the map needs (engine/server.py).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn


@contextmanager
def forward_hook(module: nn.Module, hook: Callable[[Any, Any, Any], object]) -> Iterator[None]:
    """While entered, `hook(module, inputs, output)` is called after each pass of `module` in this thread.

    What it returns, unless that is None, takes the place of the output.
    """
    owner = threading.get_ident()

    def only_here(module: nn.Module, inputs: Any, output: Any) -> object:
        return hook(module, inputs, output) if threading.get_ident() == owner else None

    handle = module.register_forward_hook(only_here)
    try:
        yield
    finally:
        handle.remove()
