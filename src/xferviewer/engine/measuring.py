"""The engine's side of `MeasureMaps`: a request as a run of small pieces, between which more urgent work is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from xferviewer import protocol
from xferviewer.errors import EngineFailure, XferviewerError
from xferviewer.saliency_methods import MapChoice

if TYPE_CHECKING:  # torch is loaded when the first checkpoint is opened, not before
    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.evaluation.perturbation import Ground
    from xferviewer.saliency_methods import Method, Smoothing

_TELL_EVERY_S = 0.2

Send = Callable[[protocol.Message], None]


class _Cancelled(Exception):
    """The request is of no interest any more."""


def _nothing() -> None:
    pass


class Measuring:
    """A MeasureMaps request and how far it is. `advance` does one piece and says whether there is more."""

    def __init__(self, request: protocol.MeasureMaps) -> None:
        self.request = request
        self.cancelled = False
        self._done = 0  # answers: images of a localisation, maps of the others
        self._pieces: Iterator[protocol.Message] | None = None
        self._told = 0.0
        self._alive: Callable[[], None] = _nothing
        self._choice = MapChoice(cast("Method", request.method), request.layers, cast("Smoothing", request.smoothing))

    def advance(self, loaded: dict[str, LoadedCheckpoint], send: Send, alive: Callable[[], None] | None = None) -> bool:
        """One piece: a network on one input, one map, or one image. The last call sends Finished.

        alive  called between the passes of a slow map, so that slow is not taken for hanging
        """
        self._alive = alive or _nothing
        if not self.cancelled:
            try:
                if self._pieces is None:
                    self._pieces = self._begin(loaded)
                message = next(self._pieces, None)
            except _Cancelled:
                message = None
            except XferviewerError as error:
                message = None
                send(_failed(self.request.request, "", error))
            except Exception as error:  # noqa: BLE001  one request must not cost the engine
                message = None
                send(_failed(self.request.request, "", _unexpected(error)))
            if message is not None:
                self._tell(message, send)
                return True
        send(protocol.Finished(self.request.request, self._done, self._total(), self.cancelled))
        return False

    def _between(self, _done: int, _total: int) -> None:
        """Between two passes of a slow map."""
        self._alive()
        if self.cancelled:
            raise _Cancelled

    def _total(self) -> int:
        return len(self.request.images) * (1 if self.request.kind == "localisation" else len(self.request.checkpoints))

    def _tell(self, message: protocol.Message, send: Send) -> None:
        """Progress comes by the dozen a second; whoever waits needs it a few times a second."""
        now = time.monotonic()
        if isinstance(message, protocol.MeasuringProgressed):
            if now - self._told < _TELL_EVERY_S and message.done < message.total:
                return
            self._told = now
        send(message)

    def _begin(self, loaded: dict[str, LoadedCheckpoint]) -> Iterator[protocol.Message]:
        missing = [digest for digest in self.request.checkpoints if digest not in loaded]
        if missing:
            raise EngineFailure(
                "The maps cannot be measured.",
                f"The engine has not opened the checkpoint {missing[0][:8]}.",
                "Open the checkpoint again.",
            )
        checkpoints = [loaded[digest] for digest in self.request.checkpoints]
        return self._localise(checkpoints) if self.request.kind == "localisation" else self._each_map(checkpoints)

    def _localise(self, checkpoints: list[LoadedCheckpoint]) -> Iterator[protocol.Message]:
        from xferviewer.engine.map_localisation import localise_images
        from xferviewer.evaluation.localisation import MEASURES
        from xferviewer.studies.region_files import regions_of

        request = self.request
        images = [(Path(image.path), image.frame) for image in request.images]
        names = dict(zip(request.names[::2], request.names[1::2], strict=True))
        regions = regions_of((path for path, _ in images), map(Path, request.regions), names)
        run = localise_images(checkpoints, images, regions, self._choice, between=self._between)
        for result in run:
            identity = request.images[result.place].identity
            if result.error is not None:
                yield _failed(request.request, identity, result.error)
            else:
                self._done += 1
            for place, finding, measured in result.measures:
                values = measured.values[:, None]
                digest = request.checkpoints[place]
                yield protocol.MapMeasured(
                    request.request, request.kind, identity, digest, finding, MEASURES, (), values
                )
            yield protocol.MeasuringProgressed(request.request, result.place + 1, len(images))

    def _each_map(self, checkpoints: list[LoadedCheckpoint]) -> Iterator[protocol.Message]:
        """Curves or randomisation of every image and checkpoint, one after the other."""
        from xferviewer.networks.preprocessing import Presentations, present_to_tensor
        from xferviewer.studies.images import read_image

        request, maps = self.request, self._total()
        measure = self._curves if request.kind == "curves" else self._randomise
        for image in request.images:
            try:
                presentations = Presentations(read_image(image.path, image.frame))
            except XferviewerError as error:
                yield _failed(request.request, image.identity, error)
                continue
            for digest, finding, one in zip(request.checkpoints, request.findings, checkpoints, strict=True):
                if finding in one.checkpoint.trained_findings:
                    made = one.checkpoint.preprocessing
                    tensor = present_to_tensor(presentations.of(made), made)
                    for message in measure(one, tensor, image.identity, digest, finding):
                        if isinstance(message, protocol.MeasuringProgressed):
                            at, of = self._done * message.total + message.done, maps * message.total
                            yield protocol.MeasuringProgressed(request.request, at, of)
                        else:
                            yield message
                self._done += 1

    def _curves(
        self, loaded: LoadedCheckpoint, tensor: object, identity: str, digest: str, finding: str
    ) -> Iterator[protocol.Message]:
        import numpy as np
        from torch import Tensor

        from xferviewer.engine.perturbation_curves import CURVES, PerturbationChoices, perturbation_curves

        request = self.request
        choices = PerturbationChoices(
            request.step, cast("Ground", request.deletion), cast("Ground", request.insertion), request.seed
        )
        steps = perturbation_curves(
            loaded, cast("Tensor", tensor), finding, identity, choices, self._choice, self._between
        )
        for done, total, curves in steps:
            yield protocol.MeasuringProgressed(request.request, done, total)
            if curves is not None:
                values = np.stack([curves.scores[name] for name in CURVES])
                yield protocol.MapMeasured(request.request, request.kind, identity, digest, finding, CURVES, (), values)

    def _randomise(
        self, loaded: LoadedCheckpoint, tensor: object, identity: str, digest: str, finding: str
    ) -> Iterator[protocol.Message]:
        import numpy as np
        from torch import Tensor

        from xferviewer.engine.randomisation import LIKENESS, randomised_maps

        request = self.request
        results = []
        steps = randomised_maps(loaded, cast("Tensor", tensor), finding, request.seed, self._choice, self._between)
        for done, total, result in steps:
            results.append(result)
            yield protocol.MeasuringProgressed(request.request, done, total)
        groups = tuple(result.group for result in results)
        values = np.array([[getattr(result, name) for result in results] for name in LIKENESS], dtype=np.float64)
        yield protocol.MapMeasured(request.request, request.kind, identity, digest, finding, LIKENESS, groups, values)


def _failed(request: int, identity: str, error: XferviewerError) -> protocol.Failed:
    return protocol.Failed(request, identity, "", error.what, error.why, error.todo)


def _unexpected(error: Exception) -> EngineFailure:
    return EngineFailure(
        "The maps could not be measured.",
        f"{type(error).__name__}: {error}.",
        "Try again; if it happens again, report it with these details.",
    )
