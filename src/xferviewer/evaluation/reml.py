"""Restricted maximum likelihood of a linear model with crossed random intercepts.

y = X β + Σ Z_k u_k + e with u_k ~ N(0, σ² γ_k I), e ~ N(0, σ² I). The criterion is lme4's (Bates et al., J. Stat.
Softw. 2015, 67(1)): with V = I + Σ γ_k Z_k Z_kᵀ and P = V⁻¹ - V⁻¹X(XᵀV⁻¹X)⁻¹XᵀV⁻¹,

    d(γ) = (n - p) (1 + ln 2π σ̂²) + ln |V| + ln |XᵀV⁻¹X|,   σ̂² = yᵀPy / (n - p).

The group of most levels is taken out first: the inverse of V₁ = I + γ₁Z₁Z₁ᵀ is known, because Z₁ᵀZ₁ is diagonal. What
is left are Henderson's equations: with F = (X, Z₂√γ₂, …) and H = FᵀV₁⁻¹F + (0 for X, 1 for the others)

    P = V₁⁻¹ - V₁⁻¹F H⁻¹ FᵀV₁⁻¹,   |V| |XᵀV⁻¹X| = |V₁| |H|.

So thousands of patients cost no more than sums, and only the other groups' levels make a matrix. First and second
derivatives are closed forms in ZᵀPZ and ZᵀPy (Searle, Casella and McCulloch, Variance Components, 1992, chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STARTS = (1.0, 0.0, 0.1, 10.0)  # of every √γ; the criterion may have more than one valley
NEAR_ZERO = 0.01  # of √γ: where the criterion looks level by √γ, though it need not be by γ
SMALLEST_RATIO = 1e-4  # of √γ: below it a fit counts as singular, as in lme4's isSingular


@dataclass(frozen=True, slots=True, eq=False)
class Criterion:
    """The REML criterion at one γ (k,), of a response and a matrix in units of their own (`Reml`).

    deviance      d(γ) of the module's head.
    variance      σ̂².
    trace         (k,) tr(P G_k) with G_k = Z_k Z_kᵀ; traces (k, k) tr(P G_k P G_l).
    pull          (k,) yᵀP G_k P y; pulls (k, k) yᵀP G_k P G_l P y.
    coefficients  (p,) the generalised least squares estimate.
    ratio         (p, p) (XᵀV⁻¹X)⁻¹: the coefficients' covariance over σ²; slopes (k, p, p) its derivatives by γ.
    """

    deviance: float
    variance: float
    trace: NDArray[np.float64]
    traces: NDArray[np.float64]
    pull: NDArray[np.float64]
    pulls: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    ratio: NDArray[np.float64]
    slopes: NDArray[np.float64]

    @property
    def gradient(self) -> NDArray[np.float64]:
        """(k,) the first derivatives of the deviance, σ² at its best for each γ."""
        return self.trace - self.pull / self.variance

    def hessian(self, degrees: int) -> NDArray[np.float64]:
        """(k, k) the second derivatives; `degrees` is n - p."""
        pulled = np.outer(self.pull, self.pull) / (degrees * self.variance**2)
        return 2 * self.pulls / self.variance - pulled - self.traces


class Reml:
    """The criterion of one model, ready to be evaluated at any variance ratios.

    response (n,), matrix (n, p) of full rank, groups name -> (n,) level numbers. `unit` and `centre` are those that the
    response was divided by and freed of, `back` (p, p) leads from the coefficients of a Criterion to those of `matrix`.
    Raises ValueError when the rows cannot tell the variances apart, or when groups and fixed effects leave no residual.
    """

    def __init__(
        self, response: NDArray[np.float64], matrix: NDArray[np.float64], groups: Mapping[str, NDArray[np.intp]]
    ) -> None:
        self.names = tuple(groups)
        self.n, self.p = matrix.shape
        self.degrees = self.n - self.p
        self.centre, self.unit = float(response.mean()), float(response.std())
        lengths = np.sqrt(np.sum(matrix**2, axis=0))
        q, r = np.linalg.qr(matrix / lengths)
        self.back = np.linalg.inv(r * lengths)
        y = (response - self.centre) / self.unit
        self._of_response = q.T @ y
        y = y - q @ self._of_response
        y -= q @ (q.T @ y)  # once more: what the first pass left of X by rounding

        levels = [int(of_rows.max()) + 1 for of_rows in groups.values()]
        self._order = sorted(range(len(levels)), key=lambda k: -levels[k])
        largest, *others = (list(groups.values())[k] for k in self._order)
        columns = np.column_stack([q, y, *(np.eye(int(of.max()) + 1)[of] for of in others)])
        sizes = [int(of.max()) + 1 for of in others]
        self._starts = np.cumsum([0, *sizes])[: len(sizes)]
        self._owner = np.repeat(np.arange(len(sizes)), sizes)
        self._counts = np.bincount(largest).astype(np.float64)
        self._sums = np.column_stack([np.bincount(largest, weights=column) for column in columns.T])
        self._products = columns.T @ columns
        self._log_det_matrix = -2 * float(np.sum(np.log(np.abs(np.diag(self.back)))))
        self._check_identifiable()

    def _check_identifiable(self) -> None:
        """Refuse groups whose covariance matrices depend on each other or on the residual's, seen beside X."""
        k = len(self.names)
        without, names = self.at(np.zeros(k)), (*self.names, "the residual")
        if (explained := np.flatnonzero(without.trace <= 1e-9 * self.n)).size:
            raise ValueError(f"the fixed columns determine {names[explained[0]]}: it has no variance of its own")
        gram = np.block([[without.traces, without.trace[:, np.newaxis]], [without.trace, np.array(self.degrees)]])
        sizes = np.sqrt(np.diag(gram))
        values, vectors = np.linalg.eigh(gram / np.outer(sizes, sizes))
        if values[0] < 1e-10:
            mixed = [name for name, weight in zip(names, vectors[:, 0], strict=True) if abs(weight) > 1e-3]
            raise ValueError(f"the rows cannot tell the variances of {' and '.join(mixed)} apart")
        # Under ratios without bound only what neither X nor any group explains is left.
        if without.variance < 1e-12 or self.at(np.full(k, 1e10)).variance < 1e-9 * without.variance:
            raise ValueError("fixed and random columns determine the response: there is no residual to compare with")

    def at(self, gamma: NDArray[np.float64]) -> Criterion:
        """The criterion at the variance ratios γ (k,), each >= 0."""
        p, g = self.p, gamma[self._order]
        rest = slice(p + 1, None)
        f = np.r_[:p, p + 1 : len(self._products)]  # the columns of F; between those of X and of Z₂, … stands y
        of_first, products, inverse, log_determinant = self._by_henderson(g, f)
        of_y, of_rest, u = products[f, p], products[f, rest], of_first[:, f]
        estimate, weighted = inverse @ of_y, u @ inverse
        # Of a response that is explained wholly rounding may leave less than nothing; its variance was 1.
        ypy = max(float(products[p, p] - of_y @ estimate), 1e-30)
        first_y, rest_y = of_first[:, p] - u @ estimate, products[rest, p] - of_rest.T @ estimate
        first_rest = of_first[:, rest] - weighted @ of_rest
        rest_rest = products[rest, rest] - of_rest.T @ (inverse @ of_rest)
        # Z₁ᵀPZ₁ = diag(own) - U H⁻¹ Uᵀ has a row for each of the largest group's levels, and is never written out.
        own = self._counts / (1 + g[0] * self._counts)
        diagonal, square, uy = own - np.sum(weighted * u, axis=1), inverse @ (u.T @ u), u.T @ first_y
        traces = self._bordered(
            float(np.sum(own * (2 * diagonal - own)) + np.sum(square * square.T)),
            np.sum(first_rest**2, axis=0),
            rest_rest**2,
        )
        pulls = self._bordered(
            float(np.sum(own * first_y**2) - uy @ inverse @ uy),
            (first_y @ first_rest) * rest_y,
            rest_rest * np.outer(rest_y, rest_y),
        )
        steps = [weighted[:, :p], *np.split(of_rest.T @ inverse[:, :p], self._starts)[1:]]
        given = np.argsort(self._order)
        return Criterion(
            self.degrees * (1 + math.log(2 * math.pi * ypy / self.degrees)) + log_determinant + self._log_det_matrix,
            ypy / self.degrees,
            np.append(diagonal.sum(), self._by_group(np.diag(rest_rest)))[given],
            traces[np.ix_(given, given)],
            np.append(np.sum(first_y**2), self._by_group(rest_y**2))[given],
            pulls[np.ix_(given, given)],
            self._of_response + estimate[:p],
            inverse[:p, :p],
            np.stack([step.T @ step for step in steps])[given],
        )

    def _by_henderson(
        self, g: NDArray[np.float64], f: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        """Z₁ᵀV₁⁻¹B and BᵀV₁⁻¹B of all columns B, √γ H⁻¹ √γ, and ln |V₁| |H|; `g` with the largest group first."""
        from scipy.linalg import cho_solve, cholesky

        of_first = self._sums / (1 + g[0] * self._counts)[:, np.newaxis]
        products = self._products - self._sums.T @ (g[0] * of_first)
        root = np.concatenate((np.ones(self.p), np.sqrt(g[1:])[self._owner]))
        henderson = products[np.ix_(f, f)] * np.outer(root, root)
        henderson[np.arange(self.p, f.size), np.arange(self.p, f.size)] += 1
        factor = cholesky(henderson, lower=True)
        inverse = cho_solve((factor, True), np.diag(root)) * root[:, np.newaxis]
        log_determinant = float(np.sum(np.log1p(g[0] * self._counts)) + 2 * np.sum(np.log(np.diag(factor))))
        return of_first, products, inverse, log_determinant

    def _by_group(self, of_levels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the other groups' levels, along the last axis, added up for each group."""
        if not self._starts.size:
            return np.empty((*of_levels.shape[:-1], 0))
        sums: NDArray[np.float64] = np.add.reduceat(of_levels, self._starts, axis=-1)
        return sums

    def _bordered(self, first: float, border: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, k) from the number of the largest group, and the levels' of it with others and of others with others."""
        result = np.empty((len(self.names), len(self.names)))
        result[0, 0] = first
        result[0, 1:] = result[1:, 0] = self._by_group(border)
        result[1:, 1:] = self._by_group(self._by_group(others).T)
        return result

    def best(self) -> NDArray[np.float64]:
        """The γ (k,) of the lowest criterion that any start leads to; 0 where the best variance is none."""
        k = len(self.names)
        starts = [*(np.full(k, start) for start in STARTS), *(np.eye(k) if k > 1 else ())]
        return min((self._descend(start) for start in starts), key=lambda gamma: self.at(gamma).deviance)

    def _descend(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.optimize import minimize

        def criterion(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            here = self.at(at**2)
            return here.deviance, 2 * at * here.gradient

        for _ in range(2 + theta.size):
            answer = minimize(criterion, theta, jac=True, method="L-BFGS-B", bounds=[(0, None)] * theta.size)
            found = self._at_the_boundary(self._polished(np.abs(answer.x)))
            theta = self._off_the_boundary(found)
            if np.array_equal(theta, found):
                break
        return found**2

    def _polished(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Newton's steps to the bottom of the valley: the degrees of freedom rest on its curvature."""
        here = self.at(theta**2)
        for _ in range(30):
            slope = 2 * theta * here.gradient
            curvature = 4 * np.outer(theta, theta) * here.hessian(self.degrees) + 2 * np.diag(here.gradient)
            if np.linalg.eigvalsh(curvature)[0] <= 0:
                break
            further = np.abs(theta - np.linalg.solve(curvature, slope))
            there = self.at(further**2)
            if there.deviance > here.deviance + 1e-10 or np.allclose(further, theta, rtol=1e-12, atol=1e-14):
                break
            theta, here = further, there
        return theta

    def _off_the_boundary(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Further down, where a variance is none or nearly so and ought not to be; else where it was.

        By θ = √γ zero is a stationary point whatever lies beside it: the slope by γ tells.
        """
        here = self.at(theta**2)
        leave = (theta < NEAR_ZERO) & (here.gradient < -1e-6)
        step = 0.1
        while leave.any() and step > 1e-5:
            further = np.where(leave, step, theta)
            if self.at(further**2).deviance < here.deviance:
                return further
            step /= 2
        return theta

    def _at_the_boundary(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        for k in np.flatnonzero(theta < NEAR_ZERO):
            without = theta.copy()
            without[k] = 0
            if self.at(without**2).deviance <= self.at(theta**2).deviance + 1e-9:
                theta = without
        return theta
