"""How often each kind of case is drawn: all that rates need of a resample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.bootstrap import draws


def resampled_counts(
    cells: NDArray[np.intp],
    n_cells: int,
    positive: NDArray[np.bool_],
    patients: NDArray[np.generic] | None,
    resamples: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """How many cases of each cell are in each resample, (resamples, n_cells) int64.

    cells               (n,) in [0, n_cells): what kind of case it is.
    positive, patients  as for `draws`. Without patients the counts of a class are multinomial, and are drawn as such:
                        no resample then needs a pass over the cases.
    """
    counts = np.zeros((resamples, n_cells), dtype=np.int64)
    if patients is not None:
        for i, times in enumerate(draws(positive, patients, resamples, random)):
            counts[i] = np.bincount(cells, weights=times, minlength=n_cells)
        return counts
    for members in (cells[positive], cells[~positive]):
        filled, in_cell = np.unique(members, return_counts=True)
        if filled.size:
            counts[:, filled] += random.multinomial(members.size, in_cell / members.size, size=resamples)
    return counts
