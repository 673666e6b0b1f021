"""Figures and tables as files: every digit, the same bytes each time, and nothing that has no meaning."""

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xferviewer import RESEARCH_NOTICE
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.decision_curve import decision_curve
from xferviewer.evaluation.intervals import wilson
from xferviewer.evaluation.metrics import Metrics
from xferviewer.evaluation.roc import roc_curve
from xferviewer.exchange.checkpoint_styles import style_of
from xferviewer.exchange.curve_plot import Curve, CurvePlot, Guide
from xferviewer.exchange.evaluate import run_evaluate
from xferviewer.exchange.evaluate_options import EvaluateOptions
from xferviewer.exchange.evaluation_exports import file_stems
from xferviewer.exchange.evaluation_plots import (
    CURVE_PLOTS,
    Origin,
    auc_forest,
    calibration_plot,
    decision_plot,
    precision_recall_plot,
    referral_plot,
    risk_coverage_plot,
    roc_plot,
)
from xferviewer.exchange.figure_files import export_figure
from xferviewer.exchange.number_tables import (
    auc_table,
    best_checkpoint,
    difference_table,
    group_table,
    number_tables,
    operating_table,
)
from xferviewer.exchange.table_files import export_table

ORIGIN = Origin("labels.csv, 240 images", "3fa2b1c9d0e4")
ODD = "Höhle <b> $x_1$ & 50%"


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    """A is much better than B on the first finding; B has constant scores on the second; the third has no positives."""
    random = np.random.default_rng(5)
    labels = (random.random((240, 3)) < 0.4).astype(float)
    labels[:, 2] = 0
    logits = random.normal(size=(2, 240, 3))
    logits[0] += 2.5 * labels
    scores = 1 / (1 + np.exp(1 - logits))
    scores[1, :, 1] = 0.25
    names = tuple(map(str, range(240)))
    columns = {"sex": tuple("F" if i % 2 else "M" for i in range(240))}
    return Cohort("image", names, names, names, (ODD, "Mass", "Hernia"), labels, ("A", "_b"), scores, columns)


