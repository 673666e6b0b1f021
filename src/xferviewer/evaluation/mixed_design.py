"""The columns of a table as a mixed model sees them: a response, fixed effects as a matrix, and groups."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class MixedDesign:
    """n complete rows, p coefficients, and the level of each row in each group.

    response   (n,) float64.
    matrix     (n, p) float64 of full rank; the first column is 1 (the intercept).
    terms      the p names, as R gives them: "(Intercept)", "age", "pretrainRadImageNet".
    factors    fixed column -> the places of its coefficients in `terms`.
    groups     random column -> (n,) numbers of its levels, from 0.
    n_dropped  rows left out because a value was missing.
    """

    response: NDArray[np.float64]
    matrix: NDArray[np.float64]
    terms: tuple[str, ...]
    factors: dict[str, slice]
    groups: dict[str, NDArray[np.intp]]
    n_dropped: int


def mixed_design(
    table: Mapping[str, Iterable[object]], response: str, fixed: Sequence[str], random: Sequence[str]
) -> MixedDesign:
    """Code the columns of `table`; arguments and errors as for `mixed_effects`."""
    columns = _columns(table, response, fixed, random)
    complete = [not any(map(_missing, row)) for row in zip(*columns.values(), strict=True)]
    kept = {name: [v for v, whole in zip(column, complete, strict=True) if whole] for name, column in columns.items()}
    n = sum(complete)
    if not n:
        raise ValueError("no row has a value in every column of the model")
    y = _numbers(response, kept[response])
    if y is None:
        raise ValueError(f"the response {response!r} is text: it must be numbers")
    if np.all(y == y[0]):
        raise ValueError(
            f"the response {response!r} has one value, {y[0]:g}, in every row: there is nothing to explain"
        )
    matrix, terms, factors = _fixed_effects({name: kept[name] for name in fixed}, n)
    groups = {}
    for name in random:
        levels, groups[name] = np.unique(np.array(list(map(str, kept[name])), dtype=np.str_), return_inverse=True)
        if levels.size < 2:
            raise ValueError(f"the random column {name!r} has one level, {str(levels[0])!r}: a variance needs two")
    return MixedDesign(y, matrix, terms, factors, groups, len(complete) - n)


def _columns(
    table: Mapping[str, Iterable[object]], response: str, fixed: Sequence[str], random: Sequence[str]
) -> dict[str, list[object]]:
    for role, names in (("fixed", fixed), ("random", random)):
        if isinstance(names, str):
            raise ValueError(f"`{role}` is a list of column names, not the text {names!r}")
    names = [response, *fixed, *random]
    if not random:
        raise ValueError("a mixed model needs at least one random column")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"a column stands in one place of a model only: {', '.join(repeated)}")
    if unknown := [name for name in names if name not in table]:
        raise ValueError(f"the table has no column {', '.join(map(repr, unknown))}")
    columns = {name: [v.item() if isinstance(v, np.generic) else v for v in table[name]] for name in names}
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError(f"columns differ in length: {', '.join(f'{n} {len(c)}' for n, c in columns.items())}")
    return columns


def _missing(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, Real) and math.isnan(value))


def _numbers(name: str, values: Sequence[object]) -> NDArray[np.float64] | None:
    """The column as finite numbers; None when it is text."""
    if all(isinstance(value, str) for value in values):
        return None
    if not all(isinstance(value, Real) for value in values):
        raise ValueError(f"the column {name!r} mixes text and numbers")
    numbers = np.array(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError(f"the column {name!r} holds an infinite value")
    return numbers


def _fixed_effects(
    columns: Mapping[str, Sequence[object]], n: int
) -> tuple[NDArray[np.float64], tuple[str, ...], dict[str, slice]]:
    coded, terms, factors = [np.ones(n)], ["(Intercept)"], {}
    for name, values in columns.items():
        first = len(terms)
        numbers = _numbers(name, values)
        if numbers is not None:
            coded.append(numbers)
            terms.append(name)
        else:
            # Alphabetical as a reader sorts, not by code point: "bit" before "ViT".
            levels = sorted(set(map(str, values)), key=lambda level: (level.casefold(), level))
            if len(levels) < 2:
                raise ValueError(f"the fixed column {name!r} has one level, {levels[0]!r}: it compares nothing")
            text = np.array(values, dtype=np.str_)
            coded += [(text == level).astype(np.float64) for level in levels[1:]]
            terms += [name + level for level in levels[1:]]
        factors[name] = slice(first, len(terms))
    matrix = np.column_stack(coded)
    _check_rank(matrix, factors)
    return matrix, tuple(terms), factors


def _check_rank(matrix: NDArray[np.float64], factors: Mapping[str, slice]) -> None:
    n, p = matrix.shape
    if p >= n:
        raise ValueError(f"{n} rows cannot carry {p} coefficients: the model needs more rows than parameters")
    # Of centred columns of equal length, so that a year and a fraction weigh the same.
    centred = matrix[:, 1:] - matrix[:, 1:].mean(axis=0)
    lengths = np.sqrt(np.sum(centred**2, axis=0))
    scale = np.abs(matrix[:, 1:]).max(axis=0, initial=0)
    for name, places in factors.items():
        of = slice(places.start - 1, places.stop - 1)
        if np.any(lengths[of] <= 1e-12 * scale[of] * np.sqrt(n)):
            raise ValueError(f"the fixed column {name!r} has one value in every row: it compares nothing")
    if p > 1 and np.linalg.matrix_rank(centred / lengths, tol=1e-9) < p - 1:
        raise ValueError(f"the fixed columns {', '.join(factors)} determine each other: leave one out")
