"""Predictions and labels that come as tables: they stand beside open checkpoints and are counted like them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from xferviewer.checkpoints import seen_images
from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.cohort import join
from xferviewer.evaluation.roc import auc_interval
from xferviewer.evaluation.significance import adjust, delong_paired
from xferviewer.evaluation.tables import read_label_table, read_predictions
from xferviewer.gui.app import Application
from xferviewer.gui.number_text import interval_text
from xferviewer.gui.views.metrics.model import BEST

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cxr_nih14" / "published_predictions.csv"


def write_predictions(application: Application, path: Path, columns: dict[str, np.ndarray]) -> Path:
    """A table as another program writes it: one row for each image of the cohort, a column for each finding."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns])
        for row, image in enumerate(application.session.cohort.images):
            writer.writerow([Path(image).name, *(values[row] for values in columns.values())])
    return path


@pytest.fixture
def imported(opened: Application, tmp_path: Path) -> Application:
    """Beside the two checkpoints a table about the same images: random, but for Effusion, where it is nearly right."""
    random, cohort = np.random.default_rng(3), opened.session.cohort
    guesses = {finding: random.random(len(cohort)) for finding in ("Edema", "Effusion")}
    guesses["Effusion"] = 0.2 * guesses["Effusion"] + 0.8 * (cohort.truth("Effusion") == 1)
    opened.window.show_perspective("evaluate")
    opened.opening.open([write_predictions(opened, tmp_path / "elsewhere.csv", guesses)])
    return opened


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the shared data are not on this machine")
def test_that_published_predictions_open_alone_and_give_the_published_areas(
    make_application: Callable[..., Application], qtbot: QtBot
) -> None:
    application = make_application()
    application.window.show()
    application.window.show_perspective("evaluate")
    application.opening.open([PUBLISHED])
    published = json.loads(PUBLISHED.with_name("published_predictions_auc.json").read_text(encoding="utf-8"))
    areas = published.get("auc", published)
    session, model = application.session, application.window.evaluate.metrics.model
    assert len(session.classifiers.findings) == 14
    qtbot.waitUntil(lambda: all(map(application.numbers.is_known, session.classifiers.findings)))
    for finding in session.classifiers.findings:
        shown = application.numbers.auc(finding, session.classifiers.all[0].digest)
        assert round(shown.auc, 6) == round(areas[finding], 6)
        cell = model.index(model.row_of(finding), 1).data()
        assert cell.startswith(interval_text(shown.auc, shown.lower, shown.upper))
    assert session.cohort.name == PUBLISHED.name


def test_that_a_table_is_compared_on_the_cohort_s_images_and_named_in_a_column(imported: Application) -> None:
    session, model = imported.session, imported.window.evaluate.metrics.model
    table = session.classifiers.all[2]
    assert [each.name for each in session.classifiers.all] == ["efficientnet", "vit", "elsewhere"]
    expected = auc_interval(session.cohort.truth("Effusion"), session.scores.table(table.digest, ["Effusion"])[:, 0])
    assert expected.auc > 0.99
    assert model.headerData(3, Qt.Orientation.Horizontal) == "elsewhere"
    assert (
        interval_text(expected.auc, expected.lower, expected.upper) in model.index(model.row_of("Effusion"), 3).data()
    )
    assert model.index(model.row_of("Cardiomegaly"), 3).data() == "not trained"


def test_that_differences_are_paired_and_adjusted_for_the_whole_table(imported: Application) -> None:
    session, numbers = imported.session, imported.numbers
    reference = session.classifiers.all[1].digest
    session.set_comparison(replace(session.comparison, reference=reference, adjustment="bonferroni"))
    tests = {}
    for finding in session.classifiers.findings:
        compared = numbers.compared(finding)
        if reference in compared.digests and compared.has_both:
            base = compared.scores[compared.digests.index(reference)]
            for digest, row in zip(compared.digests, compared.scores, strict=True):
                if digest != reference:
                    tests[finding, digest] = delong_paired(compared.labels, row, base)
    adjusted = adjust([test.p_value for test in tests.values()], "bonferroni")
    assert len(tests) >= 5
    for (key, test), p in zip(tests.items(), adjusted, strict=True):
        shown = numbers.difference(*key)
        assert repr(shown.test) == repr(test)  # NaN, too
        assert shown.p_adjusted == pytest.approx(p, rel=1e-12, nan_ok=True)
    assert numbers.difference("Edema", reference) is None


