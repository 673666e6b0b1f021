"""The cohort: the labelled images that every live number is computed from, as arrays. No Qt in this module."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Cohort:
    """Images of the open catalogue in a fixed order, with what their label table says.

    identities  image identity of each row
    image_ids   catalogue id of each row's image
    study_ids   catalogue id of each row's study
    findings    the findings that the label table names
    labels      (images, findings) float64: 1 present, 0 absent, NaN not stated or marked uncertain
    """

    identities: tuple[str, ...]
    image_ids: tuple[int, ...]
    study_ids: tuple[int, ...]
    findings: tuple[str, ...]
    labels: NDArray[np.float64]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {identity: row for row, identity in enumerate(self.identities)}

    def row_of(self, identity: str) -> int | None:
        """The row of an image; None where it is not in the cohort."""
        return self._rows.get(identity)

    @classmethod
    def empty(cls) -> Cohort:
        """A cohort of no images."""
        return cls((), (), (), (), np.empty((0, 0)))

    def truth(self, finding: str) -> NDArray[np.float64]:
        """Labels (images,) of a finding; all NaN where no table names it."""
        if finding not in self.findings:
            return np.full(len(self.identities), np.nan)
        return self.labels[:, self.findings.index(finding)]
