"""How often each kind of case is drawn: all that rates need of a resample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.bootstrap import draws


def resampled_counts(
    kinds: NDArray[np.intp],
    n_kinds: int,
    patients: NDArray[np.generic] | None,
    resamples: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """How many cases of each kind are in each resample, (resamples, n_kinds) int64.

    kinds     (n,) in [0, n_kinds).
    patients  (n,) whose case it is; None draws cases. All are drawn together, not within their class: predictive
              values, flag rates and net benefit depend on the prevalence, which a further sample would not repeat.

    Without patients the counts are multinomial, and are drawn as such: no resample then needs a pass over the cases.
    """
    counts = np.zeros((resamples, n_kinds), dtype=np.int64)
    if patients is None:
        filled, in_kind = np.unique(kinds, return_counts=True)
        if filled.size:
            counts[:, filled] = random.multinomial(kinds.size, in_kind / kinds.size, size=resamples)
        return counts
    one_stratum = np.ones(kinds.size, dtype=bool)
    for i, times in enumerate(draws(one_stratum, patients, resamples, random)):
        counts[i] = np.bincount(kinds, weights=times, minlength=n_kinds)
    return counts
