"""Cohorts in memory and on disk for the tests of splits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from xferviewer.studies.cohort import CohortDescription, CohortRow, CohortTable
from xferviewer.studies.cohort_folder import read_cohort, write_cohort


def build(
    patients: Sequence[str],
    labels: Sequence[Sequence[float]],
    *,
    images: Sequence[str] = (),
    splits: Sequence[str] = (),
    task: str = "multi-label",
    group: str = "patient",
    findings: Sequence[str] = (),
) -> CohortTable:
    """A cohort that is on no disk: an image for each patient named, with its labels."""
    n = len(patients)
    values = np.array(labels, dtype=np.float32).reshape(n, -1)
    names = tuple(findings) or tuple(f"F{column}" for column in range(values.shape[1]))
    blank = ("",) * n
    return CohortTable(
        CohortDescription("made", "Made for a test", "csv", Path("/nowhere"), task, names, group), Path("/cohort"),
        "digest", tuple(images) or tuple(f"{row}.png" for row in range(n)), (0,) * n, tuple(patients), blank, blank,
        blank, blank, (None,) * n, tuple(splits) or blank, values,
    )  # fmt: skip


@pytest.fixture(scope="session")
def table() -> Callable[..., CohortTable]:
    return build


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a cohort folder of rows, whose images would lie in `films` beside it."""

    def write(rows: Sequence[CohortRow], findings: Sequence[str] = ("Edema",), **about: str) -> Path:
        description = CohortDescription(
            "made", "Made for a test", "csv", tmp_path / "films", about.get("task", "multi-label"), tuple(findings),
            about.get("group", "patient"),
        )  # fmt: skip
        write_cohort(tmp_path / "cohort", description, rows, replace=True)
        assert read_cohort(tmp_path / "cohort").images
        return tmp_path / "cohort"

    return write
