"""The engine process: reads requests on standard input, answers on standard output, until the input closes.

The visible image goes before the batch: between any two images of a batch the server looks for newer requests.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from xferviewer import __version__, protocol
from xferviewer.checkpoints import split_digest
from xferviewer.engine.measuring import Measuring
from xferviewer.errors import EngineFailure, XferviewerError
from xferviewer.processes import usable_cores

if TYPE_CHECKING:  # loading torch takes seconds: the window is told that the engine lives before that
    from xferviewer.checkpoints.input_measures import InputMeasures
    from xferviewer.engine.inference import Answering, Failure, LoadedCheckpoint, Predicting, Prediction
    from xferviewer.studies.reading_processes import ReadingProcesses

# For so long nobody looks for newer requests while a batch has no answer.
_SECONDS_BETWEEN_LOOKS = 0.02


class Inbox:
    """Requests by urgency: checkpoints to open, the newest image to explain, maps to measure, then batches by image."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._openings: list[protocol.OpenCheckpoints] = []
        self._explain: protocol.ExplainImage | None = None
        self._measuring: OrderedDict[int, Measuring] = OrderedDict()
        self._unwanted = 0  # the number of an ExplainImage that was cancelled
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
                case protocol.CancelRequest():
                    self._unwanted = message.request
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

    def supersedes(self, request: protocol.ExplainImage) -> bool:
        """A newer image is to be explained, other checkpoints are to be opened, or the request was cancelled."""
        with self._changed:
            return bool(self._explain or self._openings) or self._unwanted == request.request

    def done(self, work: Batch | Measuring) -> bool:
        """Forget what was answered to its end; whether there is another batch."""
        with self._changed:
            self._batches.pop(work.request.request, None)
            self._measuring.pop(work.request.request, None)
            return bool(self._batches or self._cancelled)


