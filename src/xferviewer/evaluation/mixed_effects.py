"""Linear mixed models with crossed random intercepts: what of several choices made a difference, over all runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.mixed_design import mixed_design
from xferviewer.evaluation.reml import SMALLEST_RATIO, Criterion, Reml
from xferviewer.evaluation.satterthwaite import CoefficientCovariance, FTest, factor_contrasts

FEW_LEVELS = 5  # a variance estimated from fewer levels than this is unreliable


@dataclass(frozen=True, slots=True)
class FixedEffect:
    """One coefficient with its t test on Satterthwaite's degrees of freedom."""

    estimate: float
    standard_error: float
    df: float
    t: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class MixedEffects:
    """A fitted model.

    fixed              term, as R names it -> its coefficient: "(Intercept)", "age", "pretrainRadImageNet".
    covariance         (p, p) float64 of the coefficients, in the order of `fixed`.
    variances          random column -> variance of its intercepts, >= 0.
    residual_variance  > 0.
    reml_criterion     -2 log restricted likelihood, as lme4's REMLcrit.
    singular           a variance is estimated as none: say so, and do not read it as proof that there is none.
    anova              fixed column -> F test of all its coefficients together.
    levels             random column -> number of its levels.
    n, n_dropped       rows that counted, and rows left out because a value was missing.
    """

    fixed: dict[str, FixedEffect]
    covariance: NDArray[np.float64]
    variances: dict[str, float]
    residual_variance: float
    reml_criterion: float
    singular: bool
    anova: dict[str, FTest]
    levels: dict[str, int]
    n: int
    n_dropped: int

    @property
    def unreliable_variances(self) -> tuple[str, ...]:
        """The random columns of fewer than five levels, whose variance hardly any data stand behind."""
        return tuple(name for name, count in self.levels.items() if count < FEW_LEVELS)


def mixed_effects(
    table: Mapping[str, Iterable[object]], response: str, fixed: Sequence[str], random: Sequence[str]
) -> MixedEffects:
    """Fit response = intercept + fixed columns + a random intercept for each level of each random column.

    table     column name -> values, one a row. Missing are None, NaN and "": such rows are left out and counted.
    response  a column of numbers.
    fixed     columns; numbers enter as they are, text is treatment-coded against its alphabetically first level
              (without regard to capitals).
    random    columns of any values; the factors are crossed, their variances independent.

    REML as lme4, t and F tests with Satterthwaite's degrees of freedom as lmerTest (type III).

    Raises ValueError for an unknown or repeated column, a table without a complete row, a response of text or of one
    value, a fixed column of one value or level, fixed columns that determine each other, no more rows than
    coefficients, a random column of one level or none at all, an infinite value, and rows that cannot tell the
    variances apart.
    """
    design = mixed_design(table, response, fixed, random)
    reml = Reml(design.response, design.matrix, design.groups)
    gamma = reml.best()
    here = reml.at(gamma)
    coefficients = reml.back @ here.coefficients * reml.unit
    coefficients[0] += reml.centre
    covariance = _covariance(reml, gamma, here)
    variances = here.variance * reml.unit**2 * gamma
    return MixedEffects(
        fixed={
            term: _fixed_effect(coefficients, covariance, place) for place, term in enumerate(design.terms)
        },
        covariance=covariance.matrix,
        variances=dict(zip(reml.names, variances.tolist(), strict=True)),
        residual_variance=here.variance * reml.unit**2,
        reml_criterion=here.deviance + 2 * reml.degrees * math.log(reml.unit),
        singular=bool(np.any(np.sqrt(gamma) < SMALLEST_RATIO)),
        anova={
            name: covariance.f_test(coefficients, factor_contrasts(design.matrix, places))
            for name, places in design.factors.items()
        },
        levels={name: int(levels.max()) + 1 for name, levels in design.groups.items()},
        n=reml.n,
        n_dropped=design.n_dropped,
    )  # fmt: skip


def _covariance(reml: Reml, gamma: NDArray[np.float64], here: Criterion) -> CoefficientCovariance:
    """The covariance of the coefficients in the units of table and response, as a function of γ and σ²."""
    # A variance estimated as none stays none: by √γ the criterion is level there, and so is the covariance.
    free = np.flatnonzero(gamma > 0)
    variance = here.variance
    second = np.empty((free.size + 1, free.size + 1))
    second[:-1, :-1] = (2 * here.pulls / variance - here.traces)[np.ix_(free, free)]
    second[:-1, -1] = second[-1, :-1] = here.pull[free] / variance**2
    second[-1, -1] = reml.degrees / variance**2
    # Inverted in units of their own curvature: a ratio of 10⁵ stands beside one of 10⁻².
    unit = 1 / np.sqrt(np.diag(second))
    uncertainty = 2 * np.linalg.pinv(second * np.outer(unit, unit), hermitian=True) * np.outer(unit, unit)
    derivatives = np.concatenate((variance * here.slopes[free], here.ratio[np.newaxis]))
    return CoefficientCovariance(
        reml.unit**2 * variance * (reml.back @ here.ratio @ reml.back.T),
        reml.unit**2 * (reml.back @ derivatives @ reml.back.T),
        uncertainty,
    )


def _fixed_effect(coefficients: NDArray[np.float64], covariance: CoefficientCovariance, place: int) -> FixedEffect:
    from scipy.special import stdtr

    error = math.sqrt(covariance.matrix[place, place])
    df = covariance.degrees_of_freedom(np.eye(coefficients.size)[place])
    t = float(coefficients[place]) / error
    return FixedEffect(float(coefficients[place]), error, df, t, 2 * float(stdtr(df, -abs(t))))
