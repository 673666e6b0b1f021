"""Tables of the two seed studies that can be recomputed from what their authors published, and the exceptions, by name.

P1 is the transfer-learning study on breast lesions and ACL tears (its grid of 176 runs is public), P2 the study of
domain-specific pre-training on chest radiographs (arXiv 2605.08819; its evaluations per seed are public).
"""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xferviewer.evaluation.intervals import normal_quantile, two_sided_p
from xferviewer.evaluation.multilabel import random_guess_accuracy
from xferviewer.evaluation.seed_groups import compare_seeds, summarise_seeds
from xferviewer.evaluation.significance import mcnemar, mixed_effects, rank_sum

REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"
pytestmark = pytest.mark.skipif(not REFERENCE.exists(), reason=f"{REFERENCE} is not on this machine")

LAST_DIGIT = 1.01e-4  # one unit of the fourth decimal
ROUNDED = 5.1e-5  # half of it

# Which tables the tests below recompute or check, and why the others cannot be.
CHECKED = {
    "P1_table8", "P1_table9", "P1_table13", "P1_table14", "P2_table2", "P2_table3", "P2_table7", "P2_table8",
}  # fmt: skip
NOT_RECOMPUTABLE = {
    "P1_table10": "baselines of one run each; no predictions are public",
    "P1_unfreezing_10_epochs": "areas of one run each; no predictions are public",
    "P2_table4": "other recipes; no evaluations per seed are public",
    "P2_table5": "other code; no evaluations per seed are public",
    "P2_table6": "sizes of the pre-training set; no evaluations per seed are public",
}

DATA_SETS = {
    "NIH-14": "Xray14_test_official / 14_diseases",
    "NIH-5": "Xray14_test_official / 5_diseases",
    "VinDr": "VinDrCXR_test_pe_global_one / 5_diseases",
    "PadChest": "PADCHEST_chest_x_ray_images_labels_160K_01 / 5_diseases",
    "CheXpert test": "CheXpert_test_Glocker / 5_diseases",
    "CheXpert valid": "CheXpert_valid_official_frontal / 5_diseases",
}
DISEASES = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")