@pytest.fixture(scope="module")
def metrics(cohort: Cohort) -> Metrics:
    return evaluate(
        cohort,
        EvaluationChoices(reference="_b", referral_rate=0.1, point=OperatingRule("youden"), by=(("sex",),)),
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_that_every_format_holds_the_caption_and_the_same_bytes_each_time(metrics: Metrics, tmp_path: Path) -> None:
    plot = roc_plot(metrics, ODD, ORIGIN)
    caption = plot.caption.text()
    assert caption == (
        f"{ODD}, by image: 91 present, 149 absent. Scores: probability. Bands: 95% Wilson intervals of the "
        "sensitivity at each threshold. Thin line: chance. Cohort: labels.csv, 240 images. Command: 3fa2b1c9d0e4."
    )
    for folder in ("one", "two"):
        # Alone and together with the others: one format does not depend on which others are asked for.
        paths = [tmp_path / folder / f"roc.{ending}" for ending in ("svg", "pdf", "png")]
        for some in [paths] if folder == "one" else [[path] for path in paths]:
            assert export_figure(plot, *some)[:2] == [some[0], some[0].with_suffix(".csv")]
    for name in ("roc.svg", "roc.pdf", "roc.png", "roc.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    svg = (tmp_path / "one" / "roc.svg").read_text(encoding="utf-8")
    assert ET.fromstring(svg).tag.endswith("svg")
    assert caption in "".join(ET.fromstring(svg).itertext())
    with Image.open(tmp_path / "one" / "roc.png") as picture:
        assert picture.info["Description"] == caption
        assert round(picture.info["dpi"][0]) == 300
        assert picture.width == 5.6 * 300
        assert len(set(picture.convert("RGB").resize((200, 200)).get_flattened_data())) > 100
    assert (tmp_path / "one" / "roc.pdf").read_bytes().startswith(b"%PDF")


def test_that_the_data_beside_a_figure_are_the_points_drawn_with_every_digit(
    cohort: Cohort, metrics: Metrics, tmp_path: Path
) -> None:
    plot = roc_plot(metrics, ODD, ORIGIN)
    _, data = export_figure(plot, tmp_path / "roc.svg")
    found = [row for row in rows_of(data) if row["checkpoint"] == "A"]
    drawn = plot.curves[0]
    for name, values in (("1 - specificity", drawn.x), ("sensitivity", drawn.y), ("upper", drawn.upper)):
        assert [float(row[name]) for row in found] == values.tolist()
    exact = roc_curve(cohort.labels[:, 0], cohort.scores[0, :, 0])
    points = dict(zip(exact.false_positive_rate.tolist(), exact.true_positive_rate.tolist(), strict=True))
    assert all(x in points for x in drawn.x.tolist())
    assert np.trapezoid(drawn.y, drawn.x) == pytest.approx(metrics.findings[ODD]["A"].interval.auc, abs=1e-12)
    lower, _ = wilson(np.rint(drawn.y * 91), 91)
    assert drawn.lower.tolist() == lower.tolist()
    assert [row["line"] for row in rows_of(data) if not row["checkpoint"]] == ["chance", "chance"]


def test_that_precision_and_recall_are_those_of_the_thresholds(cohort: Cohort, metrics: Metrics) -> None:
    plot = precision_recall_plot(metrics, ODD)
    curve = plot.curves[0]
    assert curve.x[0] == 0
    assert curve.y[::2].tolist() == curve.y[1::2].tolist()  # steps
    labels, scores = cohort.labels[:, 0] == 1, cohort.scores[0, :, 0]
    expected = set()
    for threshold in np.unique(scores):
        called = scores >= threshold
        expected.add((int((called & labels).sum()) / 91, int((called & labels).sum()) / int(called.sum())))
    assert set(zip(curve.x[1::2].tolist(), curve.y[1::2].tolist(), strict=True)) <= expected
    assert curve.x[-1] == 1
    assert plot.guides[0].y.tolist() == [91 / 240, 91 / 240]


def test_that_calibration_has_the_counts_and_wilson_intervals_of_its_bins(metrics: Metrics) -> None:
    curve = calibration_plot(metrics, ODD).curves[0]
    diagram = metrics.findings[ODD]["A"].reliability
    assert curve.counts is diagram.counts
    lower, upper = wilson(np.rint(diagram.observed * diagram.counts), diagram.counts)
    assert (curve.lower.tolist(), curve.upper.tolist()) == (lower.tolist(), upper.tolist())
    assert int(curve.counts.sum()) == 240


def test_that_referral_and_risk_are_those_of_the_operating_points(metrics: Metrics) -> None:
    of = metrics.operating[ODD]["A"]
    referral = referral_plot(metrics, ODD).curves[0]
    place = of.curve.rates.tolist().index(0.1)
    assert referral.x[place] == 10
    assert referral.y[place] == of.confusion.sensitivity.value
    assert (referral.lower[place], referral.upper[place]) == of.confusion.sensitivity.interval()
    risk = risk_coverage_plot(metrics, ODD).curves[0]
    assert risk.y[-1] == of.risk.risk[-1]
    assert "operating point youden" in risk_coverage_plot(metrics, ODD).caption.text()


def test_that_a_decision_curve_has_the_net_benefit_of_its_checkpoint(
    cohort: Cohort, metrics: Metrics, tmp_path: Path
) -> None:
    figure, data = export_figure(decision_plot(metrics, ODD, ORIGIN), tmp_path / "decision.svg")
    found = rows_of(data)
    expected = decision_curve(cohort.labels[:, 0], cohort.scores[1, :, 0])
    assert [float(row["net benefit"]) for row in found if row["checkpoint"] == "_b"] == expected.net_benefit.tolist()
    everybody = [float(row["net benefit"]) for row in found if row["line"] == "everybody"]
    assert everybody == expected.treat_all.tolist()
    assert {row["line"] for row in found if not row["checkpoint"]} == {"everybody", "nobody"}
    assert figure.stat().st_size > 1000


def test_that_nothing_is_drawn_where_it_has_no_meaning(metrics: Metrics) -> None:
    assert [curve.name for curve in roc_plot(metrics, "Mass").curves] == ["A"]  # the other one's scores are constant
    for kind, plot_of in CURVE_PLOTS.items():
        curves = plot_of(metrics, "Hernia", Origin()).curves
        # Without positives there are still probabilities to compare with the observed rate of 0.
        assert [curve.name for curve in curves] == (["A", "_b"] if kind == "calibration" else [])
    forest = auc_forest(metrics)
    assert np.isnan(forest.columns[0].values).tolist() == [False, False, True]
    assert forest.columns[1].degenerate.tolist() == [False, True, False]


def test_that_small_multiples_and_the_forest_have_every_finding_in_their_data(metrics: Metrics, tmp_path: Path) -> None:
    plots = [calibration_plot(metrics, finding, ORIGIN) for finding in metrics.findings]
    paths = export_figure(plots, tmp_path / "all.png", tmp_path / "all.svg")
    assert paths == [tmp_path / "all.png", tmp_path / "all.csv", tmp_path / "all.svg"]
    assert {row["finding"] for row in rows_of(tmp_path / "all.csv")} == {ODD, "Mass", "Hernia"}
    export_figure(auc_forest(metrics, ORIGIN), tmp_path / "forest.svg")
    row = rows_of(tmp_path / "forest.csv")[0]
    interval = metrics.findings[ODD]["A"].interval
    assert (float(row["AUC"]), float(row["lower"]), float(row["upper"])) == (
        interval.auc,
        interval.lower,
        interval.upper,
    )


def test_that_a_figure_of_another_ending_or_of_nothing_is_refused(metrics: Metrics, tmp_path: Path) -> None:
    with pytest.raises(UnusableChoice, match=r"roc\.jpg"):
        export_figure(roc_plot(metrics, ODD), tmp_path / "roc.jpg")
    with pytest.raises(ValueError, match="at least one plot"):
        export_figure([], tmp_path / "roc.svg")
    x = np.zeros(3)
    with pytest.raises(ValueError, match="one shape"):
        Curve("A", style_of(0), x, x[:2])
    with pytest.raises(ValueError, match="a lower and an upper"):
        Curve("A", style_of(0), x, x, lower=x)


def test_that_arrays_of_a_panel_become_a_figure_without_metrics(metrics: Metrics, tmp_path: Path) -> None:
    x = np.array([0.0, 0.5, 1.0])
    curve = Curve("A", style_of(0), x, np.array([0.0, np.nan, 1.0]), note="AUC 0.5")
    plot = CurvePlot(
        "roc", "Edema", "x", "y", (curve,), roc_plot(metrics, "Mass", ORIGIN).caption, (Guide("g", x, x, "#112233"),)
    )
    _, data = export_figure(plot, tmp_path / "panel.pdf")
    assert [row["y"] for row in rows_of(data) if row["checkpoint"]] == ["0.0", "", "1.0"]


def test_that_an_auc_is_marked_only_where_every_paired_test_says_so(metrics: Metrics, cohort: Cohort) -> None:
    assert best_checkpoint(metrics, ODD) == "A"
    assert best_checkpoint(metrics, "Hernia") == ""
    table = auc_table(metrics)
    assert table.best == {(0, 3), (1, 3)}
    assert "Marked: larger than every other checkpoint's" in table.footnote
    # A third one as good as the first: neither is the best.
    scores = np.concatenate([cohort.scores, cohort.scores[:1]])
    three = evaluate(replace(cohort, checkpoints=("A", "_b", "C"), scores=scores))
    assert best_checkpoint(three, ODD) == ""
    # Better than the first in a single case, which chance would do.
    scores[2, np.argmin(np.where(cohort.labels[:, 0] == 1, scores[2, :, 0], 2)), 0] = 1
    nearly = evaluate(replace(cohort, checkpoints=("A", "_b", "C"), scores=scores))
    assert nearly.findings[ODD]["C"].interval.auc > nearly.findings[ODD]["A"].interval.auc
    assert best_checkpoint(nearly, ODD) == ""
    assert "Marked" not in auc_table(replace(nearly, findings={ODD: nearly.findings[ODD]})).footnote


def test_that_latex_is_escaped_and_has_intervals_counts_marks_and_footnote(metrics: Metrics, tmp_path: Path) -> None:
    text = export_table(auc_table(metrics), tmp_path / "auc.tex").read_text(encoding="utf-8")
    assert r"\toprule" in text
    assert r"Höhle \textless{}b\textgreater{} \$x\_1\$ \& 50\% & 91 & 149 & \textbf{" in text
    interval = metrics.findings[ODD]["A"].interval
    assert rf"\textbf{{{interval.auc:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]}}" in text
    assert r"finding & present & absent & A & \_b \\" in text
    assert "Counted by image, on all cases of a checkpoint. 95 \\% DeLong intervals." in text
    assert "Scores: probability." in text
    assert "Hernia & 0 & 240 & n/a & n/a" in text
    assert text.count("{") == text.count("}")


def test_that_the_csv_of_a_table_has_every_digit_and_nothing_for_what_has_no_meaning(
    metrics: Metrics, tmp_path: Path
) -> None:
    rows = rows_of(export_table(operating_table(metrics), tmp_path / "operating.csv"))
    row = next(row for row in rows if (row["finding"], row["checkpoint"]) == (ODD, "A"))
    of = metrics.operating[ODD]["A"]
    assert float(row["threshold"]) == of.threshold
    assert float(row["ppv_upper"]) == of.confusion.ppv.interval()[1]
    assert float(row["retained_auc"]) == of.auc.auc
    assert int(row["n_referred"]) == 24
    assert not [row for row in rows if row["finding"] == "Hernia"]
    areas = rows_of(export_table(auc_table(metrics), tmp_path / "auc.csv"))
    assert [row["auc"] for row in areas if row["finding"] == "Hernia"] == ["", ""]
    differences = rows_of(export_table(difference_table(metrics), tmp_path / "differences.csv"))
    assert [float(row["p_adjusted"]) for row in differences[:2]] == [
        of.p_adjusted for of in metrics.reference.differences[:2]
    ]
    groups = rows_of(export_table(group_table(metrics, "sex"), tmp_path / "sex.csv"))
    assert {row["sex"] for row in groups} == {"F", "M"}
    with pytest.raises(UnusableChoice):
        export_table(auc_table(metrics), tmp_path / "auc.xlsx")
    assert [table.name for table in number_tables(metrics)] == ["auc", "differences", "operating", "by-sex"]


def test_that_names_of_files_differ_where_findings_do() -> None:
    assert file_stems(["a b", "A_b", "a/b", "**", "all findings", "Höhle"]) == {
        "a b": "a-b", "A_b": "A-b-2", "a/b": "a-b-3", "**": "unnamed", "all findings": "all-findings-2",
        "Höhle": "Höhle",
    }  # fmt: skip


@pytest.fixture
def tables(tmp_path: Path, cohort: Cohort) -> tuple[Path, Path]:
    labels, predictions = tmp_path / "labels.csv", tmp_path / "net.csv"
    with labels.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("image", "sex", "Edema"), *zip(cohort.cases, cohort.columns["sex"], cohort.labels[:, 0], strict=True)]
        )
    with predictions.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("image", "checkpoint", "Edema")]
            + [
                (i, name, of[k, 0])
                for name, of in zip("AB", cohort.scores, strict=True)
                for k, i in enumerate(cohort.cases)
            ]
        )
    return labels, predictions


