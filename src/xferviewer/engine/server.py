"""The engine process: reads requests on standard input, answers on standard output, until the input closes.

The visible image goes before the batch: between any two images of a batch the server looks for newer requests.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from xferviewer import __version__, protocol
from xferviewer.engine.measuring import Measuring
from xferviewer.errors import EngineFailure, XferviewerError

if TYPE_CHECKING:  # loading torch takes seconds: the window is told that the engine lives before that
    from xferviewer.engine.inference import Failure, LoadedCheckpoint, Prediction


class Inbox:
    """Requests by urgency: checkpoints to open, the newest image to explain, maps to measure, then batches by image."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._openings: list[protocol.OpenCheckpoints] = []
        self._explain: protocol.ExplainImage | None = None
        self._measuring: OrderedDict[int, Measuring] = OrderedDict()
        self._batches: OrderedDict[int, Batch] = OrderedDict()
        self._cancelled: list[Batch] = []

    def put(self, message: protocol.Message) -> None:
        """Add a request; an ExplainImage replaces an older one that nobody has started."""
        with self._changed:
            match message:
                case protocol.OpenCheckpoints():
                    self._openings.append(message)
                case protocol.ExplainImage():
                    self._explain = message
                case protocol.PredictImages():
                    self._batches[message.request] = Batch(message)
                case protocol.MeasureMaps():
                    self._measuring[message.request] = Measuring(message)
                case protocol.CancelRequest() if message.request in self._measuring:
                    self._measuring[message.request].cancelled = True
                case protocol.CancelRequest() if message.request in self._batches:
                    self._cancelled.append(self._batches.pop(message.request))
            self._changed.notify()

    def take(self) -> protocol.OpenCheckpoints | protocol.ExplainImage | Measuring | Batch:
        """The most urgent work; waits for some. Measuring and batches stay in the inbox until `done` says that they are
        over."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._openings or self._explain or self._measuring or self._batches or self._cancelled
            )
            if self._cancelled:
                batch = self._cancelled.pop()
                batch.cancelled = True
                return batch
            if self._openings:
                return self._openings.pop(0)
            if self._explain:
                explain, self._explain = self._explain, None
                return explain
            if self._measuring:
                return next(iter(self._measuring.values()))
            return next(iter(self._batches.values()))

    def done(self, work: Batch | Measuring) -> None:
        """Forget what was answered to its end."""
        with self._changed:
            self._batches.pop(work.request.request, None)
            self._measuring.pop(work.request.request, None)


class Batch:
    """A PredictImages request and how far it is."""

    def __init__(self, request: protocol.PredictImages) -> None:
        self.request = request
        self.predictions: Iterator[Prediction | Failure] | None = None
        self.at = 0
        self.answered = 0
        self.cancelled = False


class Sender:
    """Writes frames to the window, one at a time, whichever thread sends them."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._lock = threading.Lock()
        self._request = 0
        self._since = time.monotonic()

    def __call__(self, message: protocol.Message) -> None:
        frame = protocol.encode(message)
        with self._lock:
            self._output.write(frame)
            self._output.flush()

    def working_on(self, request: int) -> None:
        """What the next heartbeats say."""
        self._request, self._since = request, time.monotonic()

    def beat(self) -> None:
        """Send a heartbeat every second, for ever."""
        while True:
            time.sleep(1.0)
            self(protocol.Heartbeat(self._request, time.monotonic() - self._since))


