"""The runs of one recipe that differ in their seed alone, as one row: mean, deviation and what they allow to say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xferviewer.evaluation.intervals import check_level
from xferviewer.evaluation.t_tests import TTest, t_interval, t_test


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """A metric over the seeds of one recipe. Undefined values are NaN.

    n             seeds with a value; `n_undefined` had none and are left out.
    sd            standard deviation over the seeds (n - 1); NaN for one seed.
    lower, upper  Student's t interval of the mean at `level`: of what further seeds of this recipe on this test set
                  would give, not of other patients.
    """

    n: int
    mean: float
    sd: float
    lower: float
    upper: float
    level: float
    n_undefined: int = 0


def summarise_seeds(by_seed: Mapping[str, float], level: float = 0.95) -> SeedSummary:
    """A metric by the name of its seed as one row. Raises ValueError unless 0 < level < 1."""
    check_level(level)
    values = np.array([value for value in by_seed.values() if not math.isnan(value)], dtype=np.float64)
    n, n_undefined = values.size, len(by_seed) - values.size
    mean = float(values.mean()) if n else math.nan
    if n < 2:
        return SeedSummary(n, mean, math.nan, math.nan, math.nan, level, n_undefined)
    sd = float(values.std(ddof=1))
    return SeedSummary(n, mean, sd, *t_interval(mean, sd / math.sqrt(n), n - 1, level), level, n_undefined)


def compare_seeds(
    a: Mapping[str, float], b: Mapping[str, float], *, paired: bool = False, level: float = 0.95
) -> TTest:
    """Whether two recipes' means over seeds differ, a - b: Welch's t test.

    paired  over the seeds that both have, when a seed fixes something for both (the split, the order of the images): a
            seed that only initialises weights pairs nothing.

    Undefined values are left out, with their pair. Raises ValueError when nothing is left to compare.
    """
    a, b = ({seed: value for seed, value in of.items() if not math.isnan(value)} for of in (a, b))
    if paired:
        common = [seed for seed in a if seed in b]
        a, b = ({seed: of[seed] for seed in common} for of in (a, b))
    if not a or not b:
        raise ValueError("the two groups have no seed in common" if paired else "a group has no seed with a value")
    return t_test(list(a.values()), list(b.values()), "paired" if paired else "welch", level)