def test_that_the_star_stands_only_where_every_paired_test_says_so(imported: Application) -> None:
    session, numbers, model = imported.session, imported.numbers, imported.window.evaluate.metrics.model
    starred = {
        (finding, place)
        for finding in session.classifiers.findings
        for place in range(len(session.classifiers.all))
        if str(model.index(model.row_of(finding), 1 + place).data()).startswith(BEST)
    }
    for finding in session.classifiers.findings:
        compared = numbers.compared(finding)
        pairs = [(a, b) for a in range(len(compared.digests)) for b in range(a + 1, len(compared.digests))]
        p = adjust([delong_paired(compared.labels, *compared.scores[[a, b]]).p_value for a, b in pairs])
        for at, digest in enumerate(compared.digests):
            areas = [auc_interval(compared.labels, row).auc for row in compared.scores]
            wins = areas[at] == max(areas) and all(q < 0.05 for pair, q in zip(pairs, p, strict=True) if at in pair)
            assert ((finding, session.classifiers.place_of(digest)) in starred) == (wins and len(areas) > 1)
    assert ("Effusion", 2) in starred


def test_that_counting_by_patient_equals_the_aggregated_cohort(
    imported: Application, tmp_path: Path, cohort: Path
) -> None:
    bar, session = imported.window.evaluate.bar, imported.session
    for unit, how in (("patient", "max"), ("study", "mean"), ("patient", "noisy-or")):
        bar.unit.setCurrentIndex(bar.unit.findData(unit))
        bar.unit.activated.emit(bar.unit.currentIndex())
        bar.aggregation.setCurrentIndex(bar.aggregation.findData(how))
        bar.aggregation.activated.emit(bar.aggregation.currentIndex())
        labels = read_label_table(cohort.parent / "all_labels.csv")
        table = aggregate(join(labels, [read_predictions(tmp_path / "elsewhere.csv")]), unit, how)
        column = table.findings.index("Effusion")
        expected = auc_interval(table.labels[:, column], table.scores[0, :, column])
        shown = imported.numbers.auc("Effusion", session.classifiers.all[2].digest)
        assert (shown.auc, shown.n_positive, shown.n_negative) == (
            expected.auc, expected.n_positive, expected.n_negative
        )  # fmt: skip
        assert len(imported.numbers.cases().cases) == len(table.cases)
        assert {"patient": "patients", "study": "studies"}[unit] in imported.window.evaluate.metrics.heading.text()


def test_that_only_the_chosen_cases_are_counted(imported: Application) -> None:
    bar, session = imported.window.evaluate.bar, imported.session
    choices = [bar.only.itemData(row) for row in range(bar.only.count())]
    assert ("site", "A") in choices
    bar.only.setCurrentIndex(choices.index(("site", "A")))
    bar.only.activated.emit(bar.only.currentIndex())
    at_a = np.array(session.cohort.columns["site"]) == "A"
    compared = imported.numbers.compared("Effusion")
    assert compared.rows.size == at_a.sum() == 12
    assert compared.n_positive == (session.cohort.truth("Effusion")[at_a] == 1).sum()
    assert "site = A" in imported.window.evaluate.metrics.heading.text()
    films = imported.numbers.studies_of(range(compared.rows.size))
    assert set(films) == {study for study, here in zip(session.cohort.study_ids, at_a, strict=True) if here}


def test_that_the_table_sorts_narrows_and_copies(imported: Application, qtbot: QtBot) -> None:
    metrics, session = imported.window.evaluate.metrics, imported.session
    metrics.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    areas = [
        imported.numbers.auc(metrics.model.finding_at(row), session.classifiers.checkpoints[0].digest).auc
        for row in range(5)
    ]
    assert [area for area in areas if not np.isnan(area)] == sorted(a for a in areas if not np.isnan(a))[::-1]
    qtbot.keyClicks(metrics.search, "eff")
    qtbot.waitUntil(lambda: metrics.model.rowCount() == 2)  # one finding, and the mean
    qtbot.mouseClick(metrics.copy_button, Qt.MouseButton.LeftButton)
    header, row, mean, *rest = QGuiApplication.clipboard().text().splitlines()
    assert header.split("\t")[0] == "finding"
    assert "elsewhere" in header
    assert row.split("\t")[0] == "Effusion"
    assert row.split("\t")[4].startswith(BEST)
    assert mean.startswith("mean over findings")
    assert rest == [metrics.heading.text()]


