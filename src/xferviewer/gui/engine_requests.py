"""What the engine was asked and has not answered: kept so that a new engine can be asked the rest. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from xferviewer import protocol
from xferviewer.checkpoints import split_digest
from xferviewer.saliency_methods import MapChoice

_MOST_SECONDS_PER_IMAGE = 120.0
"""One image by one set of checkpoints takes a second or so, on a slow machine ten; after this the engine hangs."""

_MOST_SECONDS_OPENING = 900.0
"""Loading the libraries and several large checkpoints from a slow disk may take minutes."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Work that is left out, in words for the user. `measuring`: all of a request to measure maps."""

    failure: protocol.Failed
    measuring: bool = False


class EngineRequests:
    """The checkpoints to open, the visible image, maps to measure, and batches in the background, by their numbers."""

    def __init__(self) -> None:
        self._number = 1
        self._opening: protocol.OpenCheckpoints | None = None
        self._explaining: protocol.ExplainImage | None = None
        self._measuring: dict[int, protocol.MeasureMaps] = {}
        self._batches: dict[int, protocol.PredictImages] = {}
        self._answered: dict[int, set[tuple[str, str]]] = {}  # (image, checkpoint) pairs of each batch

    # --- asking

    def open_checkpoints(self, folders: Iterable[str], device: str, precision: str) -> protocol.OpenCheckpoints:
        """Load these checkpoints in place of those before."""
        self._opening = protocol.OpenCheckpoints(self._next(), tuple(folders), device, precision)
        return self._opening

    def explain(
        self,
        image: protocol.ImageReference,
        generation: int,
        checkpoints: Iterable[str],
        choice: MapChoice,
        findings: Iterable[str],
        *,
        with_input: bool,
    ) -> protocol.ExplainImage:
        """Probabilities and maps of the visible image, in place of the image before."""
        self._explaining = protocol.ExplainImage(
            self._next(), generation, image, tuple(checkpoints),
            choice.method, choice.layers, choice.smoothing, tuple(findings), with_input,
        )  # fmt: skip
        return self._explaining

    def predict(self, images: Iterable[protocol.ImageReference], checkpoints: Iterable[str]) -> protocol.PredictImages:
        """Logits of many images in the background."""
        batch = protocol.PredictImages(self._next(), tuple(images), tuple(checkpoints))
        self._batches[batch.request] = batch
        self._answered[batch.request] = set()
        return batch

    def measure(self, request: protocol.MeasureMaps) -> protocol.MeasureMaps:
        """How good maps are; its number is given here."""
        numbered = replace(request, request=self._next())
        self._measuring[numbered.request] = numbered
        return numbered

    def _next(self) -> int:
        self._number += 1
        return self._number

    # --- what is not answered

    def unanswered(self) -> list[protocol.Message]:
        """What a new engine has to be asked: the checkpoints, the visible image, the rest of each batch."""
        messages: list[protocol.Message] = [m for m in (self._opening, self._explaining) if m is not None]
        messages += self._measuring.values()
        for request, batch in self._batches.items():
            messages.append(replace(batch, images=tuple(self._images_left(request, batch))))
        return messages

    def n_images_left(self) -> int:
        """How many images of all batches have no answer yet."""
        return sum(len(self._images_left(request, batch)) for request, batch in self._batches.items())

    def _images_left(self, request: int, batch: protocol.PredictImages) -> list[protocol.ImageReference]:
        answered = self._answered[request]
        return [
            image
            for image in batch.images
            if any((image.identity, digest) not in answered for digest in batch.checkpoints)
        ]

    def is_opening(self, request: int) -> bool:
        """It is the newest request to open checkpoints."""
        return self._opening is not None and self._opening.request == request

    def is_explaining(self, request: int) -> bool:
        """It is the request about the visible image."""
        return self._explaining is not None and self._explaining.request == request

    def is_measuring(self, request: int) -> bool:
        """It is a request to measure maps."""
        return request in self._measuring

    def can_be_cancelled(self, request: int) -> bool:
        """It is under way, and is not what everything else rests on."""
        return self.is_explaining(request) or request in self._batches or self.is_measuring(request)

    def most_seconds(self, request: int) -> float:
        """For how long an engine may be at one piece of work: at one image, once for each time that it is asked."""
        if self.is_opening(request):
            return _MOST_SECONDS_OPENING
        batch = self._batches.get(request)
        asked = [split_digest(digest)[1] for digest in batch.checkpoints] if batch is not None else []
        return _MOST_SECONDS_PER_IMAGE * max((passes.count for passes in asked if passes is not None), default=1)

    # --- answers

    def note_answer(self, message: protocol.Predicted | protocol.Failed) -> None:
        """An image of a batch has its answer, or never will."""
        self._answered.get(message.request, set()).add((message.identity, message.checkpoint))

    def note_end(self, message: protocol.Finished) -> protocol.Finished:
        """A request is done; the same message, of a batch with the images of all engines that it was asked of."""
        if self.is_explaining(message.request):
            self._explaining = None
        self._measuring.pop(message.request, None)
        batch = self._batches.get(message.request)
        if batch is not None:  # after a crash the engine was asked for the rest only: count what came back in all
            total = len(batch.images)
            done = total - len(self._images_left(message.request, batch))
            message = replace(message, done=done, total=total)
            del self._batches[message.request], self._answered[message.request]
        return message

    def give_up_opening(self) -> GivenUp | None:
        """The checkpoints bring the engine down again and again: none is asked for any more."""
        if self._opening is None:
            return None
        self._opening = None
        return GivenUp(
            protocol.Failed(
                0, "", "", "The checkpoints could not be opened.", "The engine crashed each time.",
                "Compare fewer checkpoints, or choose another device in the settings.",
            )
        )  # fmt: skip

    def give_up_first(self) -> GivenUp | None:
        """The same work brings the engine down again and again: leave out what it fell over, keep the rest."""
        if self._explaining is not None:
            image, request, self._explaining = self._explaining.image, self._explaining.request, None
            return _no_prediction(request, image)
        if self._measuring:
            request = next(iter(self._measuring))
            del self._measuring[request]
            failure = protocol.Failed(
                request, "", "", "The maps could not be measured.", "The engine crashed on them repeatedly.",
                "Measure fewer checkpoints at once, or choose another device in the settings.",
            )  # fmt: skip
            return GivenUp(failure, measuring=True)
        for request, batch in self._batches.items():
            for image in self._images_left(request, batch)[:1]:
                self._answered[request] |= {(image.identity, digest) for digest in batch.checkpoints}
                return _no_prediction(request, image)
        return None


def _no_prediction(request: int, image: protocol.ImageReference) -> GivenUp:
    return GivenUp(
        protocol.Failed(
            request, image.identity, "", "One image could not be predicted.",
            "The engine crashed on it repeatedly.", "Look at the file; the other images go on without it.",
        )
    )  # fmt: skip
