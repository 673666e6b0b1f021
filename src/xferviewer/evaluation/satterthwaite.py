"""Degrees of freedom of contrasts in a mixed model: Satterthwaite's for one, Fai and Cornelius' for several.

Fai and Cornelius, J. Stat. Comput. Simul. 1996, 54:363; with the choices of lmerTest (Kuznetsova et al., J. Stat.
Softw. 2017, 82(13)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FTest:
    """The F test of all coefficients of a factor: `f` on `df1` and `df2` degrees of freedom."""

    f: float
    df1: int
    df2: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class CoefficientCovariance:
    """The covariance of the coefficients, and how it moves with the variances that were estimated.

    matrix       (p, p).
    derivatives  (v, p, p) of `matrix` by each of v variance parameters.
    uncertainty  (v, v) covariance of those parameters: twice the inverse of the criterion's second derivatives.
    """

    matrix: NDArray[np.float64]
    derivatives: NDArray[np.float64]
    uncertainty: NDArray[np.float64]

    def degrees_of_freedom(self, contrast: NDArray[np.float64]) -> float:
        """Satterthwaite's 2 v² / (gᵀ A g) of the contrast (p,), v its variance and g its slope."""
        slope = np.array([contrast @ derivative @ contrast for derivative in self.derivatives])
        return float(2 * (contrast @ self.matrix @ contrast) ** 2 / (slope @ self.uncertainty @ slope))

    def f_test(self, coefficients: NDArray[np.float64], contrasts: NDArray[np.float64]) -> FTest:
        """Whether all contrasts (q, p) of the coefficients (p,) are zero."""
        from scipy.special import fdtrc

        variances, directions = np.linalg.eigh(contrasts @ self.matrix @ contrasts.T)
        independent = directions.T @ contrasts
        q = len(contrasts)
        f = float(np.sum((independent @ coefficients) ** 2 / variances)) / q
        df2 = _denominator(np.array([self.degrees_of_freedom(contrast) for contrast in independent]))
        return FTest(f, q, df2, float(fdtrc(q, df2, f)))


def factor_contrasts(matrix: NDArray[np.float64], places: slice) -> NDArray[np.float64]:
    """The contrasts (q, p) of the coefficients at `places` of the design `matrix` (n, p), as lmerTest's type III.

    Every basis of them gives one F; its denominator depends on the basis a little. lmerTest takes the coefficients
    themselves where other fixed columns stand beside them, and the rows of the Doolittle decomposition where none does.
    """
    contrasts = np.eye(matrix.shape[1])[places]
    if len(contrasts) == matrix.shape[1] - 1:
        own = matrix[:, places]
        triangle = np.linalg.qr(own - own.mean(axis=0), mode="r")
        contrasts[:, places] = triangle / np.diag(triangle)[:, np.newaxis]
    return contrasts


def _denominator(of_each: NDArray[np.float64]) -> float:
    """The degrees of freedom of the F whose mean is that of the independent t² with these degrees of freedom."""
    if np.ptp(of_each) < 1e-8:
        return float(of_each.mean())
    if of_each.min() <= 2:
        return 2.0  # a t² without a mean: lmerTest's choice
    mean = float(np.sum(of_each / (of_each - 2)))
    return 2 * mean / (mean - of_each.size)
