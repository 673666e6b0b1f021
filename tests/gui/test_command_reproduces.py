"""Each slider and box of the Evaluate perspective, and then the copied command: it gives every number on the screen."""

from __future__ import annotations

import json
import math
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSlider
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.number_text import difference_text, interval_text, p_text
from xferviewer.settings import Settings

FINDING = "Cardiomegaly"
LONG = 240_000


@pytest.fixture
def evaluating(opened: Application, tmp_path: Path) -> Application:
    """Beside two checkpoints a table of scores that are no probabilities, so that both kinds are covered."""
    random, cohort = np.random.default_rng(12), opened.session.cohort
    rows = ["image,Cardiomegaly,Edema"]
    rows += [f"{Path(image).name},{random.normal():.6f},{random.normal():.6f}" for image in cohort.images]
    (tmp_path / "logits_elsewhere.csv").write_text("\n".join(rows), encoding="utf-8")
    opened.window.show_perspective("evaluate")
    opened.opening.open([tmp_path / "logits_elsewhere.csv"])
    assert len(opened.session.classifiers.all) == 3
    opened.session.set_finding(FINDING)
    return opened


def drag(slider: QSlider, qtbot: QtBot, steps: int) -> None:
    """Step a slider by keys, as a person does who has it in focus."""
    slider.setFocus()
    key = Qt.Key.Key_Right if steps > 0 else Qt.Key.Key_Left
    for _ in range(abs(steps)):
        qtbot.keyClick(slider, key)


def run_copied_command() -> dict[str, object]:
    """What the line on the clipboard writes, run by a shell in the folder that it names."""
    into, line = QGuiApplication.clipboard().text().splitlines()
    folder, words = shlex.split(into)[1], shlex.split(line)
    assert words[:2] == ["xferviewer", "evaluate"]
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
    out = Path(folder) / words[words.index("--out") + 1]
    said: dict[str, object] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return said


def equal(shown: float, said: float | None) -> bool:
    """To the last bit; what is undefined is null in the file."""
    return math.isnan(shown) if said is None else shown == said


@pytest.mark.parametrize(
    ("uncertainty", "unit", "only", "reference"),
    [
        ("finding", "image", None, 0),
        ("case", "image", None, 1),
        ("spread", "image", ("site", "A"), 0),
        ("entropy", "patient", None, 1),
        ("probability", "study", None, 0),
    ],
)
def test_that_the_copied_command_gives_the_numbers_of_the_window(
    evaluating: Application, qtbot: QtBot, uncertainty: str, unit: str, only: tuple[str, str] | None, reference: int
) -> None:
    window, session, numbers = evaluating.window, evaluating.session, evaluating.numbers
    session.set_comparison(
        replace(
            session.comparison,
            unit=unit,
            only=only,
            reference=session.classifiers.all[reference].digest,
            adjustment="bh",
        )
    )
    window.referral.measure.setCurrentIndex(window.referral.measure.findData(uncertainty))
    drag(window.referral.rate, qtbot, 7)
    drag(window.referral.threshold, qtbot, -9)
    assert session.referral_rate == 0.22
    assert session.operating_points.threshold(session.active, FINDING) != 0.5
    qtbot.mouseClick(window.evaluate.bar.command, Qt.MouseButton.LeftButton)
    said = run_copied_command()
    names = {each.name: each.digest for each in session.classifiers.all}
    compared_numbers = 0
    for finding in session.classifiers.findings:
        compared = numbers.compared(finding)
        if not compared.has_both:
            continue
        state = numbers.referral.state(finding)
        for name, digest in names.items():
            area = numbers.auc(finding, digest)
            written = said["findings"].get(finding, {}).get(name)
            assert (area is None) == (written is None)
            if area is None:
                continue
            for attribute in ("auc", "standard_error", "lower", "upper"):
                key = "auc" if attribute == "auc" else f"auc_{attribute}"
                assert equal(getattr(area, attribute), written[key]), (finding, name, attribute)
            at, point = compared.digests.index(digest), said["operating"]["findings"][finding][name]
            assert point["threshold"] == session.operating_points.threshold(digest, finding)
            assert point["n_referred"] == state.n_referred
            for count in ("true_positive", "false_positive", "true_negative", "false_negative", "referred_positive"):
                assert getattr(state, count)[at] == point[count], (finding, name, count)
            for rate in ("sensitivity", "specificity"):
                for end, key in (("", "value"), ("_lower", "lower"), ("_upper", "upper")):
                    assert equal(float(getattr(state, rate + end)[at]), point[rate][key])
            kept = numbers.referral.retained_auc(finding, digest)
            for attribute in ("auc", "lower", "upper"):
                key = attribute if attribute == "auc" else f"auc_{attribute}"
                assert equal(getattr(kept, attribute), point["retained_auc"][key]), (finding, name, attribute)
            compared_numbers += 1
    assert compared_numbers >= 3
    differences = {
        (d["finding"], d["checkpoint"]): d for d in said["reference"]["differences"] if d["difference"] is not None
    }
    shown = {
        (finding, name): difference
        for finding in session.classifiers.findings
        for name, digest in names.items()
        if (difference := numbers.difference(finding, digest)) is not None
    }
    assert differences.keys() == shown.keys()
    for key, difference in shown.items():
        assert equal(difference.test.difference, differences[key]["difference"])
        assert equal(difference.test.p_value, differences[key]["p"])
        assert equal(difference.p_adjusted, differences[key]["p_adjusted"])


