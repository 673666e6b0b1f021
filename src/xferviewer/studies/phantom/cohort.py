"""A cohort on disk: films as DICOM or PNG, masks, and labels.csv."""

from __future__ import annotations

import csv
import io
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableFolder
from xferviewer.studies.phantom.dicom import encode, sop_instance_uid, study_instance_uid
from xferviewer.studies.phantom.film import Film, render_film
from xferviewer.studies.phantom.patients import Study, plan_study
from xferviewer.studies.phantom.sites import FINDINGS, SiteName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

ImageFormat = Literal["dicom", "png"]

LABEL_COLUMNS = (
    *("path", "sop_instance_uid", "patient", "study", "site", "sex", "age", "view"),
    *FINDINGS,
    *(f"severity_{finding}" for finding in FINDINGS),
)


@dataclass(frozen=True, slots=True)
class CohortProgress:
    """How far `write_cohort` is: films on disk of those asked for."""

    done: int
    total: int


def write_cohort(
    out: Path,
    count: int,
    seed: int,
    site: SiteName,
    image_format: ImageFormat = "dicom",
    *,
    size: int = 512,
    masks: bool = True,
    workers: int = 1,
    progress: Callable[[CohortProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Write films 0 … count − 1 of a site below `out` and return the path of its labels.csv.

    Images go to images/, masks of present findings to masks/STEM_FINDING.png (0 and 255). Each file appears whole or
    not at all and those that are there are kept, so that a second call goes on where the first was stopped; labels.csv
    comes last. cohort.json says what the folder holds; another seed, site, size or format is refused there.

    A PNG holds the film as presented: 16 bits, window applied, MONOCHROME2.

    workers    processes that render; the files are the same for any number
    progress   called in this process after each film
    cancelled  asked before each film; when it says yes the films so far stay and labels.csv names them

    Raises ValueError for impossible arguments and UnusableFolder where `out` cannot be written or holds another cohort.
    """
    if count < 1 or workers < 1:
        raise ValueError(f"count and workers must be positive, got {count} and {workers}")
    if image_format not in ("dicom", "png"):
        raise ValueError(f"image_format must be dicom or png, got {image_format!r}")
    plan_study(seed, site, 0)  # refuses a wrong seed or site before anything is made
    _claim(out, {"version": 1, "seed": seed, "site": site, "size": size, "format": image_format})
    tasks = [_Task(out, plan_study(seed, site, index), image_format, size, masks) for index in range(count)]
    finished = 0
    for _ in _write_all(tasks, workers, cancelled or (lambda: False)):
        finished += 1
        if progress:
            progress(CohortProgress(finished, count))
    table = out / "labels.csv"
    write_atomically(table, _labels(tasks[:finished]))
    return table


@dataclass(frozen=True, slots=True)
class _Task:
    """One film to be written."""

    out: Path
    study: Study
    image_format: ImageFormat
    size: int
    masks: bool

    @property
    def stem(self) -> str:
        return f"{self.study.site.name}-{self.study.index:06d}"

    @property
    def image(self) -> Path:
        return self.out / "images" / f"{self.stem}.{'dcm' if self.image_format == 'dicom' else 'png'}"

    def mask(self, finding: str) -> Path:
        return self.out / "masks" / f"{self.stem}_{finding}.png"

    @property
    def files(self) -> list[Path]:
        present = [finding for finding, severity in self.study.severities.items() if severity and self.masks]
        return [self.mask(finding) for finding in present] + [self.image]


def _claim(out: Path, cohort: dict[str, object]) -> None:
    """Say in cohort.json what `out` holds, or refuse where it says something else."""
    path = out / "cohort.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_atomically(path, (json.dumps(cohort) + "\n").encode())
        return
    except (OSError, ValueError) as error:
        raise UnusableFolder(
            f"{path} cannot be read.", f"{error}.", "Choose another folder, or remove this one."
        ) from error
    if found != cohort:
        raise UnusableFolder(
            f"{out} already holds another cohort.",
            f"It was made with {found}, and this call asks for {cohort}.",
            "Choose another folder, or repeat the call that made this one.",
        )


def _write_all(tasks: list[_Task], workers: int, cancelled: Callable[[], bool]) -> Iterator[Path]:
    """Write the films in order, one step of the iterator for each; ends early when cancelled."""
    if workers == 1:
        for task in tasks:
            if cancelled():
                return
            yield _write(task)
        return
    # Spawned, as on Windows and macOS: a forked copy of a process with threads may hang.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        todo = iter(tasks)
        pending = [pool.submit(_write, task) for task in islice(todo, 4 * workers)]
        while pending and not cancelled():
            yield pending.pop(0).result()
            pending.extend(pool.submit(_write, task) for task in islice(todo, 1))
        pool.shutdown(cancel_futures=True)


def _write(task: _Task) -> Path:
    if all(path.exists() for path in task.files):
        return task.image
    study = task.study
    film = render_film(study.seed, study.site.name, study.index, task.size)
    if task.masks:
        for finding in (finding for finding, severity in film.severities.items() if severity):
            write_atomically(task.mask(finding), _png(film.masks[finding].astype(np.uint8) * np.uint8(255)))
    write_atomically(task.image, encode(film) if task.image_format == "dicom" else _png(_presented(film)))
    return task.image


def _presented(film: Film) -> NDArray[np.uint16]:
    """16-bit values as a screen shows them: window of PS3.3 C.11.2.1.2.1, then polarity."""
    centre, width = film.window
    shown = np.clip((film.pixels - (centre - 0.5)) / (width - 1.0) + 0.5, 0.0, 1.0)
    if film.photometric == "MONOCHROME1":
        shown = 1.0 - shown
    return np.asarray(np.rint(shown * 65535.0), dtype=np.uint16)


def _png(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=3)
    return stream.getvalue()


def _labels(tasks: list[_Task]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(LABEL_COLUMNS)
    for task in tasks:
        study = task.study
        grades = [study.severities[finding] for finding in FINDINGS]
        table.writerow(
            [
                task.image.relative_to(task.out).as_posix(),
                sop_instance_uid(study),
                study.patient.patient_id,
                study_instance_uid(study),
                study.site.name,
                study.patient.sex,
                study.age,
                study.view,
                *(int(grade > 0) for grade in grades),
                *grades,
            ]
        )
    return text.getvalue().encode()
