"""Every value of the statistics that R, scikit-learn and NumPy computed (pROC 1.18, lme4 1.1-31, lmerTest 3.1-3).

One test for each file, one case for each of its entries; a case ends by asserting that it has read every value of its
entry. Closed forms agree to 1e-9 relative, mixed models as their optimisers allow, the bootstrap as chance allows.
"""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xferviewer.evaluation.calibration import expected_calibration_error
from xferviewer.evaluation.cases import stated_cases
from xferviewer.evaluation.collaborative import collaborative_auc
from xferviewer.evaluation.intervals import agresti_coull, clopper_pearson, jeffreys, wald, wilson
from xferviewer.evaluation.multiclass import hand_till, multiclass_metrics
from xferviewer.evaluation.multilabel import multilabel_metrics, published_calibration_error
from xferviewer.evaluation.operating_points import OperatingPoint, closest_to_corner, cost_weighted, youden
from xferviewer.evaluation.partial_area import partial_auc
from xferviewer.evaluation.placements import covariance, placements
from xferviewer.evaluation.referral import oracle_auc, oracle_auc_per_finding, oracle_referrals
from xferviewer.evaluation.roc import RocCurve, auc, auc_interval, hanley_mcneil, roc_curve
from xferviewer.evaluation.significance import (
    TTest,
    adjust,
    bootstrap_paired,
    delong_paired,
    delong_several,
    delong_unpaired,
    friedman,
    kruskal_wallis,
    mcnemar,
    mixed_effects,
    rank_sum,
    signed_rank,
    t_test,
)
from xferviewer.evaluation.uncertainty import referral_order

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"


class Entry:
    """One entry of a reference file, which knows what of it was asked for. Asked for are values, never whole parts."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.asked: set[tuple[str | int, ...]] = set()

    def __call__(self, *path: str | int) -> Any:
        value = self.values
        for key in path:
            value = value[key]
        assert _is_value(value), f"{path} is a part with values of its own"
        self.asked.add(path)
        return value

    def number(self, *path: str | int) -> float:
        """A number; R's NA, which JSON holds as null, is NaN."""
        value = self(*path)
        return math.nan if value is None else float(value)

    def numbers(self, *path: str | int) -> list[float]:
        return [math.nan if value is None else float(value) for value in self(*path)]

    def unread(self) -> set[tuple[str | int, ...]]:
        return set(_values(self.values)) - self.asked


def _is_value(value: Any) -> bool:
    return not isinstance(value, dict) and not (isinstance(value, list) and value and isinstance(value[0], dict))