def test_that_the_command_line_s_options_write_figures_tables_and_report(
    tables: tuple[Path, Path], tmp_path: Path
) -> None:
    options = EvaluateOptions(
        reference="b", operating_point="youden", referral_rate=0.15, by=("sex",), figures=("svg", "png"),
        tables=("csv", "latex"),
    )  # fmt: skip
    found = run_evaluate(tables[0], [tables[1]], tmp_path / "out", options, ["xferviewer", "evaluate"])
    kinds = ["forest", *(f"{kind}-Edema" for kind in CURVE_PLOTS)]
    expected = {f"{kind}.{ending}" for kind in kinds for ending in ("svg", "png", "csv")}
    assert {Path(path).name for path in found["figures"]} == expected
    assert {path.name for path in (tmp_path / "out" / "figures").iterdir()} == expected
    assert {Path(path).name for path in found["tables"]} == {
        f"{name}.{ending}" for name in ("auc", "differences", "operating", "by-sex") for ending in ("csv", "tex")
    }
    svg = (tmp_path / "out" / "figures" / "roc-Edema.svg").read_text(encoding="utf-8")
    assert "Cohort: labels.csv, 240 images." in svg
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Differences to B, paired by image" in html
    assert "Operating point: youden; the most uncertain 15.0% of the cases go to an expert" in html
    row = found["operating"]["findings"]["Edema"]["A"]
    counts = [row[key] for key in ("true_positive", "false_positive", "true_negative", "false_negative")]
    assert "".join(f"<td>{count}</td>" for count in counts) in html
    gap = found["gaps"]["sex"]["Edema"]["A"]["auc"]
    assert gap["gap"] == pytest.approx(abs(gap["groups"]["F"]["value"] - gap["groups"]["M"]["value"]))
    assert f"<td>{gap['gap']:.3f}</td>" in html
    assert RESEARCH_NOTICE in html
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert {key: found[key] for key in written} == written
    assert "figures" not in written