def test_that_what_is_written_in_the_table_and_below_it_are_the_command_s_numbers(
    evaluating: Application, qtbot: QtBot
) -> None:
    window, session = evaluating.window, evaluating.session
    drag(window.referral.rate, qtbot, 3)
    qtbot.mouseClick(window.evaluate.bar.command, Qt.MouseButton.LeftButton)
    said = run_copied_command()
    QCoreApplication.processEvents()
    model = window.evaluate.metrics.model
    by_name = {(d["finding"], d["checkpoint"]): d for d in said["reference"]["differences"]}
    for place, compared in enumerate(session.classifiers.all):
        area = said["findings"][FINDING][compared.name]
        kept = said["operating"]["findings"][FINDING][compared.name]["retained_auc"]
        lines = [
            interval_text(area["auc"], area["auc_lower"], area["auc_upper"]),
            "kept " + interval_text(*(number(kept[key]) for key in ("auc", "auc_lower", "auc_upper"))),
        ]
        if place:
            d = by_name[FINDING, compared.name]
            lines.append(f"Δ {difference_text(d['difference'], d['lower'], d['upper'])} p {p_text(d['p_adjusted'])}")
        assert str(model.index(model.row_of(FINDING), 1 + place).data()).removeprefix("★ ").split("\n") == lines
    point = said["operating"]["findings"][FINDING][session.classifiers.find(session.active).name]
    summary = window.referral.summary.text()
    assert f"{point['n_referred']} of {point['n_cases']} to an expert" in summary
    for rate in ("sensitivity", "specificity"):
        value = interval_text(*(number(point[rate][key]) for key in ("value", "lower", "upper")), 2)
        assert f"{rate} <b>{value}</b>" in summary


def number(said: float | None) -> float:
    return math.nan if said is None else said


def test_that_an_export_writes_report_figures_tables_and_the_command(
    evaluating: Application, qtbot: QtBot, tmp_path: Path
) -> None:
    with qtbot.waitSignal(evaluating.evaluating.finished, timeout=LONG) as written:
        evaluating.window.choosing.evaluation_chosen.emit(tmp_path)
        assert evaluating.window.status.work.isVisible()
    assert not evaluating.window.status.work.isVisible()
    folder = written.args[0]
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["checkpoints"] == [each.name for each in evaluating.session.classifiers.all]
    assert "<svg" in (folder / "report.html").read_text(encoding="utf-8")
    endings = {path.suffix for path in (folder / "figures").iterdir()}
    assert endings == {".svg", ".pdf", ".png", ".csv"}
    assert {path.suffix for path in (folder / "tables").iterdir()} == {".csv", ".tex"}
    assert str(folder.parent) in (folder.parent / "command.txt").read_text(encoding="utf-8")


def test_that_an_export_of_nothing_says_what_to_do(opened: Application, tmp_path: Path) -> None:
    from xferviewer.gui.cohort import Cohort

    opened.session.put_cohort(Cohort.empty(opened.session.cohort.name))
    opened.window.command_asked.emit()
    opened.window.choosing.evaluation_chosen.emit(tmp_path)
    messages = [opened.window.messages.list.item(row).text() for row in range(opened.window.messages.list.count())]
    assert any("There is nothing to evaluate" in message for message in messages)
    assert not list(tmp_path.glob("evaluation-*"))


def test_that_a_finding_of_another_name_is_compared_as_the_same_on_screen_and_by_the_command(
    opened: Application, qtbot: QtBot, tmp_path: Path
) -> None:
    random, cohort = np.random.default_rng(3), opened.session.cohort
    rows = [
        "image,Enlarged heart,Hernia",
        *(f"{Path(i).name},{random.random()},{random.random()}" for i in cohort.images),
    ]
    (tmp_path / "elsewhere.csv").write_text("\n".join(rows), encoding="utf-8")
    window, session, numbers = opened.window, opened.session, opened.numbers
    before = session.classifiers.findings
    window.show_perspective("evaluate")
    opened.opening.open([tmp_path / "elsewhere.csv"])
    *checkpoints, elsewhere = session.classifiers.all

    assert session.classifiers.findings == (*before, "Hernia")
    assert session.classifiers.own_name(elsewhere.digest, FINDING) == "Enlarged heart"
    assert numbers.compared(FINDING).digests == tuple(each.digest for each in session.classifiers.all)
    shown = session.shown
    assert shown is not None
    assert session.scores.score(elsewhere.digest, shown.reference.identity, FINDING) is not None
    left_out = {each.finding: each.without for each in session.classifiers.common_findings().left_out}
    assert left_out["Hernia"] == tuple(each.name for each in checkpoints)
    assert FINDING not in left_out
    assert window.evaluate.bar.left_out.text() == f"{len(left_out)} left out"
    assert "Hernia (not of" in window.evaluate.bar.left_out.toolTip()

    qtbot.mouseClick(window.evaluate.bar.command, Qt.MouseButton.LeftButton)
    said = run_copied_command()
    areas = said["findings"][FINDING]  # type: ignore[index]
    for each in session.classifiers.all:
        interval = numbers.auc(FINDING, each.digest)
        assert interval is not None
        assert equal(interval.auc, areas[each.name]["auc"])
        assert equal(interval.lower, areas[each.name]["auc_lower"])


def test_that_equalities_of_the_settings_join_findings_and_their_labels(
    make_application: Callable[..., Application], tmp_path: Path
) -> None:
    application = make_application(
        tmp_path / "own", Settings(device="cpu", notice_seen=True, same_findings=("Tumour = Mass",))
    )
    images = [f"{i:02}.png" for i in range(20)]
    rows = ["image,checkpoint,label_Tumour,prob_Mass", *(f"{i},a,{n % 2},{n / 20}" for n, i in enumerate(images))]
    (tmp_path / "tumours.csv").write_text("\n".join(rows), encoding="utf-8")
    application.opening.open([tmp_path / "tumours.csv"])
    assert application.session.classifiers.findings == ("Mass",)
    assert application.numbers.compared("Mass").n_positive == 10