class Engine:
    """Opens checkpoints, predicts and explains, and sends what comes out."""

    def __init__(self, send: Sender) -> None:
        self._send = send
        self._loaded: dict[str, LoadedCheckpoint] = {}

    def work(self, inbox: Inbox) -> None:
        """Do the most urgent piece of work; what goes wrong with it is answered and costs only itself."""
        work = inbox.take()
        match work:
            case protocol.OpenCheckpoints():
                self._send.working_on(work.request)
                self._open(work)
            case protocol.ExplainImage():
                self._send.working_on(work.request)
                self._explain(work)
            case Measuring():
                self._send.working_on(work.request.request)
                if not work.advance(self._loaded, self._send):
                    inbox.done(work)
            case Batch():
                self._send.working_on(work.request.request)
                self._predict(work, inbox)
        self._send.working_on(0)

    def _open(self, request: protocol.OpenCheckpoints) -> None:
        from xferviewer.engine import device, inference

        loaded: dict[str, LoadedCheckpoint] = {}
        for folder in request.folders:
            try:
                chosen = device.choose_device(cast("device.DeviceName", request.device))
                precision = cast("device.Precision", request.precision)
                opened = inference.load(folder, chosen, precision)
            except Exception as error:  # noqa: BLE001  one bad checkpoint must not cost the others
                self._send(_failed(request.request, "", folder, error))
                continue
            digest = opened.checkpoint.weights_sha256
            loaded[digest] = opened
            described = device.describe(chosen, precision)
            self._send(protocol.CheckpointOpened(request.request, folder, digest, described))
        self._loaded = loaded
        self._send(protocol.Finished(request.request, len(loaded), len(request.folders), False))

    def _explain(self, request: protocol.ExplainImage) -> None:
        from xferviewer.engine import saliency
        from xferviewer.networks.preprocessing import present_to_tensor, seen_part
        from xferviewer.studies.images import present, read_image

        done = 0
        try:
            image = read_image(request.image.path, request.image.frame)
            presentation = present(image)
        except XferviewerError as error:
            self._send(_failed(request.request, request.image.identity, "", error))
            self._send(protocol.Finished(request.request, 0, len(request.checkpoints), False))
            return
        for digest in request.checkpoints:
            try:
                loaded = self._opened(digest)
                preprocessing = loaded.checkpoint.preprocessing
                explanation = saliency.explain(loaded, present_to_tensor(presentation, preprocessing))
            except Exception as error:  # noqa: BLE001  one checkpoint must cost only itself
                self._send(_failed(request.request, request.image.identity, digest, error))
                continue
            done += 1
            self._send(
                protocol.Explained(
                    request.request,
                    request.generation,
                    image.identity,
                    digest,
                    request.method,
                    explanation.layer,
                    seen_part(presentation.shape[0], presentation.shape[1], preprocessing),
                    explanation.logits,
                    explanation.maps,
                    explanation.peaks,
                )
            )
        self._send(protocol.Finished(request.request, done, len(request.checkpoints), False))

    def _predict(self, batch: Batch, inbox: Inbox) -> None:
        """The next image of a batch, or its end."""
        from xferviewer.engine.inference import predict_images

        request = batch.request
        if batch.predictions is None and not batch.cancelled:
            loaded = [self._loaded[digest] for digest in request.checkpoints if digest in self._loaded]
            batch.predictions = predict_images(loaded, ((Path(i.path), i.frame) for i in request.images))
        if not batch.cancelled and batch.at < len(request.images) and batch.predictions is not None:
            self._send_prediction(batch, next(batch.predictions))
        if batch.cancelled or batch.at >= len(request.images):
            inbox.done(batch)
            self._send(protocol.Finished(request.request, batch.answered, len(request.images), batch.cancelled))

    def _send_prediction(self, batch: Batch, prediction: Prediction | Failure) -> None:
        from xferviewer.engine.inference import Failure

        request, reference = batch.request, batch.request.images[batch.at]
        batch.at += 1
        if isinstance(prediction, Failure):
            for digest in request.checkpoints:
                self._send(_failed(request.request, reference.identity, digest, prediction.error))
            return
        opened = [digest for digest in request.checkpoints if digest in self._loaded]
        for digest, logits in zip(opened, prediction.logits, strict=True):
            self._send(protocol.Predicted(request.request, reference.identity, digest, logits))
        for digest in set(request.checkpoints) - set(opened):
            self._send(_failed(request.request, reference.identity, digest, _not_open(digest)))
        batch.answered += 1

    def _opened(self, digest: str) -> LoadedCheckpoint:
        if digest not in self._loaded:
            raise _not_open(digest)
        return self._loaded[digest]


def _not_open(digest: str) -> EngineFailure:
    return EngineFailure(
        f"The checkpoint {digest[:8]} cannot predict.", "The engine has not opened it.", "Open the checkpoint again."
    )


def _failed(request: int, identity: str, checkpoint: str, error: Exception) -> protocol.Failed:
    if isinstance(error, XferviewerError):
        return protocol.Failed(request, identity, checkpoint, error.what, error.why, error.todo)
    return protocol.Failed(
        request,
        identity,
        checkpoint,
        "The engine could not do this.",
        f"{type(error).__name__}: {error}.",
        "Try again; if it happens again, report it with these details.",
    )


def _read_requests(source: BinaryIO, inbox: Inbox) -> None:
    """Fill the inbox until the window closes the pipe; then the engine has nobody to work for and ends at once."""
    decoder = protocol.Decoder()
    while data := source.read1(1 << 16):  # type: ignore[attr-defined]
        for message in decoder.feed(data):
            inbox.put(message)
    os._exit(0)


def serve() -> int:
    """Be the engine process, until standard input closes.

    Standard output belongs to the frames alone: whatever a library prints goes to standard error.
    """
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    send = Sender(output)
    send(protocol.EngineStarted(os.getpid(), __version__))
    inbox = Inbox()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, inbox), daemon=True).start()
    threading.Thread(target=send.beat, daemon=True).start()
    engine = Engine(send)
    try:
        while True:
            engine.work(inbox)
    except BrokenPipeError:  # the window is gone
        return 0
