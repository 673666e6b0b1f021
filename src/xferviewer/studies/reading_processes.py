"""`read_image` in processes of its own: several at a time, and a file that brings its decoder down costs only itself.

Most decoders hold Python's lock while they work, so that threads would decode one after the other and the network would
wait for each; some crash or never return on damaged data (docs/decisions/0050).
"""

from __future__ import annotations

import base64
import contextlib
import faulthandler
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self, TypeVar, cast

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.processes import own_command
from xferviewer.studies.image import Image, ImageFacts, OverlayPlane, Pyramid
from xferviewer.studies.images import read_image
from xferviewer.studies.limits import largest_frame_bytes
from xferviewer.studies.slides import Region, read_region
from xferviewer.studies.voi import VoiLut, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

_Answer = TypeVar("_Answer")

SUBCOMMAND = "read-images"  # of the command line: it calls `main`

MOST_SECONDS = 75.0
"""For one image: more than the minute that the last decoder is given (gdcm_pixels)."""

_ATTEMPTS = 2  # a process may also have been ended for what others did, or stood still with the whole computer

_LENGTH = struct.Struct(">I")
_MEMORY_OF_PYTHON = 2 << 30  # address space of the libraries themselves
_FRAMES_OF_MEMORY = 4  # decoded, converted, rescaled, and to spare
_PIPE_BYTES = 1 << 20  # Linux gives a pipe 64 KiB unless it is asked; a film then takes a hundred turns


class ReadingProcesses:
    """At most `count` processes that read images; each is started when it is first needed.

    `read` may be called by any number of threads; each waits until one of the processes is free.
    """

    def __init__(
        self,
        count: int,
        command: Sequence[str] | None = None,
        most_seconds: float = MOST_SECONDS,
        attempts: int = _ATTEMPTS,
    ) -> None:
        self._command = [*(command or own_command(SUBCOMMAND)), str(most_seconds)]
        self._most_seconds = most_seconds
        self._attempts = attempts
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)
        self._lock = threading.Lock()
        self._processes: set[_Process] = set()
        self._interrupted = False

    def read(self, path: Path, frame: int = 0) -> Image:
        """What `studies.images.read_image` gives, from another process. Raises UnreadableImage.

        That is also raised for a file on which `attempts` processes crashed or took longer than they may; the next
        file gets a new process.
        """
        return self._answered(path, lambda process: process.read(path, frame))

    def _answered(self, path: Path, ask: Callable[[_Process], _Answer]) -> _Answer:
        process = self._free.get()
        try:
            for _ in range(self._attempts):
                begun = time.monotonic()
                try:
                    process = self._running_one(process)
                    return ask(process)
                except (OSError, EOFError):
                    self._forget(process)
                    process = None
            raise self._undecodable(path, time.monotonic() - begun)
        except UnreadableImage:
            raise
        except BaseException:  # a pipe with half an answer in it is of no use to the next file
            self._forget(process)
            process = None
            raise
        finally:
            self._free.put(process)

    def read_region(self, path: Path, region: Region) -> NDArray[np.uint8]:
        """What `studies.slides.read_region` gives, from another process. Raises UnreadableImage as `read` does."""
        pixels: NDArray[np.uint8] = self._answered(path, lambda process: process.read_region(path, region))
        return pixels

    def interrupt(self) -> None:
        """End the processes at once and for good; whoever waits in `read` is told that the image is unreadable."""
        with self._lock:
            self._interrupted = True
            for process in self._processes:  # the thread that waits for an answer closes the pipes: nobody else may
                process.kill()

    def close(self) -> None:
        """End the processes for good; no thread may be in `read`."""
        self.interrupt()
        for process in list(self._processes):
            self._forget(process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running_one(self, process: _Process | None) -> _Process:
        """`process`, or a new one in its place where it has ended. Raises OSError after `interrupt`."""
        if process is not None and not process.has_ended():
            return process
        self._forget(process)
        with self._lock:
            if self._interrupted:
                raise InterruptedError
            process = _Process(self._command)
            self._processes.add(process)
            return process

    def _forget(self, process: _Process | None) -> None:
        if process is not None:
            process.kill()
            process.close()
            with self._lock:
                self._processes.discard(process)

    def _undecodable(self, path: Path, seconds: float) -> UnreadableImage:
        if seconds >= self._most_seconds:
            return UnreadableImage(
                f"{path.name} could not be decoded.",
                f"Its decoder was still at work after {self._most_seconds:.0f} s and was stopped.",
                "Leave it out, or convert it to an uncompressed transfer syntax.",
            )
        return UnreadableImage(
            f"{path.name} could not be decoded.",
            "The process that decoded it crashed, or ran out of memory.",
            "Leave it out, or convert it to an uncompressed transfer syntax.",
        )


class _Process:
    """One child. Its requests are lines of JSON, its answers a length, as many bytes of JSON, and the arrays."""

    def __init__(self, command: Sequence[str]) -> None:
        no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # on Windows, a child of a window would open a console
        alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        self._child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders complain about files, and files may be named after patients
            bufsize=0,
            creationflags=no_window,
            env={**os.environ, **alone},
        )
        self._requests, self._answers = cast("IO[bytes]", self._child.stdin), cast("IO[bytes]", self._child.stdout)
        _widen(self._answers)

    def read(self, path: Path, frame: int) -> Image:
        header, arrays = self._ask([str(path), frame])
        return _image(header["image"], arrays)

    def read_region(self, path: Path, region: Region) -> NDArray[np.uint8]:
        _, (pixels,) = self._ask([str(path), asdict(region)])
        return pixels

    def _ask(self, request: list[Any]) -> tuple[dict[str, Any], list[NDArray[Any]]]:
        self._requests.write(json.dumps(request).encode("ascii") + b"\n")
        (length,) = _LENGTH.unpack(_receive(self._answers, np.empty(_LENGTH.size, np.uint8)))
        header = json.loads(bytes(_receive(self._answers, np.empty(length, np.uint8))))
        if "error" in header:
            raise UnreadableImage(**header["error"])
        arrays = [np.empty(shape, np.dtype(dtype)) for dtype, shape in header["arrays"]]
        for array in arrays:
            _receive(self._answers, array.reshape(-1).view(np.uint8))
        return header, arrays

    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        self._child.wait()
        for pipe in (self._requests, self._answers):
            pipe.close()


