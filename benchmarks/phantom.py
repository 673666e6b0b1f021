"""Films a second on one core: rendered, and rendered and written as DICOM with masks."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.studies.phantom import SITES, SiteName, render_film, write_cohort

if TYPE_CHECKING:
    from collections.abc import Callable

_FILMS = 4  # of each site
_REPEATS = 5  # the fastest counts, as in timeit: the others say what else the machine was doing
_RENDER_GOAL = 10.0  # films a second


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of one core that `work` takes."""
    seconds = []
    for _ in range(_REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _write(site: SiteName) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder), _FILMS, 1, site)


def main() -> None:
    films = len(SITES) * _FILMS
    rendered = films / sum(_fastest(partial(render_film, 1, site, index)) for site in SITES for index in range(_FILMS))
    written = films / sum(_fastest(partial(_write, site)) for site in SITES)
    print(
        f"phantom: {rendered:.1f} films/s rendered at 512×512 "
        f"(goal {_RENDER_GOAL:.0f}, ratio {rendered / _RENDER_GOAL:.2f}), "
        f"{written:.1f} films/s with DICOM and masks written, one core"
    )


if __name__ == "__main__":
    main()
