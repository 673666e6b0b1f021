"""Films a second on one core: rendered, and rendered and written as DICOM with masks."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
import time
from pathlib import Path

from xferviewer.studies.phantom import SITES, render_film, write_cohort

_FILMS = 8  # of each site
_RENDER_GOAL = 10.0  # films a second


def main() -> None:
    render_film(0, "A", 0)
    start = time.process_time()
    for site in SITES:
        for index in range(_FILMS):
            render_film(1, site, index)
    rendered = len(SITES) * _FILMS / (time.process_time() - start)
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for site in SITES:
            write_cohort(Path(folder) / site, _FILMS, 1, site)
    written = len(SITES) * _FILMS / (time.process_time() - start)
    print(
        f"phantom: {rendered:.1f} films/s rendered at 512×512 "
        f"(goal {_RENDER_GOAL:.0f}, ratio {rendered / _RENDER_GOAL:.2f}), "
        f"{written:.1f} films/s with DICOM and masks written, one core"
    )


if __name__ == "__main__":
    main()