def _receive(pipe: IO[bytes], into: NDArray[np.uint8]) -> memoryview:
    """Fill `into` from the pipe. Raises EOFError where the other side ends before."""
    rest = view = into.data
    while rest:
        count = pipe.readinto(rest)  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the process has ended")
        rest = rest[count:]
    return view


def _widen(pipe: IO[bytes]) -> None:
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:  # the system allows less to this user: slower, nothing else
            return


def _described(image: Image) -> tuple[dict[str, Any], list[NDArray[Any]]]:
    """An image as JSON and arrays; floats survive JSON to the bit."""
    arrays = [image.pixels]
    values: dict[str, Any] = {
        name: getattr(image, name)
        for name in (
            "unit", "inverted", "spacing_mm", "spacing_source", "orientation", "identity", "frame", "frames",
            "padding", "padding_limit", "pixel_aspect", "frames_per_second",
        )
    }  # fmt: skip
    values["windows"] = [asdict(window) for window in image.windows]
    values["facts"] = asdict(image.facts)
    values["voi_lut"] = None
    if image.voi_lut is not None:
        values["voi_lut"] = {"first": image.voi_lut.first, "explanation": image.voi_lut.explanation}
        arrays.append(image.voi_lut.values)
    values["overlays"] = [{"kind": plane.kind, "label": plane.label} for plane in image.overlays]
    arrays += [plane.pixels for plane in image.overlays]
    values["profile"] = None if image.profile is None else base64.b64encode(image.profile).decode("ascii")
    values["pyramid"] = None if image.pyramid is None else asdict(image.pyramid)
    return values, [np.ascontiguousarray(array) for array in arrays]


def _image(values: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> Image:
    pixels, *further = arrays
    voi_lut = values.pop("voi_lut")
    lut = None if voi_lut is None else VoiLut(voi_lut["first"], further.pop(0), voi_lut["explanation"])
    profile = values.pop("profile")
    spacing, orientation, pyramid = values.pop("spacing_mm"), values.pop("orientation"), values.pop("pyramid")
    return Image(
        pixels=pixels,
        windows=tuple(Window(**window) for window in values.pop("windows")),
        voi_lut=lut,
        spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        orientation=None if orientation is None else (orientation[0], orientation[1]),
        facts=ImageFacts(**values.pop("facts")),
        profile=None if profile is None else base64.b64decode(profile),
        pyramid=pyramid and Pyramid(tuple(map(_pair, pyramid["levels"])), pyramid["pixels_of_finest"]),
        overlays=tuple(
            OverlayPlane(plane, **words) for plane, words in zip(further, values.pop("overlays"), strict=True)
        ),
        **values,
    )


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return values[0], values[1]


def main(arguments: list[str]) -> int:
    """The child: answers each request until its standard input closes; ends itself when an image takes too long.

    Standard output belongs to the answers alone: whatever a decoder prints goes to standard error.
    """
    most_seconds = float(arguments[0])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command that started this
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin.buffer:
        path, wanted = json.loads(line)
        _limit_memory()
        faulthandler.dump_traceback_later(most_seconds, exit=True)
        _answer(output, Path(path), wanted if isinstance(wanted, int) else Region(**wanted))
        faulthandler.cancel_dump_traceback_later()
    return 0


def _limit_memory() -> None:
    """A decoder that asks for more memory than any film needs ends this process, not the computer's other ones.

    The largest film is as the settings have it now, so that a person who raises it need not start anew.
    """
    if sys.platform != "win32":  # Windows has no such limit of its own; there the size is checked before decoding
        import resource

        most = _MEMORY_OF_PYTHON + _FRAMES_OF_MEMORY * largest_frame_bytes()
        with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
            _, hard = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def _answer(output: IO[bytes], path: Path, wanted: int | Region) -> None:
    """A frame of a file as an image, or a region of a slide as pixels alone."""
    try:
        values, arrays = (
            ({}, [read_region(path, wanted)]) if isinstance(wanted, Region) else _described(read_image(path, wanted))
        )
    except UnreadableImage as error:
        _send(output, {"error": error.as_dict()}, [])
        return
    _send(output, {"image": values, "arrays": [(array.dtype.str, array.shape) for array in arrays]}, arrays)


def _send(output: IO[bytes], header: dict[str, Any], arrays: Sequence[NDArray[Any]]) -> None:
    text = json.dumps(header).encode("ascii")
    first = memoryview(_LENGTH.pack(len(text)) + text)
    for part in (first, *(array.reshape(-1).view(np.uint8).data for array in arrays)):
        rest = part
        while rest:
            rest = rest[output.write(rest) :]
