"""Many files examined at once, each by one of several processes of our own, and told in the order they were named.

Headers are read by Python code, so that threads would wait for one another. A file that ends the process which reads
its header, or holds it for longer than a minute, costs itself alone.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import fields
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, cast

from xferviewer.errors import UnreadableImage
from xferviewer.processes import own_command, usable_cores
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, Refusal
from xferviewer.studies.examination import examine
from xferviewer.studies.image import ImageFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    Examined = ImageEntry | Refusal

SUBCOMMAND = "examine-files"  # of the command line: it calls `main`
SECONDS_A_FILE = 60.0
_FEWEST = 200  # fewer files are examined before other processes have started
_PORTION = 32
_PORTIONS_AHEAD = 4  # for each process: work while the catalogue is written; whoever cancels waits for it
_STILL_AT_WORK = b"\n"  # a line between the answers
_ENTRY = [field.name for field in fields(ImageEntry)]  # `dataclasses.asdict` copies each value, for every file
_FACTS = [field.name for field in fields(ImageFacts)]


def examine_in_order(stamps: Iterable[FileStamp], processes: int | None = None) -> Iterator[Examined]:
    """What `examine` says of each file, in their order; `stamps` is read only a little ahead.

    processes  as many as there are processor cores where not stated; 1 examines in the caller's process, where the
               first 200 files always are
    """
    processes = processes or usable_cores()
    stamps = iter(stamps)
    first = list(islice(stamps, _FEWEST)) if processes > 1 else stamps
    yield from map(examine, first)
    following = next(stamps, None)
    if following is not None:
        yield from _examine_elsewhere(chain([following], stamps), processes)


def _examine_elsewhere(stamps: Iterator[FileStamp], processes: int) -> Iterator[Examined]:
    examiners = [Examiner() for _ in range(processes)]
    idle: SimpleQueue[Examiner] = SimpleQueue()
    for examiner in examiners:
        idle.put(examiner)
    ended = threading.Event()
    threading.Thread(target=_watch, args=(examiners, ended), name="watch examiners", daemon=True).start()

    def examine_portion(portion: Sequence[FileStamp]) -> list[Examined]:
        examiner = idle.get()
        try:
            return examiner.examine(portion)
        finally:
            idle.put(examiner)

    with ExitStack() as closing, ThreadPoolExecutor(processes, "examine") as threads:
        for examiner in examiners:
            closing.callback(examiner.close)
        closing.callback(ended.set)
        coming: deque[Future[list[Examined]]] = deque()
        try:
            while portion := list(islice(stamps, _PORTION)):
                coming.append(threads.submit(examine_portion, portion))
                if len(coming) > _PORTIONS_AHEAD * processes:
                    yield from coming.popleft().result()
            while coming:
                yield from coming.popleft().result()
        finally:  # also when the caller stops in the middle
            for future in coming:
                future.cancel()


def _watch(examiners: Sequence[Examiner], ended: threading.Event) -> None:
    while not ended.wait(1.0):
        for examiner in examiners:
            examiner.lose_patience()


class Examiner:
    """A process that examines files; started when first needed, and again after a file has ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._busy_since = math.inf

    def examine(self, stamps: Sequence[FileStamp]) -> list[Examined]:
        """What `examination.examine` says of each; a file that the process did not survive is refused."""
        together = self._examine(stamps)
        if together is not None:
            return together
        examined: list[Examined] = []
        for stamp in stamps:  # one of them ended the process: which, is seen when each is sent alone
            alone = self._examine([stamp])
            examined += [_fatal(stamp)] if alone is None else alone
        return examined

    def _examine(self, stamps: Sequence[FileStamp]) -> list[Examined] | None:
        """None, and no process any more, where a file ends it or holds it too long."""
        process = self._running()
        requests, answers = cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
        request = json.dumps([[stamp.path, stamp.size, stamp.mtime_ns] for stamp in stamps])
        self._busy_since = time.monotonic()
        with suppress(OSError):  # it has ended: then there is no answer either
            requests.write(request.encode() + b"\n")
            requests.flush()
        while (answer := answers.readline()) == _STILL_AT_WORK:
            self._busy_since = time.monotonic()
        self._busy_since = math.inf
        if not answer.endswith(b"\n"):
            self.close()
            return None
        return [_from_json(stamp, values) for stamp, values in zip(stamps, json.loads(answer), strict=True)]

    def lose_patience(self) -> None:
        """End the process when it has been at one file for too long. Called from another thread."""
        process = self._process
        if process is not None and time.monotonic() - self._busy_since > SECONDS_A_FILE:
            process.kill()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # a child of a window would open a console
            command = own_command(SUBCOMMAND)
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, creationflags=no_window)
        return self._process

    def close(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with process:  # closes the pipes and waits
                pass


def main() -> int:
    """The process: each line of standard input lists files; one line of standard output tells of all of them.

    Before it, empty lines say that a file has been done since the last one.
    """
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    _serve(sys.stdin.buffer, output)
    return 0


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    for line in requests:
        examined, told = [], time.monotonic()
        for stamp in json.loads(line):
            examined.append(_as_json(examine(FileStamp(*stamp))))
            if time.monotonic() - told > 1.0:  # on a slow disk, many files together may take longer than one should
                told = time.monotonic()
                answers.write(_STILL_AT_WORK)
                answers.flush()
        answers.write(json.dumps(examined).encode() + b"\n")
        answers.flush()


def _as_json(examined: Examined) -> dict[str, Any]:
    if isinstance(examined, Refusal):
        return {"refused": examined.error.as_dict()}
    values: dict[str, Any] = {name: getattr(examined, name) for name in _ENTRY if name != "stamp"}
    return {**values, "facts": {name: getattr(examined.facts, name) for name in _FACTS}}


def _from_json(stamp: FileStamp, values: dict[str, Any]) -> Examined:
    if "refused" in values:
        return Refusal(stamp, UnreadableImage(**values["refused"]))
    return ImageEntry(stamp, **{**values, "facts": ImageFacts(**values["facts"])})


def _fatal(stamp: FileStamp) -> Refusal:
    return Refusal(
        stamp,
        UnreadableImage(
            f"{Path(stamp.path).name} could not be read.",
            f"The process that read its header ended, or was at it for more than {SECONDS_A_FILE:.0f} seconds.",
            "Fetch the file again from where it came from.",
        ),
    )
