"""A cohort by several checkpoints: what the prediction store has is taken from it, the rest is computed into it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xferviewer.checkpoints.input_measures import InputMeasures
from xferviewer.engine.inference import Failure, LoadedCheckpoint, Prediction, not_finite, predict_images
from xferviewer.engine.passes import RepeatedCheckpoint
from xferviewer.errors import Stopped, XferviewerError
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
from xferviewer.evaluation.run_progress import Rate, RunProgress
from xferviewer.studies.selection import SelectedImage, identified

Asked = LoadedCheckpoint | RepeatedCheckpoint

_STORE_EVERY_S = 0.5  # a kill loses at most that, as in the window


@dataclass(frozen=True, slots=True, eq=False)
class PredictedImage:
    """An image and what each that was asked says of it: (findings,) or (passes, findings) float32.

    inputs  what was measured of it, by the digest of the preprocessing
    """

    image: SelectedImage
    logits: tuple[NDArray[np.float32], ...]
    inputs: Mapping[str, InputMeasures]


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that has no prediction, and why."""

    image: SelectedImage
    error: XferviewerError


@dataclass(frozen=True, slots=True)
class PredictedCohort:
    """In the order of the cohort; `computed` images were not, or not whole, in the store."""

    images: tuple[PredictedImage, ...]
    failed: tuple[FailedImage, ...]
    computed: int


