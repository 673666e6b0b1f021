"""The maps that are measured: those that the window shows for the same choice, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xferviewer.engine.saliency import explain

if TYPE_CHECKING:
    from torch import Tensor

    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.engine.perturbed_maps import Progress
    from xferviewer.engine.saliency import Explanation
    from xferviewer.saliency_methods import MapChoice


def chosen_maps(
    loaded: LoadedCheckpoint,
    tensor: Tensor,
    findings: Sequence[str],
    choice: MapChoice,
    progress: Progress | None = None,
) -> Explanation:
    """Maps of one image (channels, rows, columns) for these findings, and often for others.

    All findings are explained together, as for the window, where that costs nothing: the last bits of a map depend on
    those that it is computed with. `progress` is called between the passes of a slow method.
    """
    wanted = findings if choice.facts.each_finding else None
    return explain(loaded, tensor, wanted, choice.method, choice.layers, choice.smoothing, progress)
