"""Maps compared and measured in the window: the same numbers as on the command line, and what is drawn."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from xferviewer.evaluation.localisation import localise
from xferviewer.evaluation.map_similarity import compare_maps
from xferviewer.gui.app import Application
from xferviewer.gui.colour_maps import difference_levels, difference_table
from xferviewer.gui.views.compare.outline import outline_of
from xferviewer.gui.views.map_quality.rows import rows_of

LONG = 120_000
FINDING = "Edema"
NIH = "Image Index,Finding Label,Bbox [x,y,w,h],,,"


@pytest.fixture
def boxes(tmp_path: Path, cohort: Path) -> Path:
    """A table of boxes as NIH's: a box of two findings in each film, at places that differ."""
    lines = [NIH]
    for number, film in enumerate(sorted(cohort.rglob("*.dcm"))):
        lines.append(f"{film.stem},{FINDING},{10 + number % 7},{40},{20},{30},,")
        lines.append(f"{film.stem},Effusion,50,{20 + number % 5},30,25,,")
    path = tmp_path / "BBox_List_2017.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def command(*words: object) -> dict:
    """What the command line says, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", "xferviewer", *map(str, words), "--json", "--device", "cpu"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def shown_film(application: Application) -> Path:
    shown = application.session.shown
    assert shown is not None
    return Path(shown.image.path)


def test_that_a_dropped_table_of_boxes_is_outlined_and_measured(
    opened: Application, boxes: Path, qtbot: QtBot, checkpoints: list[Path]
) -> None:
    session, window = opened.session, opened.window
    session.set_finding(FINDING)
    opened.opening.open([boxes])
    region = session.marked_finding()
    assert region is not None
    x, y = window.compare.panes[0]._outline.getData()
    assert (min(x), max(x)) == (region.boxes[0].left, region.boxes[0].right)
    assert (min(y), max(y)) == (region.boxes[0].top, region.boxes[0].bottom)

    qtbot.waitUntil(lambda: len(window.live_maps.numbers().localised) == 2, timeout=LONG)
    pixels = region.pixels(*window.compare.image.pixels.shape[:2])
    for each in window.live_maps.maps():
        assert window.live_maps.numbers().localised[each.digest] == localise(each.values, each.part, pixels)

    window.actions_by_name["regions"].trigger()
    assert not window.compare.panes[0]._outline.getData()[0].size


def test_that_the_other_pane_shows_the_difference_to_the_active_map(opened: Application, qtbot: QtBot) -> None:
    session, window = opened.session, opened.window
    session.set_finding(FINDING)
    qtbot.waitUntil(lambda: bool(window.live_maps.numbers().compared), timeout=LONG)
    a, b = window.live_maps.maps()
    assert a.digest == session.active
    active, other = window.compare.panes
    before = active._overlay.image.copy()

    window.actions_by_name["difference"].trigger()

    expected = compare_maps(a.values, a.part, b.values, b.part).difference
    assert np.array_equal(other._overlay.image, difference_levels(expected))
    assert np.array_equal(active._overlay.image, before)
    assert "+1" in other._bar.accessibleDescription()
    assert "−1" in other._bar.accessibleDescription()
    window.actions_by_name["difference"].trigger()
    assert other._bar.accessibleDescription() == "0 … own maximum"


def test_that_no_difference_is_drawn_in_the_middle_colour_and_sides_are_alike() -> None:
    levels = difference_levels(np.array([[-1.0, -0.5, 0.0, 0.5, 1.0]], np.float32))
    assert levels.tolist() == [[0, 63, 127, 191, 254]] or levels.tolist() == [[0, 64, 127, 190, 254]]
    table = difference_table(0.5, 0.25)
    assert np.array_equal(table[:255, 3], table[:255, 3][::-1])
    assert table[127, 3] == 0
    assert table[0, 3] == table[254, 3] == 128
    assert table[127, :3].max() < 60  # as dark as the film: no difference looks like nothing


def test_that_an_outline_runs_along_the_edges_of_the_marked_pixels() -> None:
    marked = np.zeros((4, 5), bool)
    marked[1:3, 2:5] = True
    x, y = outline_of(marked)
    lines = {tuple(sorted([(x[i], y[i]), (x[i + 1], y[i + 1])])) for i in range(0, len(x), 2)}
    assert lines == {((2, 1), (5, 1)), ((2, 3), (5, 3)), ((2, 1), (2, 3)), ((5, 1), (5, 3))}


def test_that_rows_without_a_number_are_left_out() -> None:
    heads, cells = rows_of([], 0.1, marked=False)
    assert heads == []
    assert cells == []


def test_that_a_box_that_does_not_fit_the_film_is_told_and_costs_only_itself(
    opened: Application, tmp_path: Path, qtbot: QtBot
) -> None:
    session, window = opened.session, opened.window
    session.set_finding(FINDING)
    table = tmp_path / "large.csv"
    table.write_text(f"{NIH}\n{shown_film(opened).stem},{FINDING},500,500,300,300,,\n", encoding="utf-8")
    opened.opening.open([table])
    window.map_quality.parentWidget().raise_()
    qtbot.waitUntil(lambda: "does not fit" in window.map_quality.heading.text(), timeout=LONG)
    assert not window.compare.panes[0]._outline.getData()[0].size
    assert window.live_maps.numbers().compared


@pytest.fixture
def running(make_application, prepared, checkpoints, boxes, tmp_path, qtbot) -> Application:
    """The window with its real engine on the indexed cohort, boxes opened."""
    home = tmp_path / "home"
    shutil.copytree(prepared.home, home, dirs_exist_ok=True)
    application = make_application(home)
    application.library.refresh()
    application.checkpoints.open(checkpoints)
    application.window.show()
    application.engine.start()
    application.session.set_finding(FINDING)
    application.library.show_study(0)
    application.opening.open([boxes])
    qtbot.waitUntil(lambda: len(application.window.live_maps.maps()) == 2, timeout=LONG)
    return application


def test_that_the_window_measures_maps_as_the_command_line_does_to_the_bit(
    running: Application, checkpoints: list[Path], boxes: Path, tmp_path: Path, qtbot: QtBot, bring_forward
) -> None:
    window, measuring, session = running.window, running.map_measuring, running.session
    film, names = shown_film(running), {c.weights_sha256: c.name for c in session.classifiers.checkpoints}
    identity = session.shown.reference.identity
    window.map_quality.parentWidget().raise_()
    qtbot.waitUntil(lambda: window.map_quality.run_curves.isEnabled(), timeout=LONG)
    for button in (window.map_quality.run_curves, window.map_quality.run_random):
        qtbot.waitUntil(button.isEnabled, timeout=LONG)
        button.click()
        qtbot.waitUntil(lambda: not measuring.running, timeout=LONG)
    qtbot.waitUntil(lambda: len(window.live_maps.numbers().localised) == 2, timeout=LONG)
    bring_forward(running, window.evaluate.map_quality)
    window.evaluate.map_quality.run.click()
    qtbot.waitUntil(lambda: measuring.cohort is not None, timeout=LONG)

    one = command(
        "explain", "--checkpoint", *checkpoints, "--image", film, "--finding", FINDING, "--out", tmp_path / "one",
        "--compare", "own", "--quality", "localisation,deletion,insertion,randomisation", "--regions", boxes,
    )  # fmt: skip
    quality = one["quality"]
    for entry in quality["curves"]["maps"]:
        digest = next(digest for digest, name in names.items() if name == entry["checkpoint"])
        curves = measuring.curves[identity, digest, FINDING, session.maps.choice]
        for name, scores in zip(curves.names, curves.values, strict=True):
            assert scores.tolist() == entry[name]
    for entry in quality["randomisation"]["maps"]:
        digest = next(digest for digest, name in names.items() if name == entry["checkpoint"])
        randomised = measuring.randomised[identity, digest, FINDING, session.maps.choice]
        assert list(randomised.groups) == [group["group"] for group in entry["groups"]]
        told = [[g[name] if g[name] is not None else np.nan for g in entry["groups"]] for name in randomised.names]
        assert np.array_equal(randomised.values, told, equal_nan=True)
    for entry in quality["localisation"]["maps"]:
        digest = next(digest for digest, name in names.items() if name == entry["checkpoint"])
        here = window.live_maps.numbers().localised[digest]
        assert [entry[name] for name in ("hit", "energy", "iou", "dice")] == list(here.values[:4])
    (pair,) = one["pairs"]
    (compared,) = window.live_maps.numbers().compared.values()
    assert (pair["rank_correlation"], pair["overlap"]) == (compared.rank_correlation, compared.overlap)
    assert np.array_equal(np.load(pair["difference"]), compared.difference)

    words = measuring.command().split()
    whole = command(*words[1:-1], tmp_path / "whole")["quality"]["localisation"]
    summaries = {(names[s.checkpoint], s.finding or None): s for s in measuring.cohort.summaries()}
    assert len(summaries) == len(whole["summaries"]) == 5
    for entry in whole["summaries"]:
        summary = summaries[entry["checkpoint"], entry["finding"]]
        assert (summary.n, summary.n_patients) == (entry["n"], entry["n_patients"])
        for name in ("pointing", "energy", "iou", "dice", "iou_of_area", "dice_of_area"):
            assert getattr(summary, name).value == entry[name]["value"]
            if entry["finding"]:
                assert getattr(summary, name).lower == entry[name]["lower"]
    assert window.evaluate.map_quality.table.sheet.rowCount() == 5


def test_that_a_row_leads_to_its_images_and_a_run_can_be_cancelled(
    running: Application, qtbot: QtBot, bring_forward
) -> None:
    window, measuring, session = running.window, running.map_measuring, running.session
    bring_forward(running, window.evaluate.map_quality)
    window.evaluate.map_quality.run.click()
    qtbot.waitUntil(lambda: measuring.running == "localisation", timeout=LONG)
    measuring.cancel()
    qtbot.waitUntil(lambda: not measuring.running, timeout=LONG)
    assert measuring.cohort is None
    window.evaluate.map_quality.run.click()
    qtbot.waitUntil(lambda: measuring.cohort is not None, timeout=LONG)
    qtbot.waitUntil(lambda: window.evaluate.map_quality.table.sheet.rowCount() == 5, timeout=LONG)
    window.evaluate.map_quality.table.cell_chosen.emit(0, 1)
    chosen = measuring.cohort.summaries()[0]
    assert session.case_list.n_cases == chosen.n == 24
    assert session.finding == chosen.finding
    hits = {one.image: one.localisation.hit for one in measuring.cohort.maps
            if (one.checkpoint, one.finding) == (chosen.checkpoint, chosen.finding)}  # fmt: skip
    first = next(image for image in hits if measuring.study_of(image) == session.case_list.studies[0])
    assert hits[first] == min(hits.values())