def predict_cohort(
    asked: Sequence[Asked],
    images: Sequence[SelectedImage],
    store: PredictionStore,
    batch_size: int | None = None,
    progress: Callable[[RunProgress], None] | None = None,
) -> PredictedCohort:
    """Every prediction of the images; those that the store has are not computed again.

    What is computed goes to the store twice a second. Raises Stopped where Ctrl-C ends it; the store then has all that
    was computed until then.
    """
    cohort = _Cohort(asked, images, store, batch_size)
    lacking = cohort.lacking()
    total = sum(map(len, lacking.values()))
    done, rate = 0, Rate()
    try:
        with _ctrl_c() as interrupted:
            for columns, places in lacking.items():
                for place, answer in zip(places, cohort.predict(columns, places), strict=True):
                    cohort.take(columns, place, answer)
                    done += 1
                    if progress is not None:
                        progress(RunProgress(done, total, rate.note(done), len(cohort.failed), len(images) - total))
                    if interrupted.is_set():
                        raise KeyboardInterrupt
    except KeyboardInterrupt:
        cohort.put_away()
        raise Stopped(
            "Predicting was stopped.",
            f"{len(images) - total + done} of {len(images)} images are done and kept in {store.path}.",
            "Give the same command again: it goes on with the rest.",
        ) from None
    finally:
        cohort.put_away()
    return cohort.result(total)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Set by Ctrl-C; a second one interrupts at once.

    Python raises KeyboardInterrupt wherever the main thread happens to be: in the callback of a library, or where an
    object is cleared away, it would be printed and lost, and the run would go on.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # others cannot be told
        yield interrupted
        return

    def note(_number: int, _frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


class _Cohort:
    """The images with what is known of each, and what the store has not been given yet."""

    def __init__(
        self, asked: Sequence[Asked], images: Sequence[SelectedImage], store: PredictionStore, batch_size: int | None
    ) -> None:
        self._asked, self._store, self._batch_size = asked, store, batch_size
        self._keys = [_key(one, batch_size) for one in asked]
        # Only a store that has something to give is worth a look into files whose identity nobody knows.
        self._images = identified(images) if any(map(store.has, self._keys)) else list(images)
        identities = [image.identity for image in self._images]
        stored = [store.get(key, identities) for key in self._keys]
        self._digests = [one.preprocessing.digest for one in asked]
        measured = {digest: store.inputs(digest, identities) for digest in set(self._digests)}
        self._inputs = [
            {digest: found[identity] for digest, found in measured.items() if identity in found}
            for identity in identities
        ]
        # Logits without the measures of their input are computed again: nobody could tell what they were made of.
        self._logits = [
            [
                None if np.isnan(rows[place]).any() or digest not in self._inputs[place] else rows[place]
                for rows, digest in zip(stored, self._digests, strict=True)
            ]
            for place in range(len(images))
        ]
        self.failed: dict[int, XferviewerError] = {}
        self._new: list[dict[str, NDArray[np.float32]]] = [{} for _ in asked]
        self._new_inputs: dict[str, dict[str, InputMeasures]] = {digest: {} for digest in measured}
        self._put = time.monotonic()

    def lacking(self) -> dict[tuple[int, ...], list[int]]:
        """The places of the images by the columns that they lack: an image is asked for those only."""
        found: dict[tuple[int, ...], list[int]] = {}
        for place, logits in enumerate(self._logits):
            columns = tuple(column for column, values in enumerate(logits) if values is None)
            if columns:
                found.setdefault(columns, []).append(place)
        return found

    def predict(self, columns: Sequence[int], places: Sequence[int]) -> Iterator[Prediction | Failure]:
        """What these columns say of the images at these places, as it comes."""
        asked = [self._asked[column] for column in columns]
        images = ((self._images[place].path, self._images[place].frame) for place in places)
        return predict_images(asked, images, self._batch_size)

    def take(self, columns: Sequence[int], place: int, answer: Prediction | Failure) -> None:
        """Take an answer in, and put what is new away when it is due."""
        if isinstance(answer, Failure):
            self.failed[place] = answer.error
            return
        image = self._images[place]
        self._images[place] = replace(
            image,
            study=image.study or answer.facts.study_uid,
            patient=image.patient or answer.facts.patient_id,
            identity=answer.identity,
        )
        self._inputs[place].update(answer.inputs)
        for digest, measures in answer.inputs.items():
            self._new_inputs[digest][answer.identity] = measures
        for column, logits in zip(columns, answer.logits, strict=True):
            refused = not_finite(image.path, logits)
            if refused is not None:
                self.failed[place] = refused
                continue
            self._logits[place][column] = logits.reshape(-1)
            self._new[column][answer.identity] = logits.reshape(-1)
        if time.monotonic() - self._put > _STORE_EVERY_S:
            self.put_away()

    def put_away(self) -> None:
        """Write what is new to the store."""
        self._put = time.monotonic()
        for digest, inputs in self._new_inputs.items():
            if inputs:
                self._store.put_inputs(digest, inputs)
                inputs.clear()
        for key, new in zip(self._keys, self._new, strict=True):
            if new:
                self._store.put_many(key, list(new), np.stack(list(new.values())))
                new.clear()

    def result(self, computed: int) -> PredictedCohort:
        """What there is in the end."""
        whole = [
            PredictedImage(
                image, tuple(_shaped(one, values) for one, values in zip(self._asked, known, strict=True)), inputs
            )
            for image, logits, inputs in zip(self._images, self._logits, self._inputs, strict=True)
            if len(known := [values for values in logits if values is not None]) == len(self._asked)
        ]
        failed = [FailedImage(self._images[place], error) for place, error in sorted(self.failed.items())]
        return PredictedCohort(tuple(whole), tuple(failed), computed)


def _key(asked: Asked, batch_size: int | None) -> PredictionKey:
    """Under which the answers are kept: on the CPU the last bits depend on the size of the batch (0011)."""
    loaded = asked.loaded if isinstance(asked, RepeatedCheckpoint) else asked
    plain = PredictionKey.of(loaded.checkpoint, loaded.device.type, loaded.precision)
    passes, of_each = (asked.passes.key, asked.passes.count) if isinstance(asked, RepeatedCheckpoint) else ("", 1)
    batch = f"+batch-{batch_size}" if loaded.device.type == "cpu" and (batch_size or 1) > 1 else ""
    return replace(plain, preprocessing=plain.preprocessing + passes + batch, n_findings=plain.n_findings * of_each)


def _shaped(asked: Asked, values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values.reshape(asked.passes.count, -1) if isinstance(asked, RepeatedCheckpoint) else values
