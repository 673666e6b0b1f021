"""The worklist of a large catalogue: how long it takes to open, sort and filter, and how long a frame while it scrolls.

`python -m benchmarks.worklist [--images N] [--catalogue FILE]`: N studies of one image each (1,000,000) are written
into FILE where it does not hold them, by the functions of the index. Times are of the whole window, offscreen, from the
question to the painted table. Beside each stands what SQLite alone takes to hand out the numbers of all studies in an
order of its own, in the same run. Budgets: 0.5 s each, no frame above 33 ms.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts

if TYPE_CHECKING:
    from xferviewer.gui.app import Application

IMAGES, BATCH, RUNS, FRAMES = 1_000_000, 20_000, 5, 400
FINDINGS = ("Atelectasis", "Cardiomegaly", "Edema", "Effusion")
_LABELLED_EVERY = 50


def main(arguments: Sequence[str] = ()) -> None:
    """Print a line for each question, and one for scrolling."""
    options = _options(arguments)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XFERVIEWER_HOME"] = scratch
        source = options.catalogue or Path(scratch) / "source.sqlite"
        if not source.exists():
            print(f"writing {options.images:,} images took {_write(source, options.images):.0f} s", flush=True)
        shutil.copy(source, Path(scratch) / "catalogue.sqlite")
        _measure(options.images)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worklist")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--catalogue", type=Path)
    return parser.parse_args(arguments)


def _write(path: Path, images: int) -> float:
    begun = time.perf_counter()
    chance = random.Random(5)
    with Catalogue(path) as made:
        for first in range(0, images, BATCH):
            with writing(made) as connection:
                touched: set[int] = set()
                for number in range(first, min(first + BATCH, images)):
                    day = f"20{chance.randint(10, 26)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
                    facts = ImageFacts(
                        patient_id=f"{number // 3 * 7919 % 10_000_019:08d}", study_uid=f"1.2.840.{number}",
                        sex=chance.choice("MF"), age=float(chance.randint(1, 99)), view=chance.choice(("PA", "AP")),
                        modality="DX", study_date=day,
                    )  # fmt: skip
                    stamp = FileStamp(f"/films/{number:08d}.dcm", 1, 1)
                    touched |= record_image(connection, ImageEntry(stamp, f"1.2.{number}#0", 1, 9, 9, facts))
                labels = [
                    (number + 1, finding, int(chance.random() < 0.2))
                    for number in range(first, min(first + BATCH, images), _LABELLED_EVERY)
                    for finding in FINDINGS
                ]
                connection.executemany("INSERT INTO label VALUES (?, ?, ?)", labels)
                summarise(connection, touched)
        made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return time.perf_counter() - begun


def _measure(images: int) -> None:
    from xferviewer import settings
    from xferviewer.gui import app, running, theme

    qt = running.make_qt_application()
    theme.apply(qt, theme.read_theme("dark"))
    folders = app.Folders.under(settings.data_folder(), demo=False)
    begun = time.perf_counter()
    application = app.Application(folders, settings.Settings(notice_seen=True, device="cpu"), demo=False)
    application.window.resize(1600, 1000)
    application.window.show()
    qt.processEvents()
    built = time.perf_counter() - begun
    bare = _bare(application)
    name = f"worklist of {images:,} studies"
    opened = _seconds(application, application.library.refresh)
    print(f"{name}: the window stands after {built:.2f} s; {_said('opened', opened, bare)}", flush=True)
    for question, action in _questions(application).items():
        times = [_seconds(application, action) for _ in range(RUNS)]
        print(f"{name}: {_said(question, statistics.median(times), bare)}", flush=True)
    application.library.search("")
    frames = _scroll(application)
    print(
        f"{name}: {len(frames)} frames while it scrolls: median {1e3 * statistics.median(frames):.1f} ms, "
        f"at most {1e3 * max(frames):.1f} ms (budget 33 ms)",
        flush=True,
    )
    application.window.close()
    application.close()


def _said(question: str, seconds: float, bare: float) -> str:
    return f"{question} in {seconds:.2f} s (budget 0.5 s), {seconds / bare:.1f} times SQLite's own handing out"


def _questions(application: Application) -> dict[str, Callable[[], object]]:
    library = application.library
    return {
        "sorted by patient, descending": lambda: library.sort("patient_id", descending=True),
        "sorted by age": lambda: library.sort("age", descending=False),
        "sorted by date, descending": lambda: library.sort("study_date", descending=True),
        "sorted by labels": lambda: library.sort("labels", descending=False),
        "filtered by a word that few have": lambda: library.search("0000123"),
        "filtered by a word that some have": lambda: library.search("effusion"),
        "filtered by a word that half have": lambda: library.search("pa"),
        "filtered by columns": lambda: library.search("view:PA sex:F"),
        "the filter taken away": lambda: library.search(""),
    }


def _seconds(application: Application, action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    _paint(application)
    return time.perf_counter() - begun


def _paint(application: Application) -> None:
    from PySide6.QtWidgets import QApplication

    QApplication.processEvents()
    application.window.worklist.table.viewport().repaint()


def _bare(application: Application) -> float:
    connection = application.library.catalogue.connection
    begun = time.perf_counter()
    connection.execute("SELECT id FROM study ORDER BY patient_id").fetchall()
    return time.perf_counter() - begun


def _scroll(application: Application) -> list[float]:
    bar = application.window.worklist.table.verticalScrollBar()
    _paint(application)
    times = []
    for step in range(FRAMES):  # a page a frame, and now and then far away, as a person drags the bar
        value = bar.value() + bar.pageStep() if step % 10 else bar.maximum() * (step // 10) * 10 // FRAMES
        begun = time.perf_counter()
        bar.setValue(value)
        _paint(application)
        times.append(time.perf_counter() - begun)
    return times


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
