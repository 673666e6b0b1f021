"""Mixed models against lmerTest, beyond the reference files; under changes that must not matter; at their edges."""

import math
import time
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.evaluation.mixed_design import mixed_design
from xferviewer.evaluation.mixed_effects import MixedEffects, mixed_effects
from xferviewer.evaluation.reml import Reml

Table = dict[str, list[Any]]


def made_up() -> Table:
    """48 rows of formulas, so that R can be given the same: crossed g and h, arms a, b, c, sites that g is within."""
    table: Table = {name: [] for name in ("y", "g", "h", "arm", "dose", "site")}
    for i in range(48):
        g, h, arm, dose = i % 6, (i // 6) % 4, "abc"[(i * i + i // 5) % 3], (i * 7 % 11) / 10
        y = 3 + 0.8 * (arm == "b") - 0.5 * (arm == "c") + 1.5 * dose
        y += 1.1 * math.sin(5 * g + 1) + 0.6 * math.cos(3 * h) + 0.4 * math.sin(12.9898 * i)
        values = (round(y, 6), f"g{g}", f"h{h}", arm, dose, "uvw"[g // 2])
        for column, value in zip(table.values(), values, strict=True):
            column.append(value)
    return table


def check(model: MixedEffects, fixed: dict[str, tuple[float, ...]], anova: dict[str, tuple[float, ...]]) -> None:
    assert list(model.fixed) == list(fixed)
    for term, (estimate, error, df, t, p) in fixed.items():
        found = model.fixed[term]
        assert (found.estimate, found.standard_error, found.t) == pytest.approx((estimate, error, t), rel=1e-5)
        assert (found.df, found.p_value) == pytest.approx((df, p), rel=1e-4)
    assert list(model.anova) == list(anova)
    for name, (f, df1, df2, p) in anova.items():
        test = model.anova[name]
        assert (test.f, test.df1, test.df2, test.p_value) == pytest.approx((f, df1, df2, p), rel=1e-4)


def test_that_text_and_numbers_side_by_side_are_tested_as_by_lmertest() -> None:
    model = mixed_effects(made_up(), "y", fixed=["arm", "dose"], random=["g", "h"])
    check(
        model,
        {
            "(Intercept)": (3.0697522960, 0.46162540765, 8.225710822, 6.649877249, 1.417852126e-04),
            "armb": (1.0858699654, 0.09403617107, 36.042071626, 11.547364733, 1.143376041e-13),
            "armc": (-0.4445401795, 0.10288937908, 36.066665967, -4.320564314, 1.167736710e-04),
            "dose": (1.4949962306, 0.12994305039, 36.089608889, 11.505011049, 1.246616791e-13),
        },
        {
            "arm": (114.1800051, 2, 36.05826391, 2.509763215e-16),
            "dose": (132.3652792, 1, 36.08960889, 1.246616791e-13),
        },
    )
    assert model.variances == pytest.approx({"g": 0.7114712691, "h": 0.3492138516}, rel=1e-5)
    assert model.residual_variance == pytest.approx(0.0732322952, rel=1e-6)
    assert model.reml_criterion == pytest.approx(53.4982184613, abs=1e-8)
    assert (model.levels, model.unreliable_variances) == ({"g": 6, "h": 4}, ("h",))


def test_that_a_factor_between_groups_has_the_degrees_of_freedom_of_the_groups() -> None:
    model = mixed_effects(made_up(), "y", fixed=["site"], random=["g"])
    check(
        model,
        {
            "(Intercept)": (4.2977528750, 0.5116393577, 3, 8.3999653465, 0.003539260038),
            "sitev": (-1.1049638750, 0.7235673188, 3, -1.5271058357, 0.224177359827),
            "sitew": (0.4837881875, 0.7235673188, 3, 0.6686153105, 0.551588492668),
        },
        {"site": (2.533430006, 2, 3, 0.226790627)},
    )
    assert model.reml_criterion == pytest.approx(151.169220491, abs=1e-8)


def test_that_the_f_test_of_two_factors_rests_on_the_contrasts_that_lmertest_takes() -> None:
    model = mixed_effects(made_up(), "y", fixed=["site", "arm"], random=["g", "h"])
    found = {name: (test.f, test.df2, test.p_value) for name, test in model.anova.items()}
    assert found["site"] == pytest.approx((2.983917294, 2.99513286, 0.1936889636), rel=1e-5)
    assert found["arm"] == pytest.approx((38.709142157, 37.31826631, 7.914835193e-10), rel=1e-5)


def test_that_the_denominator_is_two_where_the_mean_of_f_does_not_exist() -> None:
    table = made_up()
    rows = [i for i in range(48) if i % 6 != 5 and i not in (0, 6, 12, 18, 24)]
    uneven = {name: [column[i] for i in rows] for name, column in table.items()}
    # Five groups at three sites leave about two degrees of freedom, less for one contrast; lmerTest says 2.
    model = mixed_effects(uneven, "y", fixed=["site"], random=["g"])
    assert model.fixed["sitew"].df < 2
    assert model.anova["site"].df2 == 2


@pytest.mark.parametrize("random", [["g"], ["h", "g"], ["g", "h"], ["h", "row_of_four", "g"]])
def test_that_the_criterion_and_its_derivatives_are_those_of_the_whole_covariance_matrix(random: list[str]) -> None:
    table = {**made_up(), "row_of_four": [f"r{i // 4}" for i in range(48)]}
    design = mixed_design(table, "y", ["arm", "dose"], random)
    reml = Reml(design.response, design.matrix, design.groups)
    gamma = np.array([0.7, 2.3, 0.05])[: len(random)]
    x, y = design.matrix, (design.response - reml.centre) / reml.unit
    same = [np.equal.outer(levels, levels).astype(float) for levels in design.groups.values()]

    def dense(at: np.ndarray) -> tuple[float, float, np.ndarray, np.ndarray]:
        inverse = np.linalg.inv(np.eye(48) + sum(g * block for g, block in zip(at, same, strict=True)))
        ratio = np.linalg.inv(x.T @ inverse @ x)
        p = inverse - inverse @ x @ ratio @ x.T @ inverse
        variance = y @ p @ y / (48 - 4)
        deviance = (48 - 4) * (1 + np.log(2 * np.pi * variance)) - np.linalg.slogdet(inverse)[1]
        return deviance - np.linalg.slogdet(ratio)[1], variance, ratio @ x.T @ inverse @ y, ratio

    here, (deviance, variance, coefficients, ratio) = reml.at(gamma), dense(gamma)
    assert (here.deviance, here.variance) == pytest.approx((deviance, variance), rel=1e-10)
    assert reml.back @ here.coefficients == pytest.approx(coefficients, rel=1e-9)
    assert reml.back @ here.ratio @ reml.back.T == pytest.approx(ratio, rel=1e-9)
    for k in range(gamma.size):
        step = 1e-5 * np.eye(gamma.size)[k]
        after, before = reml.at(gamma + step), reml.at(gamma - step)
        assert here.gradient[k] == pytest.approx((after.deviance - before.deviance) / 2e-5, rel=1e-6)
        assert here.hessian(44)[k] == pytest.approx((after.gradient - before.gradient) / 2e-5, rel=1e-5, abs=1e-6)
        assert here.slopes[k] == pytest.approx((after.ratio - before.ratio) / 2e-5, rel=1e-5, abs=1e-8)


def test_that_a_balanced_design_gives_the_tests_of_the_analysis_of_variance() -> None:
    # 4 runs x 3 heads, one value each: the F of the two-way layout, (k - 1) and (k - 1)(b - 1) degrees of freedom.
    values = np.array([[0.71, 0.80, 0.77], [0.65, 0.74, 0.75], [0.80, 0.86, 0.83], [0.60, 0.71, 0.66]])
    table = {
        "run": [f"r{i}" for i in range(4) for _ in range(3)],
        "head": [f"h{j}" for _ in range(4) for j in range(3)],
        "auc": values.ravel().tolist(),
    }
    model = mixed_effects(table, "auc", fixed=["head"], random=["run"])
    rows, columns = values.mean(axis=1, keepdims=True), values.mean(axis=0, keepdims=True)
    rest = float(np.sum((values - rows - columns + values.mean()) ** 2)) / 6
    between = 4 * float(np.sum((columns - values.mean()) ** 2)) / 2
    test = model.anova["head"]
    assert (test.f, test.df1, test.df2) == pytest.approx((between / rest, 2, 6), rel=1e-9)
    assert model.residual_variance == pytest.approx(rest, rel=1e-9)
    of_runs = 3 * float(np.sum((rows - values.mean()) ** 2)) / 3
    assert model.variances["run"] == pytest.approx((of_runs - rest) / 3, rel=1e-9)
    assert list(model.fixed) == ["(Intercept)", "headh1", "headh2"]


def test_that_groups_without_a_variance_make_the_fit_singular_and_it_is_said() -> None:
    random = np.random.default_rng(2)
    y = random.normal(size=60)
    group = np.arange(60) % 6
    y -= np.array([y[group == g].mean() for g in range(6)])[group]  # not even the noise differs between groups
    table = {"y": y, "x": random.normal(size=60), "group": group}
    model = mixed_effects(table, "y", fixed=["x"], random=["group"])
    assert model.singular
    assert model.variances == {"group": 0.0}
    # What is left is ordinary least squares on all but two degrees of freedom.
    x = table["x"] - table["x"].mean()
    slope = float(np.sum(x * y) / np.sum(x**2))
    assert (model.fixed["x"].estimate, model.fixed["x"].df) == pytest.approx((slope, 58), rel=1e-9)


def noise(seed: int) -> Table:
    """24 rows of hardly anything but chance: criteria with several valleys, and with valleys beside a wall at zero."""
    random = np.random.default_rng(seed)
    y = random.normal(size=24) + (seed % 3) * 0.5 * random.normal(size=4)[np.arange(24) % 4]
    groups = {"g": np.arange(24) % 4, "x": random.normal(size=24)}
    return {"y": y, **groups, "h": random.integers(0, 5, 24), "k": random.integers(0, 3, 24)}


@pytest.mark.parametrize("seed", [0, 1, 2, 73, 116, 210, 303, 336, 362, 365])
def test_that_no_variances_fit_better_than_those_found(seed: int) -> None:
    table = noise(seed)
    model = mixed_effects(table, "y", fixed=["x"], random=["g", "h", "k"])
    design = mixed_design(table, "y", ["x"], ["g", "h", "k"])
    reml = Reml(design.response, design.matrix, design.groups)
    tried = [reml.at(np.square(roots)).deviance for roots in product([0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6], repeat=3)]
    assert model.reml_criterion <= min(tried) + 2 * reml.degrees * math.log(reml.unit) + 1e-9
    # A variance is something or nothing: one of 10⁻³⁰ would ruin the degrees of freedom.
    assert all(variance == 0 or variance > 1e-6 for variance in model.variances.values())
    assert model.singular == (0 in model.variances.values())
    assert all(1 < effect.df < 22.001 for effect in model.fixed.values())


@pytest.mark.parametrize("seed", range(5))
def test_that_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    table = made_up()
    order = np.random.default_rng(seed).permutation(48)
    shuffled = {name: [column[i] for i in order] for name, column in table.items()}
    check_alike(
        *(mixed_effects(of, "y", fixed=["arm", "dose"], random=["g", "h"]) for of in (table, shuffled)), scale=1
    )


@settings(deadline=None, max_examples=6)
@given(st.floats(-1e3, 1e3), st.sampled_from([1e-6, 0.5, 3.0, 1e6]))
def test_that_another_unit_of_the_response_changes_no_test(shift: float, scale: float) -> None:
    table = made_up()
    other = {**table, "y": [scale * (y + shift) for y in table["y"]]}
    one, two = (mixed_effects(of, "y", fixed=["arm", "dose"], random=["g", "h"]) for of in (table, other))
    check_alike(one, two, scale)


def check_alike(one: MixedEffects, two: MixedEffects, scale: float) -> None:
    for term in one.fixed:
        if term != "(Intercept)":
            a, b = one.fixed[term], two.fixed[term]
            assert scale * a.estimate == pytest.approx(b.estimate, rel=1e-6)
            assert (a.t, a.df, a.p_value) == pytest.approx((b.t, b.df, b.p_value), rel=1e-5)
    for name in one.variances:
        assert scale**2 * one.variances[name] == pytest.approx(two.variances[name], rel=1e-4)


def test_that_a_covariate_far_from_zero_is_as_exact_as_one_near_it() -> None:
    table = made_up()
    years = {**table, "dose": [2020 + dose * 1e-3 for dose in table["dose"]]}
    one, two = (mixed_effects(of, "y", fixed=["arm", "dose"], random=["g", "h"]) for of in (table, years))
    a, b = one.fixed["dose"], two.fixed["dose"]
    assert (1000 * a.estimate, a.t, a.df) == pytest.approx((b.estimate, b.t, b.df), rel=1e-6)


def test_that_rows_with_a_missing_value_are_left_out_and_counted() -> None:
    table = made_up()
    gaps: Table = {name: list(column) for name, column in table.items()}
    gaps["y"][3], gaps["arm"][7], gaps["g"][11], gaps["dose"][12] = math.nan, "", None, float("nan")
    whole = [i for i in range(48) if i not in (3, 7, 11, 12)]
    without = {name: [column[i] for i in whole] for name, column in table.items()}
    one, two = (mixed_effects(of, "y", fixed=["arm", "dose"], random=["g", "h"]) for of in (gaps, without))
    assert (one.n, one.n_dropped, two.n_dropped) == (44, 4, 0)
    assert one.fixed == two.fixed


def test_that_the_reference_level_is_the_first_as_a_reader_sorts() -> None:
    table = made_up()
    names = {"a": "bit", "b": "ViT", "c": "DenseNet"}
    table["arm"] = [names[arm] for arm in table["arm"]]
    model = mixed_effects(table, "y", fixed=["arm"], random=["g"])
    assert list(model.fixed) == ["(Intercept)", "armDenseNet", "armViT"]


def test_that_arrays_and_numbers_as_groups_are_taken_as_they_are() -> None:
    table = made_up()
    arrays = {
        "y": np.array(table["y"]),
        "arm": np.array(table["arm"]),
        "dose": np.array(table["dose"]),
        "g": np.array([int(g[1:]) for g in table["g"]]),
        "h": table["h"],
    }
    one, two = (mixed_effects(of, "y", fixed=["arm", "dose"], random=["g", "h"]) for of in (table, arrays))
    assert one.fixed == two.fixed
    treated = {**arrays, "treated": np.array(table["arm"]) != "a"}
    assert list(mixed_effects(treated, "y", fixed=["treated"], random=["g"]).fixed) == ["(Intercept)", "treated"]


@pytest.mark.parametrize(
    ("change", "arguments", "words"),
    [
        ({}, {"response": "z"}, "no column 'z'"),
        ({}, {"fixed": ["arm", "weight"]}, "no column 'weight'"),
        ({}, {"fixed": "arm"}, "list of column names"),
        ({}, {"random": []}, "at least one random column"),
        ({}, {"random": ["g", "g"]}, "one place of a model only: g"),
        ({}, {"fixed": ["g"], "random": ["g"]}, "one place of a model only: g"),
        ({}, {"response": "arm", "fixed": ["dose"]}, "is text"),
        ({"y": [0.7] * 48}, {}, "one value, 0.7"),
        ({"y": []}, {}, "differ in length"),
        ({"y": [math.nan] * 48}, {}, "no row has a value"),
        ({"y": [math.inf] + [1.0] * 47}, {}, "infinite"),
        ({"dose": [1.0] * 48}, {"fixed": ["dose"]}, "one value in every row"),
        ({"arm": ["a"] * 48}, {}, "one level, 'a'"),
        ({"g": ["only"] * 48}, {}, "one level, 'only'"),
        ({"arm": ["a", 2] * 24}, {}, "mixes text and numbers"),
        ({"twice": [2 * d for d in made_up()["dose"]]}, {"fixed": ["dose", "twice"]}, "determine each other"),
        ({"twin": made_up()["g"]}, {"random": ["g", "twin"]}, "variances of g and twin apart"),
        ({"row": [f"r{i}" for i in range(48)]}, {"random": ["row"]}, "row and the residual apart"),
        ({}, {"fixed": ["site"], "random": ["site_too"]}, "determine site_too"),
        ({"arm": [f"a{i}" for i in range(48)]}, {}, "48 rows cannot carry 48 coefficients"),
        ({"y": [float(g[1:]) for g in made_up()["g"]]}, {}, "determine the response"),
    ],
)
def test_that_a_model_that_cannot_be_fitted_is_refused_in_words(
    change: Table, arguments: dict[str, Any], words: str
) -> None:
    table = {**made_up(), "site_too": made_up()["site"], **change}
    with pytest.raises(ValueError, match=words):
        mixed_effects(table, **{"response": "y", "fixed": ["arm"], "random": ["g"], **arguments})


def test_that_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no row"):
        mixed_effects({"y": [], "x": [], "g": []}, "y", fixed=["x"], random=["g"])


def test_that_twenty_thousand_images_of_five_thousand_patients_take_seconds_at_most() -> None:
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(5000), 4)
    x = random.normal(size=20_000)
    table = {
        "y": 0.3 * x + random.normal(size=5000)[patient] + random.normal(size=20_000),
        "x": x,
        "patient": patient,
        "reader": random.integers(0, 8, size=20_000),
    }
    start = time.process_time()
    model = mixed_effects(table, "y", fixed=["x"], random=["reader", "patient"])
    assert time.process_time() - start < 10
    assert list(model.variances) == ["reader", "patient"]
    assert model.variances["patient"] == pytest.approx(1, abs=0.06)
    assert model.fixed["x"].estimate == pytest.approx(0.3, abs=0.03)