def _values(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if _is_value(part):
        yield path
    else:
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _values(value, (*path, key))


def entries(name: str) -> list[Any]:
    """The entries of a file as parameters of a test: those of its list, or the one that it is."""
    if not REFERENCE.exists():
        return [pytest.param(Entry({}), marks=pytest.mark.skip(reason=f"{REFERENCE} is not on this machine"))]
    content = json.loads((REFERENCE / name).read_text("utf-8"))
    of_file = content if isinstance(content, list) else [content]
    return [pytest.param(Entry(values), id=values.get("name")) for values in of_file]


def table(name: str) -> np.ndarray:
    return np.genfromtxt(REFERENCE / name, delimiter=",", skip_header=1)


def exactly(wanted: Any) -> Any:
    return pytest.approx(wanted, rel=1e-9, abs=1e-12, nan_ok=True)


def test_that_an_entry_names_what_was_not_asked_for() -> None:
    entry = Entry({"a": 1, "b": {"c": [2, 3], "d": None}, "e": [{"f": 4}, {"f": 5}]})
    assert (entry("a"), entry.numbers("b", "c"), entry("e", 1, "f")) == (1, [2, 3], 5)
    assert entry.unread() == {("b", "d"), ("e", 0, "f")}
    with pytest.raises(AssertionError):
        entry("b")


@pytest.mark.parametrize("entry", entries("delong.json"))
def test_that_areas_and_their_comparison_are_those_of_proc(entry: Entry) -> None:
    assert entry("name")
    if "data" in entry.values:
        labels, a, b = (np.array(entry("data", key), dtype=float) for key in ("y", "s1", "s2"))
    else:
        labels, a, b = table(entry("data_file")).T
    assert (labels.size, labels.sum(), (labels == 0).sum()) == (entry("n"), entry("n_pos"), entry("n_neg"))
    for scores, model in ((a, "model1"), (b, "model2")):
        check_area(entry, model, labels, scores)
    of_both = covariance(placements(stated_cases(labels, a, b)))
    assert of_both[0, 1] == exactly(entry.number("cov_delong"))
    check_paired(entry, labels, a, b)
    unpaired = delong_unpaired(labels, a, labels, b)
    assert [unpaired.statistic, unpaired.df, unpaired.p_value] == exactly(
        [entry.number("unpaired", key) for key in ("D", "df", "p")]
    )
    check_thresholds(entry, roc_curve(labels, a))
    for key, corrected in (("spec_0.9_1", False), ("spec_0.9_1_corrected", True)):
        wanted = entry.number("partial_auc_model1", key)
        assert partial_auc(labels, a, 0.9, 1, corrected=corrected) == exactly(wanted)
    if "bootstrap_note" in entry.values:
        check_bootstrap(entry, labels, a, b)
    assert not entry.unread()


def check_area(entry: Entry, model: str, labels: np.ndarray, scores: np.ndarray) -> None:
    delong, logit = auc_interval(labels, scores), auc_interval(labels, scores, method="logit")
    assert auc(labels, scores) == delong.auc == exactly(entry(model, "auc"))
    assert delong.standard_error == exactly(entry.number(model, "se_delong"))
    assert delong.standard_error**2 == exactly(entry.number(model, "var_delong"))
    assert [delong.lower, delong.upper] == exactly(entry.numbers(model, "ci95_delong"))
    assert [logit.lower, logit.upper] == exactly(entry.numbers(model, "ci95_logit"))
    published = hanley_mcneil(delong.auc, delong.n_positive, delong.n_negative)
    assert published == exactly(entry.number(model, "se_hanley_mcneil"))


def check_paired(entry: Entry, labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    paired, several = delong_paired(labels, a, b), delong_several(labels, [a, b])
    z, p = entry.number("paired", "Z"), entry.number("paired", "p")
    assert [paired.z, paired.p_value, paired.difference, paired.lower, paired.upper] == exactly(
        [z, p, entry("paired", "diff"), *entry.numbers("paired", "ci95_diff")]
    )
    assert [several.statistic, several.p_value] == exactly([z**2, p])


def check_thresholds(entry: Entry, curve: RocCurve) -> None:
    """pROC lists the best thresholds; ours may hold more ties, because both ends of the curve are compared as well."""
    best: dict[str, tuple[OperatingPoint | None, Callable[[float, float], float]]] = {
        "youden": (youden(curve), lambda se, sp: se + sp),
        "closest_topleft": (closest_to_corner(curve), lambda se, sp: -((1 - se) ** 2) - (1 - sp) ** 2),
        "youden_cost5_prev0.1": (cost_weighted(curve, 5, 0.1), lambda se, sp: se + (1 - 0.1) / (5 * 0.1) * sp),
    }
    for rule, (point, worth) in best.items():
        assert point is not None
        found = [point.threshold, *point.ties]
        for i in range(len(entry.values["thresholds_model1"][rule])):
            at = ("thresholds_model1", rule, i)
            threshold, se, sp = entry(*at, "threshold"), entry(*at, "sensitivity"), entry(*at, "specificity")
            if threshold is None:  # an infinite one, which JSON does not have
                threshold = math.inf if sp == 1 else -math.inf
            assert any(value == exactly(threshold) for value in found)
            shown = point.confusion
            assert worth(se, sp) == exactly(worth(shown.sensitivity.value, shown.specificity.value))


def check_bootstrap(entry: Entry, labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
    assert "0.01 (CI ends) and 0.15 (D)" in entry("bootstrap_note")
    interval = auc_interval(labels, a, method="bootstrap", resamples=4000)
    assert [interval.lower, interval.upper] == pytest.approx(
        entry("bootstrap_model1_ci95_stratified_percentile"), abs=0.01
    )
    paired = bootstrap_paired(labels, a, b, resamples=4000)
    assert paired.d == pytest.approx(entry("bootstrap_paired_D"), abs=0.15)
    assert paired.p_value == pytest.approx(entry("bootstrap_paired_p"), abs=0.03)


@pytest.mark.parametrize("entry", entries("mcnemar.json"))
def test_that_decisions_compare_as_in_r(entry: Entry) -> None:
    a, b, c, d = (
        entry("table", key) for key in ("a_both_correct", "b_only_1_correct", "c_only_2_correct", "d_both_wrong")
    )
    for continuity, name in ((True, "with_continuity"), (False, "without_continuity")):
        answer = mcnemar([[a, b], [c, d]], continuity=continuity)
        assert [answer.statistic, answer.df] == exactly([entry.number(name, "chi2"), entry(name, "df")])
        p = entry(name, "p")
        # R has no p-value when no case is discordant; here that is "no difference".
        assert answer.p_value == pytest.approx(1.0 if p is None else p, rel=1e-9)
    assert mcnemar([[a, b], [c, d]], exact=True).p_value == pytest.approx(entry("exact_p"), rel=1e-9)
    assert mcnemar([[a, b], [c, d]], mid_p=True).p_value == pytest.approx(entry("mid_p"), rel=1e-9)
    assert not entry.unread()


@pytest.mark.parametrize("entry", entries("wilcoxon.json"))
def test_that_ranks_compare_as_in_r(entry: Entry) -> None:
    test = signed_rank if entry("paired") else rank_sum
    x, y = entry("x"), entry("y")
    answers = {
        "default": test(x, y),
        "exact_false_correct": test(x, y, exact=False),
        "exact_false_nocorrect": test(x, y, exact=False, continuity=False),
        "less": test(x, y, "less"),
        "greater": test(x, y, "greater"),
    }
    for name, answer in answers.items():
        assert answer.statistic == exactly(entry(name, "stat"))
        p = entry(name, "p")
        assert answer.p_value == pytest.approx(1.0 if p is None else p, rel=1e-9)  # R: NaN when all values are equal
    assert entry("name")
    assert not entry.unread()


@pytest.mark.parametrize("entry", entries("proportion_ci.json"))
def test_that_proportions_have_the_intervals_of_r(entry: Entry) -> None:
    x, n = entry("x"), entry("n")
    assert x / n == exactly(entry("p"))
    bounds = {
        "clopper_pearson": clopper_pearson(x, n),
        "wilson": wilson(x, n),
        "wilson_continuity": wilson(x, n, continuity=True),
        "agresti_coull": agresti_coull(x, n),
        "jeffreys": jeffreys(x, n),
        "wald": wald(x, n),
    }
    for name, (lower, upper) in bounds.items():
        assert [float(lower), float(upper)] == exactly(entry(name)), name
    assert not entry.unread()


@pytest.mark.parametrize("entry", entries("p_adjust.json"))
def test_that_p_values_are_adjusted_as_in_r(entry: Entry) -> None:
    for method in ("bonferroni", "holm", "hochberg", "hommel", "BH", "BY"):
        assert adjust(entry("p"), method.lower()) == exactly(entry(method)), method
    assert not entry.unread()


@pytest.mark.parametrize("entry", entries("t_friedman_kruskal.json"))
def test_that_means_and_blocks_and_samples_compare_as_in_r(entry: Entry) -> None:
    a, b = entry("a"), entry("b")
    for method in ("student", "welch", "paired"):
        check_t_test(entry, method, t_test(a, b, method))
    answer = friedman(entry("friedman", "matrix_rows_blocks"))
    assert [answer.statistic, answer.df, answer.p_value] == exactly(
        [entry("friedman", key) for key in ("chi2", "df", "p")]
    )
    answer = kruskal_wallis(entry("kruskal", "groups"))
    assert [answer.statistic, answer.p_value] == exactly([entry("kruskal", "H"), entry("kruskal", "p")])
    assert not entry.unread()


def check_t_test(entry: Entry, method: str, answer: TTest) -> None:
    assert [answer.statistic, answer.df, answer.p_value] == exactly([entry(method, key) for key in ("t", "df", "p")])
    assert [answer.lower, answer.upper] == exactly(entry(method, "ci95"))


@pytest.mark.parametrize("entry", entries("lmm.json"))
def test_that_mixed_models_are_those_of_lmertest(entry: Entry) -> None:
    response, fixed, random = columns_of(entry("formula"))
    with (REFERENCE / entry("data_file")).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    data: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    data[response] = [float(value) for value in data[response]]
    model = mixed_effects(data, response, fixed=fixed, random=random)

    assert (model.n, model.n_dropped) == (entry("n"), 0)
    assert [entry("fixed", i, "term") for i in range(len(model.fixed))] == list(model.fixed)
    for i, effect in enumerate(model.fixed.values()):
        at = ("fixed", i)
        assert effect.estimate == pytest.approx(entry(*at, "estimate"), abs=1e-6)
        assert effect.standard_error == pytest.approx(entry(*at, "se"), abs=2e-5)
        assert effect.df == pytest.approx(entry(*at, "df"), rel=1e-3)
        assert effect.t == pytest.approx(entry(*at, "t"), rel=2e-4)
        assert effect.p_value == pytest.approx(entry(*at, "p"), abs=1e-5)
    variances = [*model.variances.items(), ("Residual", model.residual_variance)]
    for i, (group, variance) in enumerate(variances):
        at = ("random", i)
        assert group == entry(*at, "group")
        assert variance == pytest.approx(entry(*at, "variance"), rel=1e-3, abs=1e-9)
        assert math.sqrt(variance) == pytest.approx(entry(*at, "sd"), rel=1e-3, abs=1e-5)
    ratios = [math.sqrt(variance / model.residual_variance) for _, variance in variances[:-1]]
    assert ratios == pytest.approx(np.atleast_1d(entry("theta")).tolist(), rel=1e-3, abs=1e-5)
    assert math.sqrt(model.residual_variance) == pytest.approx(entry("sigma"), rel=1e-5)
    assert model.covariance == pytest.approx(np.array(entry("vcov_fixed")), rel=1e-3)
    check_criterion(entry, model.reml_criterion, len(model.fixed) + len(variances))
    for i, (term, test) in enumerate(model.anova.items()):
        at = ("anova_type3_satterthwaite", i)
        assert (term, test.df1) == (entry(*at, "term"), entry(*at, "num_df"))
        assert [test.f, test.df2] == pytest.approx([entry(*at, "F"), entry(*at, "den_df")], rel=1e-4)
        assert test.p_value == pytest.approx(entry(*at, "p"), abs=1e-5)
    assert model.singular == entry("singular") == ("singular" in str(entry("messages")))
    assert entry("name")
    assert not entry.unread()


def columns_of(formula: str) -> tuple[str, list[str], list[str]]:
    response, right = re.sub(r"\s+", " ", formula).split(" ~ ")
    terms = [term.strip() for term in right.split(" + ")]
    random = [term[len("(1 | ") : -1] for term in terms if term.startswith("(1 | ")]
    return response, [term for term in terms if not term.startswith("(")], random


def check_criterion(entry: Entry, criterion: float, n_parameters: int) -> None:
    assert criterion == pytest.approx(entry("REML_criterion"), abs=1e-6)
    assert criterion <= entry("REML_criterion") + 1e-9  # never a worse fit than R's
    assert -criterion / 2 == pytest.approx(entry("logLik_REML"), abs=1e-6)
    assert criterion + 2 * n_parameters == pytest.approx(entry("AIC"), abs=1e-6)
    assert criterion + math.log(entry("n")) * n_parameters == pytest.approx(entry("BIC"), abs=1e-6)


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("entry", entries("multiclass.json"))
def test_that_several_classes_have_the_numbers_of_scikit_learn_and_proc(entry: Entry) -> None:
    labels, logits = (read := table(entry("data_file")))[:, 0], read[:, 1:]
    assert logits.shape == (entry("n"), entry("K"))
    assert "arg-max" in entry("note")
    found = multiclass_metrics(labels, softmax(logits))
    confusion = found.confusion
    assert confusion.counts.tolist() == entry("confusion_rows_true")
    for value, name in (
        (confusion.accuracy, "accuracy"),
        (confusion.balanced_accuracy, "balanced_accuracy"),
        (confusion.f1, "f1_per_class"),
        (confusion.f1_macro, "f1_macro"),
        (confusion.f1_weighted, "f1_weighted"),
        (confusion.f1_micro, "f1_micro"),
        (confusion.mcc, "mcc"),
        (confusion.kappa(), "kappa"),
        (confusion.kappa("quadratic"), "kappa_quadratic"),
        (found.auc_per_class, "auc_ovr_per_class"),
        (found.auc_macro, "auc_ovr_macro"),
        (found.auc_hand_till, "auc_hand_till"),
        (found.average_precision, "average_precision_per_class"),
        (found.nll, "nll"),
        (found.brier, "brier_sum_over_classes"),
        (found.ece_top_label, "ece15_top_label"),
        (found.ece_classwise, "classwise_ece15"),
    ):
        assert value == exactly(entry(name)), name
    assert found.auc_per_class == exactly(entry("pROC", "auc_ovr_per_class"))
    assert hand_till(labels, softmax(logits)) == exactly(entry("pROC", "hand_till"))

    def at_temperature(temperature: float) -> float:
        return multiclass_metrics(labels, softmax(logits / temperature)).nll

    best = entry("temperature")
    assert at_temperature(best) == exactly(entry("nll_after_T"))
    assert at_temperature(best) < min(at_temperature(best * 1.001), at_temperature(best / 1.001))
    assert not entry.unread()


@pytest.mark.parametrize("entry", entries("oracle_multilabel.json"))
def test_that_several_findings_have_the_numbers_of_the_published_code(entry: Entry) -> None:
    read = table(entry("data_file"))
    labels, p = read[:, :5], read[:, 5:]
    assert len(read) == entry("n")
    assert [auc(labels[:, k], p[:, k]) for k in range(5)] == exactly(entry("auc"))
    for i in range(5):
        at = ("thresholds", i)
        threshold = entry(*at, "threshold")
        found = multilabel_metrics(labels, p, threshold)
        assert found.mean_accuracy == exactly(entry(*at, "mean_accuracy"))
        assert found.subset_accuracy == exactly(entry(*at, "subset_accuracy"))
        assert found.false_negative_rate == exactly(entry(*at, "fnr_per_class"))
        assert found.fnr_mean == exactly(entry(*at, "fnr_mean"))
        assert published_calibration_error(labels, p, threshold) == exactly(entry(*at, "calibration_error_krones"))
    assert threshold == 0.5
    # The published code writes four decimals.
    assert found.disparity == pytest.approx(entry("disparity_at_0.5"), abs=5.1e-5)
    assert found.f1_micro == pytest.approx(entry("f1_micro_at_0.5"), abs=5.1e-5)
    errors = [expected_calibration_error(labels[:, k], p[:, k]) for k in range(5)]
    assert errors == exactly(entry("ece15_positive_class_per_label"))
    assert entry("checked_against_original_plex_metrics")
    check_oracle(entry, labels, p)
    assert not entry.unread()


def check_oracle(entry: Entry, labels: np.ndarray, p: np.ndarray) -> None:
    rates = entry("fractions")
    assert oracle_auc(labels, p, rates) == exactly(entry("oracle_auc_single_referral"))
    assert oracle_auc(labels, p, rates, "cumulative") == exactly(entry("oracle_auc_krones_cumulative"))
    assert oracle_referrals(len(p), rates, "cumulative").tolist() == entry("actually_referred_krones")
    collaborative = oracle_auc_per_finding(labels, p, rates, "collaborative")
    for row, rate in zip(collaborative, rates, strict=True):
        assert row == exactly(entry("oc_auc_per_class", f"{rate:g}"))
    assert "200" in entry("oc_auc_settings")
    # Rejection: what the expert gets is dropped instead of corrected; as published, each rate of what the last left.
    rejected, kept = [], np.arange(len(p))
    for rate in rates:
        least_certain = referral_order(-np.abs(p[kept] - 0.5).mean(axis=1))
        kept = kept[least_certain[int(kept.size * rate) :]]
        rejected.append(np.mean([auc(labels[kept, k], p[kept, k]) for k in range(5)]))
    assert rejected == pytest.approx(entry("rejection_auc_krones_published_code"), abs=5.1e-5)
    y, q = entry("oc_auc_unit", "y"), entry("oc_auc_unit", "p")
    for name, sizes in (("values", {"n_thresholds": 11, "n_bins": 7}), ("T200", {})):
        for rate in ("0", "0.25", "0.5", "0.75", "1"):
            wanted = entry("oc_auc_unit", name, rate)
            assert collaborative_auc(y, q, [float(rate)], **sizes) == pytest.approx([wanted], abs=1e-12)
    assert "num_thresholds=11,num_bins=7" in entry("oc_auc_unit", "settings")
