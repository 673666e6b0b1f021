"""The next study on the screen, read ahead or not; and the window's memory while thousands of films are looked through.

`python -m benchmarks.next_study [--films N] [--side S] [--only speed|memory]`: from the question to the painted panes,
in the whole window, offscreen, without networks. Films of 3000 × 3000 pixels of 16 bits, uncompressed DICOM, each a
study of its own. Beside it, in turns, what reading the pixels of the same file with pydicom takes and nothing else. For
the memory N films of S × S are stepped through. Budgets: 50 ms read ahead, 250 ms otherwise; memory flat within 10 %
once the films that are kept fill their budget.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import index
from xferviewer.studies.phantom import write_cohort

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xferviewer.gui.app import Application

SIDE, STEPS = 3000, 11  # the first of each warms up
_APART = 4  # studies from one that was not looked at to the next
_READ_AHEAD_SECONDS = 2.0
FILMS, SMALL_SIDE = 2000, 768
_SECONDS = 60.0  # for one film: something has gone wrong then


def main(arguments: Sequence[str] = ()) -> None:
    """Print a line for each of the three."""
    options = _options(arguments)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if options.only != "memory":
        with tempfile.TemporaryDirectory() as scratch:
            print(_speed(Path(scratch)), flush=True)
    if options.only != "speed":
        with tempfile.TemporaryDirectory() as scratch:
            print(_memory(Path(scratch), options.films, options.side), flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.next_study")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--side", type=int, default=SMALL_SIDE)
    parser.add_argument("--only", choices=("speed", "memory"))
    return parser.parse_args(arguments)


def _write(folder: Path, count: int, side: int) -> None:
    """Uncompressed films with the header of a phantom film, each a study of its own; no two hold the same values."""
    table = write_cohort(folder / "template", 1, 1, "A", size=64, masks=False)
    film = pydicom.dcmread(next(table.parent.rglob("*.dcm")))
    film.file_meta = FileMetaDataset(film.file_meta)
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.SOPClassUID = DigitalXRayImageStorageForPresentation
    film.Rows = film.Columns = side
    film.BitsAllocated, film.BitsStored, film.HighBit = 16, 16, 15
    film.WindowCenter, film.WindowWidth = 30_000, 50_000
    values = np.random.default_rng(2).integers(5_000, 55_000, (side, side), dtype=np.uint16)
    (folder / "films").mkdir()
    for number in range(count):
        film.StudyInstanceUID, film.PatientID = generate_uid(), f"{number:05}"
        film.SOPInstanceUID = film.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        film.PixelData = np.roll(values, 31 * number).tobytes()
        film.save_as(folder / "films" / f"{number:05}.dcm")


def _opened(home: Path) -> Application:
    from xferviewer import settings
    from xferviewer.gui import app, running, theme
    from xferviewer.resources import bundled_checkpoints

    qt = running.make_qt_application()
    theme.apply(qt, theme.read_theme("dark"))
    folders = app.Folders.under(home, demo=False)
    with Catalogue(folders.catalogue) as catalogue:
        index(home / "films", catalogue)
    application = app.Application(folders, settings.Settings(notice_seen=True), demo=False)
    application.checkpoints.open(bundled_checkpoints())  # the process that computes with them is not started
    application.window.resize(1920, 1080)
    application.window.show()
    application.library.refresh()
    return application


def _until(ready: Callable[[], bool]) -> None:
    from PySide6.QtCore import QCoreApplication, QEventLoop

    given_up = time.monotonic() + _SECONDS
    while not ready():
        if time.monotonic() > given_up:
            raise RuntimeError("the film did not come")
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 5)


def _wait(seconds: float) -> None:
    ends = time.monotonic() + seconds
    _until(lambda: time.monotonic() > ends)


def _seconds_to(application: Application, action: Callable[[], object]) -> tuple[float, float]:
    """From an action that leads to another study to its film in the painted panes; and the processor time of it."""
    compare = application.window.compare
    begun, busy = time.perf_counter(), time.process_time()
    action()
    shown = application.session.shown
    assert shown is not None
    _until(lambda: compare.image is not None and compare.image.identity == shown.image.identity)
    application.window.repaint()
    return time.perf_counter() - begun, time.process_time() - busy


def _read_with_pydicom(path: str) -> tuple[float, float]:
    begun, busy = time.perf_counter(), time.process_time()
    _ = pydicom.dcmread(path).pixel_array
    return time.perf_counter() - begun, time.process_time() - busy


def _speed(scratch: Path) -> str:
    _write(scratch, _APART * STEPS, SIDE)
    application = _opened(scratch)
    library = application.library
    ahead, cold, bare = [], [], []
    for row in range(0, _APART * STEPS, _APART):  # neither it nor its neighbours were looked at
        cold.append(_seconds_to(application, lambda row=row: library.show_study(row)))
        bare.append(_read_with_pydicom(application.session.studies[row].first_path))
        _wait(_READ_AHEAD_SECONDS)
        ahead.append(_seconds_to(application, lambda: library.step_study(1)))
        _wait(_READ_AHEAD_SECONDS)
    panes = len(application.session.classifiers.checkpoints)
    application.window.close()
    application.close()
    return (
        f"next study, {SIDE} × {SIDE}, {panes} panes: read ahead {_said(ahead[1:])} (budget 50 ms); not read ahead "
        f"{_said(cold[1:])} (budget 250 ms); pydicom's reading of the pixels alone {_said(bare[1:])}"
    )


def _said(times: Sequence[tuple[float, float]]) -> str:
    walls, busy = zip(*times, strict=True)
    return (
        f"{1e3 * statistics.median(walls):.0f} ms, at most {1e3 * max(walls):.0f}, "
        f"{1e3 * statistics.median(busy):.0f} ms of processor time"
    )


def _memory(scratch: Path, films: int, side: int) -> str:
    from xferviewer.gui.films import film_memory_mib

    _write(scratch, films, side)
    application = _opened(scratch)
    own = psutil.Process()
    resident: list[float] = []
    application.library.show_study(0)
    for number in range(films):
        _seconds_to(application, lambda row=number: application.library.show_study(row))
        if (number + 1) % 100 == 0:
            gc.collect()
            resident.append(own.memory_info().rss / (1 << 20))
    budget = film_memory_mib(0)
    application.window.close()
    application.close()
    full = next((n for n, mib in enumerate(resident) if mib > 0.95 * max(resident)), len(resident) - 1)
    said = ", ".join(f"{mib:.0f}" for mib in resident)
    return (
        f"memory of the window over {films} films of {side} × {side}: {said} MiB "
        f"after each hundred; from {100 * (full + 1)} on {max(resident[full:]) / min(resident[full:]):.3f} "
        f"(budget 1.1); {budget} MiB may be kept"
    )


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