class Batch:
    """A PredictImages request and how far it is.

    asked        what answers under each digest of the request, in the order of the answers
    refused      why the others do not
    waited       seconds that its networks have been waited for: neither the time of the visible image, which goes
                 first, nor that of reading, which ends by itself, says that the engine hangs
    """

    def __init__(self, request: protocol.PredictImages) -> None:
        self.request = request
        self.predictions: Predicting | None = None
        self.asked: dict[str, Answering] = {}
        self.refused: dict[str, XferviewerError] = {}
        self.at = 0
        self.answered = 0
        self.waited = 0.0
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

    def working_on(self, request: int, seconds: float = 0.0) -> None:
        """What the next heartbeats say: at work on a request, for `seconds` already."""
        self._request, self._since = request, time.monotonic() - seconds

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
        self._reading: ReadingProcesses | None = None  # while there are batches
        self._may_compute = threading.Event()  # batches: not while the visible image is computed, or its maps measured
        self._may_compute.set()

    def work(self, inbox: Inbox) -> None:
        """Do the most urgent piece of work; what goes wrong with it is answered and costs only itself."""
        work = inbox.take()
        match work:
            case protocol.OpenCheckpoints():
                self._send.working_on(work.request)
                self._open(work)
            case protocol.ExplainImage():
                self._send.working_on(work.request)
                self._may_compute.clear()
                try:
                    self._explain(work, inbox)
                finally:
                    self._may_compute.set()
            case Measuring():
                self._send.working_on(work.request.request)
                self._measure(work, inbox)
            case Batch():
                self._send.working_on(work.request.request, work.waited)
                self._predict(work, inbox)
        self._warn()
        self._send.working_on(0)

    def _open(self, request: protocol.OpenCheckpoints) -> None:
        from xferviewer.engine import device, inference, passes

        self._send(protocol.DevicesListed(device.offers()))
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
            self._send(
                protocol.CheckpointOpened(
                    request.request,
                    folder,
                    digest,
                    device.describe(opened.device, opened.precision),
                    opened.device.type,
                    opened.precision,
                    opened.checks,
                    passes.has_dropout(opened.network),
                )
            )
        self._loaded = loaded
        self._send(protocol.Finished(request.request, len(loaded), len(request.folders), False))

    def _warn(self) -> None:
        """Tell what the checkpoints had to do otherwise than they were asked to, once."""
        for digest, loaded in self._loaded.items():
            while loaded.warnings:
                warning = loaded.warnings.pop(0)
                self._send(protocol.Warned(0, digest, warning.what, warning.why, warning.todo))

    def _explain(self, request: protocol.ExplainImage, inbox: Inbox) -> None:
        from xferviewer.engine.explaining import Explaining, Superseded
        from xferviewer.networks.input_measuring import measured_input
        from xferviewer.networks.preprocessing import Presentations, seen_part
        from xferviewer.studies.images import read_image

        done = 0
        try:
            image = read_image(request.image.path, request.image.frame)
        except XferviewerError as error:
            self._send(_failed(request.request, request.image.identity, "", error))
            self._send(protocol.Finished(request.request, 0, len(request.checkpoints), False))
            return
        presentations = Presentations(image)
        explaining = Explaining(
            request,
            self._send,
            superseded=partial(inbox.supersedes, request),
            alive=partial(self._send.working_on, request.request),
        )
        for digest in request.checkpoints:
            try:
                loaded = self._opened(digest)
                preprocessing = loaded.checkpoint.preprocessing
                tensor, measures = measured_input(image, presentations.of(preprocessing), preprocessing)
                self._send_measures(request.request, image.identity, {preprocessing.digest: measures})
                crop = seen_part(image.pixels.shape[0], image.pixels.shape[1], preprocessing)
                if request.with_input:
                    self._send(
                        protocol.NetworkInput(
                            request.request, request.generation, image.identity, digest, crop, tensor.numpy()
                        )
                    )
                explaining.explain(digest, loaded, image.identity, tensor, crop)
                done += 1
            except Superseded:
                break
            except Exception as error:  # noqa: BLE001  one checkpoint must cost only itself
                self._send(_failed(request.request, request.image.identity, digest, error))
        cancelled = inbox.supersedes(request) and done < len(request.checkpoints)
        self._send(protocol.Finished(request.request, done, len(request.checkpoints), cancelled))

    def _measure(self, work: Measuring, inbox: Inbox) -> None:
        """The next piece; batches go on between the pieces."""
        self._may_compute.clear()
        try:
            if not work.advance(self._loaded, self._send, partial(self._send.working_on, work.request.request)):
                inbox.done(work)
        finally:
            self._may_compute.set()

    def _predict(self, batch: Batch, inbox: Inbox) -> None:
        """The next answer of a batch, if it is there soon, or the batch's end."""
        request = batch.request
        if not batch.cancelled:
            run = batch.predictions = batch.predictions or self._begin(batch)
            begun = time.monotonic()
            answer = run.take(_SECONDS_BETWEEN_LOOKS)
            batch.waited = batch.waited + time.monotonic() - begun if run.computing and answer is None else 0.0
            if answer is not None:
                self._send_prediction(batch, answer)
        if batch.cancelled or batch.at >= len(request.images):
            self._end(batch, others=inbox.done(batch))
            self._send(protocol.Finished(request.request, batch.answered, len(request.images), batch.cancelled))

    def _begin(self, batch: Batch) -> Predicting:
        from xferviewer.engine.inference import start_predicting
        from xferviewer.studies.reading_processes import ReadingProcesses

        self._reading = self._reading or ReadingProcesses(usable_cores())
        batch.asked, batch.refused = self._asked(batch.request.checkpoints)
        images = ((Path(image.path), image.frame) for image in batch.request.images)
        return start_predicting(list(batch.asked.values()), images, self._reading, may_compute=self._may_compute)

    def _end(self, batch: Batch, *, others: bool) -> None:
        """Let go of what a batch held: its threads, and the reading processes unless other batches need them."""
        if batch.cancelled and self._reading is not None:
            self._reading.interrupt()
        if batch.predictions is not None:
            batch.predictions.close()
        if self._reading is not None and (batch.cancelled or not others):
            self._reading.close()
            self._reading = None

    def _send_prediction(self, batch: Batch, prediction: Prediction | Failure) -> None:
        from xferviewer.engine.inference import Failure, not_finite

        request, reference = batch.request, batch.request.images[batch.at]
        batch.at += 1
        if isinstance(prediction, Failure):
            for digest in request.checkpoints:
                self._send(_failed(request.request, reference.identity, digest, prediction.error))
            return
        self._send_measures(request.request, reference.identity, prediction.inputs)
        for digest, logits in zip(batch.asked, prediction.logits, strict=True):
            refused = not_finite(reference.path, logits)
            answer = _failed(request.request, reference.identity, digest, refused) if refused else None
            self._send(answer or protocol.Predicted(request.request, reference.identity, digest, logits))
        for digest, error in batch.refused.items():
            self._send(_failed(request.request, reference.identity, digest, error))
        batch.answered += 1

    def _send_measures(self, request: int, identity: str, inputs: Mapping[str, InputMeasures]) -> None:
        for preprocessing, measures in inputs.items():
            self._send(
                protocol.InputMeasured(
                    request, identity, preprocessing, measures.values, measures.modality, measures.body_part
                )
            )

    def _asked(self, digests: Iterable[str]) -> tuple[dict[str, Answering], dict[str, XferviewerError]]:
        """What answers under each digest, and why others do not."""
        from xferviewer.engine.passes import RepeatedCheckpoint

        asked: dict[str, Answering] = {}
        refused: dict[str, XferviewerError] = {}
        for digest in digests:
            weights, passes = split_digest(digest)
            try:
                loaded = self._opened(weights)
                asked[digest] = loaded if passes is None else RepeatedCheckpoint(loaded, passes)
            except XferviewerError as error:
                refused[digest] = error
        return asked, refused

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
