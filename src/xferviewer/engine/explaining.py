"""An ExplainImage request, answered checkpoint by checkpoint, until something newer is wanted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import numpy as np

from xferviewer import protocol
from xferviewer.engine import saliency
from xferviewer.errors import EngineFailure
from xferviewer.saliency_methods import METHODS, MapChoice

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.saliency_methods import Method, Smoothing

_SECONDS_BETWEEN_WORDS = 0.25


class Superseded(Exception):
    """Something newer is wanted, or this is wanted no more."""


class Explaining:
    """Makes the maps of one request; `send` takes what comes out of it.

    superseded  asked between two pieces of work of a slow method, which ends with `Superseded` once it says so
    alive       called as often, so that slow is not taken for hanging
    """

    def __init__(
        self,
        request: protocol.ExplainImage,
        send: Callable[[protocol.Message], None],
        superseded: Callable[[], bool],
        alive: Callable[[], None],
    ) -> None:
        self._request = request
        self._choice = MapChoice(cast("Method", request.method), request.layers, cast("Smoothing", request.smoothing))
        self._send, self._superseded, self._alive = send, superseded, alive
        self._told = 0.0

    def explain(
        self,
        digest: str,
        loaded: LoadedCheckpoint,
        identity: str,
        tensor: Tensor,
        crop: tuple[float, float, float, float],
    ) -> None:
        """Maps of a preprocessed image by a checkpoint. A checkpoint that has none says why, beside its logits.

        Raises Superseded, and what the network raises.
        """
        if self._superseded():
            raise Superseded
        request, checkpoint = self._request, loaded.checkpoint
        if METHODS[self._choice.method].slow:  # whoever waits for the map has at least the probabilities
            self._send(protocol.Predicted(request.request, identity, digest, loaded.logits(tensor[None])[0]))
        wanted = tuple(
            finding for finding in checkpoint.findings if finding in request.findings or not request.findings
        )
        why = ""
        try:
            made = saliency.explain(
                loaded, tensor, wanted, self._choice.method, self._choice.layers, self._choice.smoothing,
                lambda done, total: self._between(digest, identity, done, total),
            ) if wanted else self._without_maps(loaded, tensor)  # fmt: skip
        except EngineFailure as error:
            why = error.why
            made = self._without_maps(loaded, tensor)
        self._send(
            protocol.Explained(
                request.request, request.generation, identity, digest, request.method, made.layer, made.findings, why,
                crop, made.logits, made.maps, made.peaks,
            )
        )  # fmt: skip

    def _without_maps(self, loaded: LoadedCheckpoint, tensor: Tensor) -> saliency.Explanation:
        nothing = np.zeros((0, 0, 0), dtype=np.float32)
        logits = loaded.logits(tensor[None])[0]
        return saliency.Explanation(logits, (), nothing, np.zeros(0, dtype=np.float32), "", self._choice.method)

    def _between(self, digest: str, identity: str, done: int, total: int) -> None:
        self._alive()
        if self._superseded():
            raise Superseded
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_WORDS:
            self._told = now
            request = self._request
            self._send(protocol.ExplainProgress(request.request, request.generation, identity, digest, done, total))
