"""The difference of two areas on the same cases by resampling, for cases that depend on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from xferviewer.evaluation.bootstrap import resampled_aucs, stated_patients
from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.estimate import of_resamples
from xferviewer.evaluation.intervals import check_level, two_sided_p
from xferviewer.evaluation.roc import auc


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """Two checkpoints on the same resamples. Undefined values are NaN.

    difference      auc_a - auc_b of all cases.
    standard_error  standard deviation of the difference over the resamples.
    d, p_value      difference / standard_error and its two-sided normal probability (pROC's D); no difference in any
                    resample gives d 0 and p 1.
    lower, upper    percentiles (type 7) of the resamples' differences at `level`.
    n_failed        resamples that lost a class and were left out.
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    d: float
    p_value: float
    lower: float
    upper: float
    level: float
    resamples: int
    seed: int
    n_failed: int


def bootstrap_paired(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    level: float = 0.95,
    *,
    patients: ArrayLike | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedBootstrap:
    """Whether two checkpoints' areas on the same cases differ, both taken from each of the same resamples.

    labels, scores_a, scores_b  as for `delong_paired`.
    patients                    (n,) whose case it is: whole patients are drawn, because a patient's images are no
                                independent cases; None draws cases within their class, as pROC does.

    Raises ValueError for another length of `patients`, a level outside (0, 1), and as `stated_cases` does.
    """
    check_level(level)
    cases = stated_cases(labels, scores_a, scores_b)
    owners = stated_patients(labels, patients)
    areas = resampled_aucs(cases, owners, resamples, np.random.default_rng(seed))
    auc_a, auc_b = (auc(cases.positive, row) for row in cases.scores)
    differences = areas[0] - areas[1]
    error = float(differences.std(ddof=1)) if differences.size > 1 else math.nan
    difference = auc_a - auc_b
    without_variance = math.copysign(math.inf, difference) if difference else 0.0
    d = difference / error if error else without_variance
    bounds = of_resamples(difference, differences, level)
    return PairedBootstrap(
        auc_a, auc_b, difference, error, d, two_sided_p(d), bounds.lower, bounds.upper, level, resamples, seed,
        resamples - differences.size,
    )  # fmt: skip
