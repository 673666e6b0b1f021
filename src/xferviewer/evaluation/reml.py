"""Restricted maximum likelihood of a linear model with crossed random intercepts.

y = X β + Σ Z_k u_k + e with u_k ~ N(0, σ² γ_k I), e ~ N(0, σ² I). The criterion is lme4's (Bates et al., J. Stat.
Softw. 2015, 67(1)), written on what is orthogonal to X: with Z̃ and ỹ the residuals of Z and y on X and S = Z̃ᵀZ̃,

    d(γ) = (n - p) (1 + ln 2π σ̂²) + ln |I + Λ S Λ| + ln |XᵀX|,   Λ = diag(√γ),   σ̂² = yᵀPy / (n - p).

P = V⁻¹ - V⁻¹X(XᵀV⁻¹X)⁻¹XᵀV⁻¹ enters through ZᵀPZ and ZᵀPy alone, so that no matrix is larger than the number of
levels, and first and second derivatives are closed forms (Searle, Casella and McCulloch, Variance Components, 1992,
chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STARTS = (1.0, 0.0, 0.1, 10.0)  # of every √γ; the criterion may have more than one valley
SMALLEST_RATIO = 1e-4  # of √γ: below it a fit counts as singular, as in lme4's isSingular


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """The REML criterion at one γ, with its derivatives by γ.

    deviance   d(γ) of the module's head, of the response in units of its own deviation.
    gradient   (k,); hessian (k, k): of the profiled criterion, σ² at its best for each γ.
    variance   σ̂².
    zpz        (q, q) ZᵀPZ; zpy (q,) ZᵀPy.
    by_trace   (k, k) tr(P G_k P G_l) with G_k = Z_k Z_kᵀ; by_square (k, k) yᵀP G_k P G_l P y; pull (k,) yᵀP G_k P y.
    """

    deviance: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    variance: float
    zpz: NDArray[np.float64]
    zpy: NDArray[np.float64]
    by_trace: NDArray[np.float64]
    by_square: NDArray[np.float64]
    pull: NDArray[np.float64]


class Reml:
    """The criterion of one model, ready to be evaluated at any variance ratios.

    response (n,), matrix (n, p) of full rank, groups name -> (n,) level numbers. Raises ValueError when the rows cannot
    tell the variances apart, or when groups and fixed effects leave no residual.
    """

    def __init__(
        self, response: NDArray[np.float64], matrix: NDArray[np.float64], groups: Mapping[str, NDArray[np.intp]]
    ) -> None:
        self.names = tuple(groups)
        self.n, self.p = matrix.shape
        self.centre, self.unit = float(response.mean()), float(response.std())
        y = (response - self.centre) / self.unit
        indicators = [np.eye(int(levels.max()) + 1)[levels] for levels in groups.values()]
        z = np.hstack(indicators)
        self.owner = np.repeat(np.arange(len(indicators)), [one.shape[1] for one in indicators])
        lengths = np.sqrt(np.sum(matrix**2, axis=0))
        self.q, r = np.linalg.qr(matrix / lengths)
        self.r = r * lengths
        self.qz, self.qy = self.q.T @ z, self.q.T @ y
        rest_z, rest_y = z - self.q @ self.qz, y - self.q @ self.qy
        rest_z -= self.q @ (self.q.T @ rest_z)  # once more: what the first pass left of X by rounding
        rest_y -= self.q @ (self.q.T @ rest_y)
        self.s, self.w, self.yy = rest_z.T @ rest_z, rest_z.T @ rest_y, float(np.sum(rest_y**2))
        self._blocks = (self.owner[:, np.newaxis] == np.arange(len(indicators))).astype(np.float64)
        self._check_identifiable()

    def _check_identifiable(self) -> None:
        """Refuse groups whose covariance matrices depend on each other or on the residual's, seen beside X."""
        k = len(self.names)
        gram = np.empty((k + 1, k + 1))
        gram[:k, :k] = self._blocks.T @ self.s**2 @ self._blocks
        gram[:k, k] = gram[k, :k] = self._blocks.T @ np.diag(self.s)
        gram[k, k] = self.n - self.p
        names = (*self.names, "the residual")
        sizes = np.sqrt(np.diag(gram))
        if (explained := np.flatnonzero(sizes <= 1e-7 * self.n)).size:
            raise ValueError(f"the fixed columns determine {names[explained[0]]}: it has no variance of its own")
        values, vectors = np.linalg.eigh(gram / np.outer(sizes, sizes))
        if values[0] < 1e-10:
            mixed = [name for name, weight in zip(names, vectors[:, 0], strict=True) if abs(weight) > 1e-3]
            raise ValueError(f"the rows cannot tell the variances of {' and '.join(mixed)} apart")
        values, vectors = np.linalg.eigh(self.s)
        real = values > 1e-10 * values[-1]
        left = self.yy - float(np.sum((vectors[:, real].T @ self.w) ** 2 / values[real]))
        if left <= 1e-12 * self.yy or not self.yy:
            raise ValueError("fixed and random columns determine the response: there is no residual to compare with")

    def at(self, gamma: NDArray[np.float64]) -> Criterion:
        """The criterion at the variance ratios γ (k,), each >= 0."""
        from scipy.linalg import solve_triangular

        root = np.sqrt(gamma)[self.owner]
        lower = np.linalg.cholesky(np.eye(root.size) + root[:, np.newaxis] * self.s * root)
        half_s = solve_triangular(lower, root[:, np.newaxis] * self.s, lower=True)
        half_w = solve_triangular(lower, root * self.w, lower=True)
        zpz, zpy = self.s - half_s.T @ half_s, self.w - half_s.T @ half_w
        ypy = self.yy - float(np.sum(half_w**2))
        degrees, b = self.n - self.p, self._blocks
        pull = b.T @ zpy**2
        by_trace = b.T @ zpz**2 @ b
        by_square = (b * zpy[:, np.newaxis]).T @ zpz @ (b * zpy[:, np.newaxis])
        fixed_part = 2 * float(np.sum(np.log(np.abs(np.diag(self.r)))))
        return Criterion(
            degrees * (1 + math.log(2 * math.pi * ypy / degrees))
            + 2 * float(np.sum(np.log(np.diag(lower))))
            + fixed_part,
            b.T @ np.diag(zpz) - degrees * pull / ypy,
            degrees * (2 * by_square / ypy - np.outer(pull, pull) / ypy**2) - by_trace,
            ypy / degrees,
            zpz,
            zpy,
            by_trace,
            by_square,
            pull,
        )

    def best(self) -> NDArray[np.float64]:
        """The γ (k,) of the lowest criterion that any start leads to; 0 where the best variance is none."""
        found = [self._descend(np.full(len(self.names), start)) for start in STARTS]
        return min(found, key=lambda gamma: self.at(gamma).deviance)

    def _descend(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.optimize import minimize

        def criterion(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            here = self.at(at**2)
            return here.deviance, 2 * at * here.gradient

        for _ in range(2 + theta.size):
            # By θ = √γ a zero is a stationary point whatever lies beside it: leave it where the slope by γ says so.
            theta = np.where((theta == 0) & (self.at(theta**2).gradient < 0), 0.1, theta)
            answer = minimize(criterion, theta, jac=True, method="L-BFGS-B", bounds=[(0, None)] * theta.size)
            theta = self._at_the_boundary(self._polished(np.abs(answer.x)))
            if not np.any((theta == 0) & (self.at(theta**2).gradient < 0)):
                break
        return theta**2

    def _polished(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Newton's steps to the bottom of the valley: the degrees of freedom rest on its curvature."""
        here = self.at(theta**2)
        for _ in range(30):
            slope = 2 * theta * here.gradient
            curvature = 4 * np.outer(theta, theta) * here.hessian + 2 * np.diag(here.gradient)
            if np.linalg.eigvalsh(curvature)[0] <= 0:
                break
            further = np.abs(theta - np.linalg.solve(curvature, slope))
            there = self.at(further**2)
            if there.deviance > here.deviance + 1e-10 or np.allclose(further, theta, rtol=1e-12, atol=1e-14):
                break
            theta, here = further, there
        return theta

    def _at_the_boundary(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        for k in np.flatnonzero(theta < 0.01):
            without = theta.copy()
            without[k] = 0
            if self.at(without**2).deviance <= self.at(theta**2).deviance + 1e-9:
                theta = without
        return theta
