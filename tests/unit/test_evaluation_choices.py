"""What a person chooses changes what it is about and nothing else; every number is that of the function it names."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule, ReferralMeasure
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.gaps import gaps
from xferviewer.evaluation.margin_sweep import MarginSweep
from xferviewer.evaluation.metrics import Metrics
from xferviewer.evaluation.metrics_json import metrics_dict
from xferviewer.evaluation.operating_points import Confusion, at_sensitivity, confusion_at, youden
from xferviewer.evaluation.referral_sweep import ReferralSweep
from xferviewer.evaluation.roc import auc_interval, roc_curve
from xferviewer.evaluation.score_order import ScoreOrder
from xferviewer.evaluation.selective import risk_coverage
from xferviewer.evaluation.significance import adjust, delong_paired
from xferviewer.evaluation.subgroup_metrics import GAP_METRICS, crossed_groups
from xferviewer.evaluation.subgroups import SubgroupSettings
from xferviewer.evaluation.uncertainty import n_referred, referral_order, uncertainty
from xferviewer.evaluation.workload import workload

N = 160


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """Three checkpoints: B lacks cases, C lacks the last finding; some labels are not stated."""
    random = np.random.default_rng(17)
    labels = (random.random((N, 3)) < 0.3).astype(float)
    labels[random.random(labels.shape) < 0.05] = np.nan
    logits = random.normal(size=(3, N, 3)) + np.array([1.6, 1.0, 0.7])[:, None, None] * np.nan_to_num(labels)
    scores = (1 / (1 + np.exp(1 - logits))).astype(np.float32).astype(float)
    scores[1, 130:] = np.nan
    scores[2, :, 2] = np.nan
    columns = {
        "site": tuple("north" if i % 3 else "south" for i in range(N)),
        "sex": tuple("F" if i % 2 else "M" for i in range(N)),
    }
    names = tuple(f"{i:03d}" for i in range(N))
    return Cohort("image", names, names, names, ("F0", "F1", "F2"), labels, ("A", "B", "C"), scores, columns)


def test_that_reporting_some_findings_changes_no_number_of_them(cohort: Cohort) -> None:
    choices = EvaluationChoices(uncertainty="case", referral_rate=0.2, point=OperatingRule("youden"))
    whole = metrics_dict(evaluate(cohort, choices))
    some = metrics_dict(evaluate(cohort, replace(choices, findings=("F2", "F0"))))
    assert list(some["findings"]) == list(some["operating"]["findings"]) == ["F0", "F2"]
    for section in ("findings", "operating", "referral"):
        of_whole = whole[section] if section == "findings" else whole[section]["findings"]
        of_some = some[section] if section == "findings" else some[section]["findings"]
        assert of_some == {finding: of_whole[finding] for finding in ("F0", "F2")}
    assert some["pairs"] == [pair for pair in whole["pairs"] if pair["finding"] != "F1"]
    assert some["means"]["A"]["n_findings"] == 2


def test_that_common_cases_are_those_that_every_checkpoint_with_the_finding_has(cohort: Cohort) -> None:
    each = evaluate(cohort)
    common = evaluate(cohort, EvaluationChoices(cases="common"))
    for name in ("A", "B", "C"):
        place = cohort.checkpoints.index(name)
        expected = auc_interval(cohort.labels[:130, 0], cohort.scores[place, :130, 0])
        assert common.findings["F0"][name].interval == expected
    assert each.findings["F0"]["A"].interval == auc_interval(cohort.labels[:, 0], cohort.scores[0, :, 0])
    assert list(common.findings["F2"]) == ["A", "B"]
    assert common.warnings[-1] == (
        "Cases that some checkpoints have a score for and others have not are left out of all: F0 30, F1 30, F2 30."
    )
    assert each.warnings == ()


def test_that_a_finding_without_a_common_case_is_said_and_the_others_stay(cohort: Cohort) -> None:
    scores = cohort.scores.copy()
    scores[0, :130, 0] = np.nan
    metrics = evaluate(replace(cohort, scores=scores), EvaluationChoices(cases="common"))
    assert metrics.findings["F0"] == {}
    assert metrics.operating["F0"] == {}
    assert list(metrics.findings["F1"]) == ["A", "B", "C"]
    assert "F0: no case has a score of every checkpoint, so that nothing is compared." in metrics.warnings


@pytest.mark.parametrize("how", ["holm", "bh", "bonferroni", "none"])
def test_that_all_differences_to_the_reference_are_one_family(cohort: Cohort, how: str) -> None:
    described = metrics_dict(evaluate(cohort, EvaluationChoices(reference="B", adjust=how)))["reference"]
    assert (described["checkpoint"], described["adjust"], described["family"]) == ("B", how, 5)
    found = described["differences"]
    assert [(of["finding"], of["checkpoint"]) for of in found] == [
        ("F0", "A"), ("F0", "C"), ("F1", "A"), ("F1", "C"), ("F2", "A")
    ]  # fmt: skip
    used = slice(0, 130)
    for of in found:
        k, c = cohort.findings.index(of["finding"]), cohort.checkpoints.index(of["checkpoint"])
        test = delong_paired(cohort.labels[used, k], cohort.scores[c, used, k], cohort.scores[1, used, k])
        assert (of["difference"], of["p"], of["lower"], of["auc"], of["auc_reference"]) == (
            test.difference, test.p_value, test.lower, test.auc_a, test.auc_b
        )  # fmt: skip
    p = [of["p"] for of in found]
    assert [of["p_adjusted"] for of in found] == (p if how == "none" else adjust(p, how).tolist())


def test_that_a_difference_without_a_p_value_is_not_counted_in_the_family(cohort: Cohort) -> None:
    labels = cohort.labels.copy()
    labels[:, 1] = 0
    described = metrics_dict(evaluate(replace(cohort, labels=labels), EvaluationChoices(reference="A")))
    assert described["reference"]["family"] == 3
    assert [of["p_adjusted"] for of in described["reference"]["differences"] if of["finding"] == "F1"] == [None, None]
    assert metrics_dict(evaluate(cohort))["reference"] is None


def test_that_the_most_specific_threshold_counts(cohort: Cohort) -> None:
    thresholds = {("", ""): 0.4, ("", "F1"): 0.3, ("B", "F1"): 0.25}
    found = evaluate(cohort, EvaluationChoices(thresholds=thresholds)).operating
    assert [found[f][c].threshold for f, c in (("F0", "B"), ("F1", "A"), ("F1", "B"))] == [0.4, 0.3, 0.25]
    labels, scores = cohort.labels[:130, 1], cohort.scores[1, :130, 1]
    assert found["F1"]["B"].confusion == confusion_at(labels, scores, 0.25)


def test_that_rules_find_the_thresholds_that_are_not_named(cohort: Cohort) -> None:
    curve = roc_curve(cohort.labels[:, 0], cohort.scores[0, :, 0])
    for rule, expected in (
        (OperatingRule("youden"), youden(curve).threshold),
        (OperatingRule("sensitivity", 0.9), at_sensitivity(curve, 0.9).threshold),
        (OperatingRule("fixed", 0.125), 0.125),
        (OperatingRule(), 0.5),
    ):
        choices = EvaluationChoices(point=rule, thresholds={("", "F2"): 0.75})
        found = evaluate(cohort, choices).operating
        assert found["F0"]["A"].threshold == expected
        assert found["F2"]["A"].threshold == 0.75


MEASURES: list[ReferralMeasure] = ["finding", "probability", "case", "entropy", "margin", "spread"]


def unsure(cohort: Cohort, measure: ReferralMeasure, threshold: float) -> np.ndarray:
    """(3, 130) of the first finding on the common cases, straight from the definitions."""
    scores = cohort.scores[:, :130, 0]
    if measure == "spread":
        return np.broadcast_to(scores.std(axis=0), scores.shape)
    rows = []
    for c in range(3):
        cases = cohort.scores[c, :130]
        if measure == "finding":
            rows.append(uncertainty(scores[c], "margin", threshold))
        elif measure == "probability":
            rows.append(uncertainty(scores[c]))
        elif measure == "margin":
            rows.append(uncertainty(cases, "margin", [threshold] * 3))
        else:
            rows.append(uncertainty(cases, "entropy" if measure == "entropy" else "distance"))
    return np.stack(rows)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("rate", [0.0, 0.15, 1.0])
def test_that_operating_numbers_are_those_of_the_sweep_to_the_last_bit(
    cohort: Cohort, measure: ReferralMeasure, rate: float
) -> None:
    choices = EvaluationChoices(
        cases="common", thresholds={("", ""): 0.35}, referral_rate=rate, uncertainty=measure, level=0.9
    )
    found = metrics_dict(evaluate(cohort, choices))["operating"]
    assert (found["referral_rate"], found["uncertainty"]) == (rate, measure)
    order = unsure(cohort, measure, 0.35)
    sweep = ReferralSweep(cohort.labels[:130, 0], cohort.scores[:, :130, 0], order, 0.9)
    state, areas = sweep.at(rate, 0.35), sweep.retained_auc(rate)
    for c, name in enumerate(cohort.checkpoints):
        row = found["findings"]["F0"][name]
        counts = ("true_positive", "false_positive", "true_negative", "false_negative", "referred_positive")
        assert [row[key] for key in counts] == [getattr(state, key)[c] for key in counts]
        assert (row["n_cases"], row["n_referred"], row["n_retained"]) == (130, state.n_referred, state.n_retained)
        for rates in ("sensitivity", "specificity"):
            for part, ending in (("value", ""), ("lower", "_lower"), ("upper", "_upper")):
                expected = float(getattr(state, rates + ending)[c])
                assert row[rates][part] == (None if math.isnan(expected) else expected)
        area = areas[c]
        said = [row["retained_auc"][key] for key in ("auc", "auc_lower", "auc_upper")]
        assert said == [None if math.isnan(v) else v for v in (area.auc, area.lower, area.upper)]
        referred = state.referred_positive[c], row["referred_negative"]
        stated = ~np.isnan(cohort.labels[:130, 0])
        kept = np.setdiff1d(np.flatnonzero(stated), sweep.referred(rate, c))
        assert sum(referred) == stated.sum() - kept.size
        work = row["workload_per_100"]
        flagged = 100 * int((cohort.scores[c, kept, 0] > 0.35).sum()) / int(stated.sum())
        assert work["flagged"]["value"] == pytest.approx(flagged)
        assert sum(work[share]["value"] for share in ("referred", "flagged", "cleared")) == pytest.approx(100)
        expected = workload(Confusion(*(row[key] for key in counts[:4])), referred, work["prevalence"], 0.9)
        assert work["missed"]["upper"] == 100 * expected.missed.upper


def test_that_the_sweep_of_the_window_s_slider_gives_the_same(cohort: Cohort) -> None:
    choices = EvaluationChoices(cases="common", thresholds={("", ""): 0.3}, referral_rate=0.25)
    found = evaluate(cohort, choices).operating["F0"]
    orders = [ScoreOrder(cohort.labels[:130, 0], cohort.scores[c, :130, 0]) for c in range(3)]
    sweep = MarginSweep(orders)
    state, areas = sweep.at(0.25, 0.3), sweep.retained_auc(0.25, 0.3)
    for c, name in enumerate(cohort.checkpoints):
        assert found[name].auc == areas[c]
        assert found[name].confusion.true_positive == state.true_positive[c]
        assert found[name].confusion.true_negative == state.true_negative[c]
        assert found[name].referred[0] == state.referred_positive[c]


def test_that_each_checkpoint_refers_of_its_own_cases(cohort: Cohort) -> None:
    found = evaluate(cohort, EvaluationChoices(referral_rate=0.1)).operating["F0"]
    assert [(found[name].n_cases, found[name].n_referred) for name in ("A", "B")] == [(160, 16), (130, 13)]


def test_that_the_spread_in_a_case_that_few_have_is_that_of_those_who_have_it(cohort: Cohort) -> None:
    found = evaluate(cohort, EvaluationChoices(referral_rate=0.5, uncertainty="spread")).operating["F0"]
    spread = np.nanstd(cohort.scores[:, :, 0], axis=0)
    referred = referral_order(spread)[: n_referred(N, 0.5)]
    assert found["A"].referred[0] == int((cohort.labels[referred, 0] == 1).sum())


def test_that_the_risk_is_the_error_rate_of_the_calls_most_certain_first(cohort: Cohort) -> None:
    metrics = evaluate(cohort, EvaluationChoices(thresholds={("", ""): 0.3}))
    stated = ~np.isnan(cohort.labels[:, 0])
    labels, scores = cohort.labels[stated, 0], cohort.scores[0, stated, 0]
    expected = risk_coverage((scores > 0.3) != (labels == 1), -np.abs(scores - 0.3))
    assert metrics.operating["F0"]["A"].risk.aurc == expected.aurc
    assert metrics_dict(metrics)["operating"]["findings"]["F0"]["A"]["aurc_optimal"] == expected.optimal


def test_that_scores_that_are_no_probabilities_are_referred_by_their_distance_to_the_threshold(cohort: Cohort) -> None:
    logits = np.log(cohort.scores / (1 - cohort.scores))
    choices = EvaluationChoices(referral_rate=0.2, uncertainty="case")
    found = evaluate(replace(cohort, scores=logits), choices).operating["F0"]["A"]
    assert found.threshold == 0
    referred = np.argsort(np.abs(logits[0, :, 0]), kind="stable")[:32]
    assert found.referred[0] == int((cohort.labels[referred, 0] == 1).sum())


def test_that_a_rule_that_finds_no_threshold_leaves_the_finding_out(cohort: Cohort) -> None:
    labels = cohort.labels.copy()
    labels[:, 1] = 0
    metrics = evaluate(replace(cohort, labels=labels), EvaluationChoices(point=OperatingRule("youden")))
    assert metrics.operating["F1"] == {}
    fixed = evaluate(replace(cohort, labels=labels)).operating["F1"]["A"]
    assert math.isnan(fixed.confusion.sensitivity.value)
    assert fixed.confusion.specificity.trials == 160


def test_that_columns_are_crossed_and_empty_combinations_are_none(cohort: Cohort) -> None:
    groups = crossed_groups({**cohort.columns, "ward": ("x",) * 80 + ("",) * 80}, ("site", "sex"))
    assert list(groups) == ["north + F", "north + M", "south + F", "south + M"]
    assert sum(int(member.sum()) for member in groups.values()) == N
    assert not crossed_groups({"a": ("x", "y"), "b": ("1", "2")}, ("a", "b"))["x + 1"][1]
    assert list(crossed_groups({"a": ("x", "y"), "b": ("1", "2")}, ("a", "b"))) == ["x + 1", "y + 2"]
    metrics = evaluate(cohort, EvaluationChoices(by=(("site", "sex"), ("sex",))))
    assert list(metrics.groups) == ["site+sex", "sex"]
    member = groups["south + F"]
    expected = auc_interval(cohort.labels[member, 0], cohort.scores[0, member, 0])
    assert metrics.groups["site+sex"]["south + F"].findings["F0"]["A"].interval == expected


def test_that_gaps_are_those_of_the_operating_points(cohort: Cohort) -> None:
    choices = EvaluationChoices(by=(("site",),), thresholds={("", ""): 0.3}, level=0.9)
    found = evaluate(cohort, choices)
    described = metrics_dict(found)["gaps"]["site"]["F0"]["B"]
    used = slice(0, 130)
    groups = {name: np.array(cohort.columns["site"][used]) == name for name in ("north", "south")}
    settings = SubgroupSettings(0.3, probabilities=False, level=0.9)
    expected = gaps(cohort.labels[used, 0], cohort.scores[1, used, 0], groups, settings)
    assert found.gaps["site"]["F0"]["B"] == {metric: expected[metric] for metric in GAP_METRICS}
    south = described["sensitivity"]["groups"]["south"]
    sensitivity = confusion_at(cohort.labels[used, 0][groups["south"]], cohort.scores[1, used, 0][groups["south"]], 0.3)
    assert south["value"] == sensitivity.sensitivity.value
    assert (south["lower"], south["upper"]) == sensitivity.sensitivity.interval(0.9)
    assert described["auc"]["groups"]["north"]["p"] == expected["auc"].rows[0].p_value


def test_that_constant_scores_are_said_to_say_nothing(cohort: Cohort) -> None:
    scores = cohort.scores.copy()
    scores[0, :, 0] = 0.25
    metrics = evaluate(replace(cohort, scores=scores))
    positive, negative = (int((cohort.labels[:, 0] == value).sum()) for value in (1, 0))
    assert metrics.findings["F0"]["A"].interval.auc == 0.5
    assert metrics.findings["F0"]["A"].constant
    (warning,) = metrics.warnings
    assert warning == (
        f"F0: A gives all cases the same score ({positive} positive, {negative} negative cases), so that its AUC is "
        f"0.5 and says nothing."
    )


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (EvaluationChoices(findings=("F9",)), "no finding called F9. There are F0, F1, F2."),
        (EvaluationChoices(reference="Z"), "no checkpoint called Z. There are A, B, C."),
        (EvaluationChoices(by=(("ward",),)), "no column to group by called ward. There are site, sex."),
    ],
)
def test_that_a_name_that_is_not_there_is_refused_with_those_that_are(
    cohort: Cohort, choices: EvaluationChoices, says: str
) -> None:
    with pytest.raises(UnusableChoice) as refused:
        evaluate(cohort, choices)
    assert says in str(refused.value)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from(MEASURES), st.floats(0, 1), st.sampled_from(["each", "common"]),
    st.sampled_from([OperatingRule("youden"), OperatingRule(), OperatingRule("specificity", 0.8)]),
)  # fmt: skip
def test_that_counts_add_up_whatever_is_chosen(
    seed: int, measure: ReferralMeasure, rate: float, cases: str, rule: OperatingRule
) -> None:
    random = np.random.default_rng(seed)
    labels = random.choice([0, 1, np.nan], (20, 2))
    scores = random.integers(0, 5, (2, 20, 2)) / 4
    scores[random.random(scores.shape) < 0.2] = np.nan
    names = tuple(map(str, range(20)))
    cohort = Cohort("image", names, names, names, ("F0", "F1"), labels, ("A", "B"), scores, {})
    choices = EvaluationChoices(uncertainty=measure, referral_rate=rate, cases=cases, point=rule)
    metrics: Metrics = evaluate(cohort, choices)
    json.dumps(metrics_dict(metrics), allow_nan=False)
    for finding, row in metrics.operating.items():
        for name, of in row.items():
            confusion, interval = of.confusion, metrics.findings[finding][name].interval
            positive = confusion.true_positive + confusion.false_negative
            assert positive + of.referred[0] == interval.n_positive
            assert confusion.specificity.trials + of.referred[1] == interval.n_negative
            assert of.n_referred == n_referred(of.n_cases, rate)
            assert (of.auc.n_positive, of.auc.n_negative) == (positive, confusion.specificity.trials)
            assert sum(of.referred) <= of.n_referred <= of.n_cases