def test_that_runs_of_one_recipe_are_shown_as_mean_and_deviation(opened: Application, tmp_path: Path) -> None:
    opened.window.show_perspective("evaluate")
    random, truth = np.random.default_rng(8), opened.session.cohort.truth("Edema")
    paths = [
        write_predictions(opened, tmp_path / f"lite0_seed{seed}.csv", {"Edema": random.random(truth.size)})
        for seed in (1, 2, 3)
    ]
    opened.opening.open(paths)
    model, scored = opened.window.evaluate.metrics.model, opened.session.classifiers.all
    areas = [opened.numbers.auc("Edema", each.digest).auc for each in scored[2:]]
    assert model.headerData(6, Qt.Orientation.Horizontal) == "lite0: 3 seeds"
    said = model.index(model.row_of("Edema"), 6).data()
    assert said.startswith(f"{np.mean(areas):.3f}".removeprefix("0"))
    assert f"SD {np.std(areas, ddof=1):.4f}".replace("SD 0", "SD ") in said


def test_that_scores_of_another_scale_are_compared_without_being_taken_for_probabilities(
    opened: Application, tmp_path: Path, bring_forward: Callable[[Application, QWidget], None]
) -> None:
    window, session = opened.window, opened.session
    window.show_perspective("evaluate")
    logits = np.random.default_rng(2).normal(size=len(session.cohort))
    path = write_predictions(opened, tmp_path / "logits.csv", {"prob_Effusion": 4 * logits})
    opened.opening.open([path])
    session.set_finding("Effusion")
    table = session.classifiers.all[2]
    session.set_active(table.digest)
    assert session.operating_points.threshold(table.digest, "Effusion") == 0.0
    assert "threshold score > 0.000" in window.referral.threshold_text.text()
    window.referral.threshold.setValue(1000)
    assert session.operating_points.threshold(table.digest, "Effusion") == pytest.approx(4 * logits.max())
    bring_forward(opened, window.evaluate.referral_curve)
    window.referral.measure.setCurrentIndex(window.referral.measure.findData("case"))
    assert opened.numbers.referral.uncertainty_of("Effusion", table.digest) == "finding"
    assert opened.numbers.referral.uncertainty_of("Effusion", session.classifiers.checkpoints[0].digest) == "case"
    QCoreApplication.processEvents()
    QCoreApplication.processEvents()
    assert "near the threshold" in window.evaluate.referral_curve.heading.text()


def test_that_labels_without_films_are_a_cohort_that_can_be_chosen(opened: Application, tmp_path: Path) -> None:
    bar, session = opened.window.evaluate.bar, opened.session
    labels = tmp_path / "external.csv"
    labels.write_text("image,Effusion,site\nx1.png,1,E\nx2.png,0,E\nx3.png,0,F\n", encoding="utf-8")
    opened.opening.open([labels])
    assert [bar.cohort.itemData(row) for row in range(bar.cohort.count())] == ["open catalogue", "external.csv"]
    assert session.cohort.name == "open catalogue"  # there is something to compare on it
    predictions = tmp_path / "external_predictions.csv"
    predictions.write_text("image,Effusion\nx1.png,0.8\nx2.png,0.3\nx3.png,0.9\n", encoding="utf-8")
    opened.opening.open([predictions])
    bar.cohort.setCurrentIndex(1)
    bar.cohort.activated.emit(1)
    assert session.cohort.name == "external.csv"
    assert opened.numbers.auc("Effusion", session.classifiers.all[-1].digest).auc == 0.5
    assert opened.numbers.studies_of([0, 1, 2]) == []


