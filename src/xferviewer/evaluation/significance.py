"""Tests of difference, by name: whether checkpoints, cohorts, runs or samples differ by more than chance.

Two checkpoints on the same cases: `delong_paired` for areas (`bootstrap_paired` where a patient has several images),
`mcnemar` for decisions. One checkpoint on two sites: `delong_unpaired`. Several on the same cases: `delong_several`, or
pairs with `adjust`. Seeds: `t_test`. A grid of runs: `mixed_effects`, and not `rank_sum`, which takes runs for
independent.
"""

from xferviewer.evaluation.adjustment import adjust
from xferviewer.evaluation.delong import (
    PairedDelong,
    SeveralDelong,
    UnpairedDelong,
    compare_placements,
    delong_paired,
    delong_several,
    delong_unpaired,
)
from xferviewer.evaluation.mcnemar import mcnemar
from xferviewer.evaluation.mixed_effects import MixedEffects, mixed_effects
from xferviewer.evaluation.paired_bootstrap import PairedBootstrap, bootstrap_paired
from xferviewer.evaluation.rank_tests import friedman, kruskal_wallis, rank_sum, signed_rank
from xferviewer.evaluation.t_tests import TTest, t_test
from xferviewer.evaluation.test_result import TestResult

__all__ = [
    "MixedEffects",
    "PairedBootstrap",
    "PairedDelong",
    "SeveralDelong",
    "TTest",
    "TestResult",
    "UnpairedDelong",
    "adjust",
    "bootstrap_paired",
    "compare_placements",
    "delong_paired",
    "delong_several",
    "delong_unpaired",
    "friedman",
    "kruskal_wallis",
    "mcnemar",
    "mixed_effects",
    "rank_sum",
    "signed_rank",
    "t_test",
]