def read(name: str) -> Any:
    return json.loads((REFERENCE / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return read("paper_tables.json")


@pytest.fixture(scope="module")
def seeds() -> dict[str, Any]:
    return read("p2_per_seed.json")


@pytest.fixture(scope="module")
def grid() -> dict[str, list[Any]]:
    with (REFERENCE / "bacon_grid_176.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) if name.endswith("auc") else row[name] for row in rows] for name in rows[0]}


def test_that_every_published_table_is_checked_here_or_said_to_have_no_data(published: dict[str, Any]) -> None:
    assert set(published) == CHECKED | set(NOT_RECOMPUTABLE)


# ---- P1: the grid


def test_that_the_mixed_model_of_pre_training_is_that_of_table_11(grid: dict[str, list[Any]]) -> None:
    random = ["clf", "numfilters", "lrdecay", "backbone", "task"]
    model = mixed_effects(grid, "test_auc", fixed=["pretrain"], random=random)
    assert (model.n, model.n_dropped, model.singular) == (176, 0, False)
    intercept, weights = model.fixed["(Intercept)"], model.fixed["pretrainRadImageNet"]
    assert (intercept.estimate, intercept.standard_error) == pytest.approx((0.737968, 0.088474), abs=5e-6)
    assert (intercept.df, intercept.p_value) == (pytest.approx(4.5772, rel=1e-3), pytest.approx(0.000616, abs=1e-6))
    assert (weights.estimate, weights.standard_error) == pytest.approx((0.016420, 0.008472), abs=1e-6)
    assert (weights.df, weights.t) == pytest.approx((167.046, 1.938), abs=5e-4)
    assert weights.p_value == pytest.approx(0.0543, abs=ROUNDED)
    assert model.variances == pytest.approx(
        {"clf": 0.0236979, "numfilters": 0.00023936, "lrdecay": 6.9642e-5, "backbone": 0.00171169, "task": 0.00169022},
        rel=1e-3,
    )
    assert model.residual_variance == pytest.approx(0.00315838, rel=1e-5)
    assert model.reml_criterion == pytest.approx(-471.6590, abs=5e-5)
    assert model.anova["pretrain"].f == pytest.approx(3.75614, abs=5e-5)
    # Two tasks, three schedules, four heads: the study's caveat holds for its variances.
    assert set(model.unreliable_variances) == set(random)


def test_that_the_mixed_model_of_the_heads_is_that_of_table_12(grid: dict[str, list[Any]]) -> None:
    random = ["task", "pretrain", "backbone", "lrdecay", "numfilters"]
    model = mixed_effects(grid, "test_auc", fixed=["clf"], random=random)
    assert list(model.fixed) == ["(Intercept)", "clfConvSkip", "clfLinear", "clfNonLinear"]
    intercept, skip, linear, other = model.fixed.values()
    assert (intercept.estimate, intercept.standard_error) == pytest.approx((0.829057, 0.044156), abs=1e-6)
    assert (intercept.df, intercept.p_value) == (pytest.approx(2.476, abs=5e-4), pytest.approx(0.00098, abs=5e-6))
    assert (skip.estimate, skip.standard_error) == pytest.approx((0.017767, 0.009935), abs=1e-6)
    assert (skip.df, skip.p_value) == (pytest.approx(167.00, abs=5e-3), pytest.approx(0.0755, abs=ROUNDED))
    assert (linear.estimate, linear.df) == (pytest.approx(-0.312727, abs=1e-6), pytest.approx(165.01, abs=5e-3))
    assert (other.estimate, other.standard_error) == pytest.approx((-0.038333, 0.012977), abs=1e-6)
    assert (other.df, other.p_value) == (pytest.approx(157.45, abs=5e-3), pytest.approx(0.003618, abs=1e-6))
    assert model.reml_criterion == pytest.approx(-475.7341, abs=5e-5)
    heads = model.anova["clf"]
    assert (heads.f, heads.df1, heads.df2) == pytest.approx((143.669, 3, 165.47), abs=5e-3)


def test_that_the_conclusion_of_table_11_depends_on_the_split_it_is_drawn_from(grid: dict[str, list[Any]]) -> None:
    random = ["clf", "numfilters", "lrdecay", "backbone", "task"]
    model = mixed_effects(grid, "val_auc", fixed=["pretrain"], random=random)
    weights = model.fixed["pretrainRadImageNet"]
    assert (weights.estimate, weights.p_value) == (pytest.approx(0.016641, abs=1e-6), pytest.approx(0.0347, abs=5e-5))
    assert model.reml_criterion == pytest.approx(-499.93, abs=5e-3)


def test_that_the_rank_sums_of_table_13_differ_from_the_published_ones_by_broken_ties(
    grid: dict[str, list[Any]], published: dict[str, Any]
) -> None:
    def runs(task: str, weights: str) -> list[float]:
        of_run = zip(grid["task"], grid["pretrain"], grid["test_auc"], strict=True)
        return [area for run, start, area in of_run if (run, start) == (task, weights)]

    # Published from unrounded logs, where equal areas differ in their last bit and some ties break at random; from the
    # exact fractions the ties are ties.
    acl = rank_sum(runs("acl", "ImageNet"), runs("acl", "RadImageNet"))
    assert (acl.statistic, published["P1_table13"]["ACL"]["W"]) == (622.5, 622)
    assert acl.p_value == pytest.approx(0.00398655, abs=5e-9)
    assert acl.p_value == pytest.approx(published["P1_table13"]["ACL"]["p"], abs=6e-5)
    breast = rank_sum(runs("breast", "RadImageNet"), runs("breast", "ImageNet"))
    assert (breast.statistic, published["P1_table13"]["breast"]["W"]) == (999.5, 998.5)
    assert breast.p_value == pytest.approx(0.795851, abs=5e-7)
    assert breast.p_value == pytest.approx(published["P1_table13"]["breast"]["p"], abs=7e-3)
    assert rank_sum(runs("breast", "ImageNet"), runs("breast", "RadImageNet")).statistic == 936.5


# ---- P1: the best networks


@pytest.mark.parametrize(("task", "table"), [("ACL", [[85, 15], [1, 2]]), ("breast", [[64, 7], [3, 4]])])
def test_that_mcnemar_of_table_14_follows_from_the_accuracies_of_table_9(
    published: dict[str, Any], task: str, table: list[list[int]]
) -> None:
    (a, b), (c, d) = table
    for weights, right in (("ImageNet", a + b), ("RadImageNet", a + c)):
        accuracy = published["P1_table9"][f"{task} {weights}"]["test"][3]
        assert right / (a + b + c + d) == pytest.approx(accuracy, abs=ROUNDED)
    answer, wanted = mcnemar(table), published["P1_table14"][task]
    assert answer.statistic == pytest.approx(wanted["chi2"], abs=5.1e-4)
    assert (answer.df, answer.p_value) == (wanted["df"], pytest.approx(wanted["p"], abs=ROUNDED))


@pytest.mark.parametrize("task", ["ACL", "breast"])
def test_that_the_delong_tests_of_table_8_agree_with_themselves(published: dict[str, Any], task: str) -> None:
    # The predictions are not public: what can be checked is that z, p, interval and areas tell one story.
    wanted = published["P1_table8"][task]
    assert two_sided_p(wanted["Z"]) == pytest.approx(wanted["p"], abs=2e-5)
    difference = wanted["auc_imagenet"] - wanted["auc_radimagenet"]
    half = normal_quantile(0.95) * difference / wanted["Z"]
    assert [difference - half, difference + half] == pytest.approx(wanted["ci"], abs=1.5e-4)
    for weights in ("ImageNet", "RadImageNet"):
        assert published["P1_table9"][f"{task} {weights}"]["test"][1] == wanted[f"auc_{weights.lower()}"]


# ---- P2: means and deviations over seeds


def areas(seeds: dict[str, Any], data_set: str, experiment: str) -> dict[str, float]:
    return {seed: run["auc_mean"] for seed, run in seeds[DATA_SETS[data_set]][experiment].items()}


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_that_table_2_is_the_mean_and_deviation_over_seeds(
    seeds: dict[str, Any], published: dict[str, Any], data_set: str
) -> None:
    for experiment in seeds[DATA_SETS[data_set]]:
        if (data_set, experiment) == ("NIH-14", "3.1"):
            continue  # the exception, next test
        by_seed = areas(seeds, data_set, experiment)
        residual_network = experiment in ("1.1", "1.2")
        if residual_network and data_set == "NIH-14":  # these two cells come out of areas of four decimals only
            by_seed = {seed: round(area, 4) for seed, area in by_seed.items()}
        group, wanted = summarise_seeds(by_seed), published["P2_table2"][experiment][data_set]
        assert group.n == (3 if residual_network else 5)
        assert (group.mean, group.sd) == pytest.approx((wanted["mean"], wanted["sd"]), abs=ROUNDED), experiment


def test_that_one_cell_of_table_2_leaves_out_its_worst_seed(seeds: dict[str, Any], published: dict[str, Any]) -> None:
    of_all = areas(seeds, "NIH-14", "3.1")
    group = summarise_seeds(of_all)
    assert (group.mean, group.sd) == pytest.approx((0.7983, 0.0085), abs=ROUNDED)
    assert min(of_all, key=of_all.__getitem__) == "100"
    assert of_all.pop("100") == pytest.approx(0.7834, abs=ROUNDED)
    wanted = published["P2_table2"]["3.1"]["NIH-14"]
    without = summarise_seeds(of_all)
    assert (without.n, without.mean, without.sd) == (
        4, pytest.approx(wanted["mean"], abs=ROUNDED), pytest.approx(wanted["sd"], abs=ROUNDED),
    )  # fmt: skip


def test_that_no_evaluations_are_public_of_the_cells_left_out_of_table_2(
    seeds: dict[str, Any], published: dict[str, Any]
) -> None:
    missing = {
        (data_set, experiment)
        for experiment, row in published["P2_table2"].items()
        for data_set in row
        if experiment not in seeds[DATA_SETS[data_set]]
    }
    supervised = {(data_set, experiment) for data_set in DATA_SETS for experiment in ("2.3", "2.4")}
    three_channels = {
        (data_set, experiment)
        for data_set in ("CheXpert test", "CheXpert valid")
        for experiment in ("2.2", "3.2", "3.4", "3.6", "3.8")
    }
    assert missing == supervised | three_channels | {("VinDr", "1.1"), ("VinDr", "1.2")}


def test_that_means_of_a_data_set_without_edema_are_over_four_labels(seeds: dict[str, Any]) -> None:
    for data_set, name in DATA_SETS.items():
        for of_experiment in seeds[name].values():
            for run in of_experiment.values():
                defined = [area for area in run["auc"] if area]  # the published code writes 0 for "undefined"
                assert len(run["auc"]) - len(defined) == (data_set in ("VinDr", "PadChest"))
                assert np.mean(defined) == pytest.approx(run["auc_mean"], abs=6e-5)


def test_that_table_3_is_the_mean_and_deviation_of_each_disease(
    seeds: dict[str, Any], published: dict[str, Any]
) -> None:
    for experiment, runs in seeds[DATA_SETS["CheXpert valid"]].items():
        for k, disease in enumerate(DISEASES):
            group = summarise_seeds({seed: run["auc"][k] for seed, run in runs.items()})
            wanted = published["P2_table3"][experiment][disease]
            # From areas of four decimals.
            assert (group.mean, group.sd) == pytest.approx((wanted["mean"], wanted["sd"]), abs=LAST_DIGIT)


def test_that_the_rows_of_table_3_average_to_a_column_of_table_2(published: dict[str, Any]) -> None:
    for experiment, row in published["P2_table3"].items():
        mean = np.mean([row[disease]["mean"] for disease in DISEASES])
        assert mean == pytest.approx(published["P2_table2"][experiment]["CheXpert valid"]["mean"], abs=1e-4)


def test_that_the_domain_of_pre_training_matters_more_than_five_seeds_can_blur(seeds: dict[str, Any]) -> None:
    chest, eyes = areas(seeds, "NIH-14", "3.3"), areas(seeds, "NIH-14", "3.5")
    answer = compare_seeds(chest, eyes)
    assert answer.difference == pytest.approx(0.7970 - 0.7744, abs=LAST_DIGIT)
    assert answer.p_value < 1e-5
    assert answer.lower > 0.015


# ---- P2: the best seed on the very set that is reported


def best_seed(seeds: dict[str, Any], experiment: str) -> tuple[str, dict[str, Any]]:
    runs = seeds[DATA_SETS["CheXpert valid"]][experiment]
    return max(runs.items(), key=lambda item: item[1]["auc_mean"])


def test_that_tables_7_and_8_report_the_seed_that_is_best_on_the_set_they_report(
    seeds: dict[str, Any], published: dict[str, Any]
) -> None:
    on_hand = set(seeds[DATA_SETS["CheXpert valid"]])
    chosen = {experiment: best_seed(seeds, experiment)[0] for experiment in on_hand}
    assert (chosen["1.2"], chosen["3.1"], chosen["3.3"]) == ("2", "21", "11")
    for experiment in on_hand & set(published["P2_table8"]):
        assert best_seed(seeds, experiment)[1]["oracle_auc_mean"] == published["P2_table8"][experiment]
    # Of Table 7 the 3-channel rows are not public.
    assert on_hand & set(published["P2_table7"]) == {"1.2"}
    at = best_seed(seeds, "1.2")[1]["by_threshold"]
    assert [point["t"] for point in at] == [0.1, 0.2, 0.3, 0.4, 0.5]
    for title, key in (
        ("Mean accuracy", "mean_acc"),
        ("Subset accuracy", "subset_acc"),
        ("FNR (underdiagnosis)", "fnr_mean"),
        ("Calibration error", "calibration_error"),
    ):
        assert [point[key] for point in at] == published["P2_table7"]["1.2"][title]


def test_that_subset_accuracies_are_shares_of_202_films_and_not_of_the_234_said(published: dict[str, Any]) -> None:
    shares = [share for row in published["P2_table7"].values() for share in row["Subset accuracy"]]
    assert all(abs(round(share * 202) / 202 - share) < ROUNDED for share in shares)
    assert not all(abs(round(share * 234) / 234 - share) < ROUNDED for share in shares)


def test_that_published_mean_accuracies_barely_exceed_a_guess_that_knows_the_distribution(
    published: dict[str, Any],
) -> None:
    present = np.array([75, 66, 32, 42, 64])
    labels = np.arange(202)[:, np.newaxis] < present
    guess = random_guess_accuracy(labels)
    assert guess == pytest.approx([0.6287, 0.6733, 0.8416, 0.7921, 0.6832], abs=ROUNDED)
    assert guess.mean() == pytest.approx(0.7238, abs=ROUNDED)
    means = [share for row in published["P2_table7"].values() for share in row["Mean accuracy"]]
    assert (min(means), max(means)) == (0.7268, 0.7891)
    assert guess.mean() < min(means)


def test_that_the_published_calibration_error_is_the_accuracy_less_about_four_tenths(
    published: dict[str, Any],
) -> None:
    for row in published["P2_table7"].values():
        gap = np.subtract(row["Mean accuracy"], row["Calibration error"])
        assert np.all((gap > 0.37) & (gap < 0.43))
        # A better accuracy makes a worse "error".
        assert np.corrcoef(row["Mean accuracy"], row["Calibration error"])[0, 1] > 0.9