def test_that_a_checkpoint_that_learned_from_the_shown_images_is_marked(opened: Application, tmp_path: Path) -> None:
    opened.window.show_perspective("evaluate")
    session, model = opened.session, opened.window.evaluate.metrics.model
    digest = session.classifiers.checkpoints[0].digest
    title = model.headerData(1, Qt.Orientation.Horizontal)
    assert not title.startswith("⚠")
    session.set_seen_images(
        {digest: seen_images("split", session.cohort.identities[:7], session.cohort.identities[7:9])}
    )
    session.classifiers_changed.emit()
    assert model.headerData(1, Qt.Orientation.Horizontal) == f"⚠ {title}"
    tip = model.headerData(1, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert "trained on 7 of these 24 images" in tip
    assert "2 of these 24 images chose its best epoch" in tip
    assert "learned from some of these images" in opened.window.evaluate.metrics.heading.text()


def test_that_imported_predictions_stand_in_the_checkpoint_list_and_can_be_taken_out(
    imported: Application, qtbot: QtBot
) -> None:
    checkpoints, session = imported.window.checkpoints, imported.session
    assert [checkpoints.list.item(row).text() for row in range(3)] == ["efficientnet", "vit", "elsewhere"]
    checkpoints.list.setCurrentRow(2)
    assert session.active == session.classifiers.imported[0].digest
    assert "elsewhere.csv" in checkpoints.card.toPlainText()
    qtbot.mouseClick(checkpoints.remove, Qt.MouseButton.LeftButton)
    assert not session.classifiers.imported
    assert session.active in session.in_panes
    assert checkpoints.list.count() == 2


def test_that_several_images_of_a_patient_are_said_beside_the_intervals(opened: Application) -> None:
    opened.window.show_perspective("evaluate")
    session, heading = opened.session, opened.window.evaluate.metrics.heading
    patients = len(set(session.cohort.patients))
    assert 0 < patients < len(session.cohort)
    assert f"of {patients} patients: intervals take them as independent" in heading.text()
    session.set_comparison(replace(session.comparison, unit="patient"))
    assert "independent" not in heading.text()


def test_that_names_from_a_file_are_words_and_no_markup(opened: Application, tmp_path: Path, qtbot: QtBot) -> None:
    window = opened.window
    window.show_perspective("evaluate")
    guesses = np.random.default_rng(1).random(len(opened.session.cohort))
    opened.opening.open([write_predictions(opened, tmp_path / "<i>x.csv", {"prob_Edema": guesses})])
    opened.session.set_finding("Edema")
    opened.session.set_active(opened.session.classifiers.imported[0].digest)
    assert window.evaluate.metrics.heading.textFormat() == Qt.TextFormat.PlainText
    assert "<b>&lt;i&gt;x</b>" in window.referral.summary.text()


def test_that_label_tables_of_one_name_are_two_cohorts_and_one_opened_again_is_one(
    opened: Application, tmp_path: Path
) -> None:
    for site, label in (("north", 1), ("south", 0)):
        (tmp_path / site).mkdir()
        (tmp_path / site / "external.csv").write_text(f"image,Effusion\nx1.png,{label}\nx2.png,0\n", encoding="utf-8")
    paths = [tmp_path / "north" / "external.csv", tmp_path / "south" / "external.csv"]
    opened.opening.open([*paths, paths[0]])
    assert list(opened.session.cohorts) == ["open catalogue", "external.csv", "south/external.csv"]
    assert opened.session.cohorts["external.csv"].labels[0, 0] == 1


def test_that_a_table_of_words_is_refused_and_unusable_labels_cost_only_themselves(
    opened: Application, tmp_path: Path
) -> None:
    words, half = tmp_path / "words.csv", tmp_path / "half.csv"
    words.write_text("image,prob_Edema\na.png,high\nb.png,low\n", encoding="utf-8")
    half.write_text("image,prob_Edema,label_Edema\na.png,0.2,no\nb.png,0.7,yes\n", encoding="utf-8")
    opened.opening.open([words, half])
    messages = [opened.window.messages.list.item(row).text() for row in range(opened.window.messages.list.count())]
    assert any("words.csv holds no predictions" in message for message in messages)
    assert any("Predictions of half for 2 images" in message for message in messages)
    assert [each.name for each in opened.session.classifiers.imported] == ["half"]
