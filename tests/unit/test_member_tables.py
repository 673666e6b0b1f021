"""How far members differ, in tables and cohorts: read as written, kept with its case, chosen by as it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xferviewer.cli import main
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.choices import EvaluationChoices
from xferviewer.evaluation.cohort import Cohort, join, select
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.members import combine
from xferviewer.evaluation.mixed_units import cohort_of_tables
from xferviewer.evaluation.operating import referral_uncertainty
from xferviewer.evaluation.tables import PredictionTable, read_label_table, read_predictions, write_predictions

N = 40
RNG = np.random.default_rng(8)
LABELS = (np.arange(N) % 3 == 0).astype(int)
MEMBERS = np.round(np.clip(0.3 + 0.3 * LABELS + RNG.normal(0, 0.2, (3, N)), 0, 1), 6)[..., np.newaxis]
COMBINED = combine(MEMBERS)


def table(*, with_plain: bool = True) -> PredictionTable:
    """An ensemble of three, and beside it its first member, which has no members of its own."""
    images = tuple(f"{case}.png" for case in range(N))
    nothing = np.full((N, 1), np.nan)
    rows = 2 if with_plain else 1
    return PredictionTable(
        images * rows,
        ("ensemble",) * N + ("plain",) * N * (rows - 1),
        tuple(f"S{case // 2}" for case in range(N)) * rows,
        tuple(f"P{case // 4}" for case in range(N)) * rows,
        ("Edema",),
        np.concatenate([COMBINED.scores, MEMBERS[0]][:rows]),
        doubts={measure: np.concatenate([values, nothing][:rows]) for measure, values in COMBINED.doubts.items()},
    )


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    lines = ["image,Edema,site", *(f"{case}.png,{LABELS[case]},{'AB'[case % 2]}" for case in range(N))]
    (tmp_path / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "labels.csv"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_that_a_table_gives_back_how_far_members_differ_to_the_bit(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"predictions.{ending}"
    write_predictions(path, table())
    read = read_predictions(path)
    assert read.findings == ("Edema",)
    for measure, values in table().doubts.items():
        assert np.array_equal(read.doubts[measure], values, equal_nan=True)


def test_that_spread_columns_are_no_findings_and_a_finding_called_so_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,prob_Edema,Spread_edema\na.png,0.5,0.1\n", encoding="utf-8")
    read = read_predictions(tmp_path / "a.csv")
    assert read.findings == ("Edema",)
    assert read.doubts["member-spread"].tolist() == [[0.1]]
    (tmp_path / "b.csv").write_text("image,spread_of_disease,Edema\na.png,0.5,0.1\n", encoding="utf-8")
    assert read_predictions(tmp_path / "b.csv").findings == ("spread_of_disease", "Edema")


def test_that_doubts_follow_their_cases_through_joining_and_choosing(labels: Path) -> None:
    label_table, given = read_label_table(labels), table()
    backwards = PredictionTable(
        given.image[::-1],
        given.checkpoint[::-1],
        given.study[::-1],
        given.patient[::-1],
        given.findings,
        given.scores[::-1],
        doubts={measure: values[::-1] for measure, values in given.doubts.items()},
    )
    cohort = join(label_table, [backwards], ["site"])
    place = cohort.checkpoints.index("ensemble")
    chosen = select(cohort, [("site", "B")])
    for measure, values in COMBINED.doubts.items():
        assert np.array_equal(cohort.doubts[measure][place], values)
        assert np.isnan(cohort.doubts[measure][1 - place]).all()
        assert np.array_equal(chosen.doubts[measure][place], values[1::2])


def test_that_a_study_is_as_uncertain_as_its_most_uncertain_image(labels: Path) -> None:
    cohort = aggregate(join(read_label_table(labels), [table()]), "study")
    for measure, values in COMBINED.doubts.items():
        expected = {f"S{study}": values[2 * study : 2 * study + 2].max() for study in range(N // 2)}
        found = dict(zip(cohort.cases, cohort.doubts[measure][0, :, 0], strict=True))
        assert found == expected


def whole_cohort(labels: Path, *, with_plain: bool = True) -> Cohort:
    return cohort_of_tables(read_label_table(labels), [table(with_plain=with_plain)])


@pytest.mark.parametrize("measure", ["member-spread", "mutual-information"])
def test_that_the_cases_that_members_differ_most_about_are_referred_first(labels: Path, measure: str) -> None:
    cohort = whole_cohort(labels)
    rate = 0.25
    metrics = evaluate(cohort, EvaluationChoices(by=(), uncertainty=measure, referral_rate=rate))
    most = np.argsort(-COMBINED.doubts[measure][:, 0], kind="stable")[: int(N * rate)]
    kept = np.setdiff1d(np.arange(N), most)
    positive = COMBINED.scores[kept, 0] > 0.5
    confusion = metrics.operating["Edema"]["ensemble"].confusion
    assert confusion.true_positive == np.count_nonzero(positive & (LABELS[kept] == 1))
    assert confusion.false_positive == np.count_nonzero(positive & (LABELS[kept] == 0))
    plain = np.argsort(np.abs(MEMBERS[0, :, 0] - 0.5), kind="stable")[: int(N * rate)]
    assert metrics.operating["Edema"]["plain"].referred == (
        np.count_nonzero(LABELS[plain] == 1), np.count_nonzero(LABELS[plain] == 0)
    )  # fmt: skip
    assert any("plain: not known how far members differ" in warning for warning in metrics.warnings)


def test_that_a_checkpoint_of_which_one_doubt_is_missing_refers_by_its_threshold() -> None:
    scores = np.array([[0.2, 0.6, np.nan], [0.2, 0.6, 0.7]])
    doubts = {"member-spread": np.array([[0.3, 0.1, np.nan], [0.3, np.nan, 0.2]])}
    found = referral_uncertainty(
        "member-spread", scores, [0.5, 0.5], ["probability"] * 2, lambda _: np.empty(0), doubts
    )
    assert np.array_equal(found[0], doubts["member-spread"][0], equal_nan=True)
    assert np.array_equal(found[1], -np.abs(scores[1] - 0.5))


def test_that_without_any_members_nothing_is_referred_by_them(labels: Path) -> None:
    cohort = whole_cohort(labels)
    plain = Cohort(
        cohort.unit, cohort.cases, cohort.studies, cohort.patients, cohort.findings, cohort.labels, ("plain",),
        cohort.scores[1:], {},
    )  # fmt: skip
    with pytest.raises(UnusableChoice, match="cannot be referred by member-spread"):
        evaluate(plain, EvaluationChoices(by=(), uncertainty="member-spread"))


def test_that_evaluate_refers_by_the_spread_of_a_table(labels: Path, tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.csv", table(with_plain=False))
    words = ["evaluate", "--labels", str(labels), "--predictions", str(tmp_path / "p.csv"), "--referral-rate", "0.25"]
    said = {}
    for measure in ("member-spread", "finding"):
        assert main([*words, "--uncertainty", measure, "--out", str(tmp_path / measure)]) == 0
        said[measure] = json.loads((tmp_path / measure / "metrics.json").read_text(encoding="utf-8"))
    points = {measure: written["operating"]["findings"]["Edema"]["ensemble"] for measure, written in said.items()}
    most = np.argsort(-COMBINED.doubts["member-spread"][:, 0], kind="stable")[: N // 4]
    assert points["member-spread"]["referred_positive"] == np.count_nonzero(LABELS[most])
    assert points["member-spread"] != points["finding"]
    assert not any("members" in warning for warning in said["member-spread"]["warnings"])
