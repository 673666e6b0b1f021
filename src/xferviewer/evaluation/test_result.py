"""What a test of difference answers with."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestResult:
    """A test statistic and its p-value; `df` are the degrees of freedom of a χ² statistic, NaN for any other."""

    __test__ = False  # not a test of pytest's

    statistic: float
    p_value: float
    df: float = math.nan
