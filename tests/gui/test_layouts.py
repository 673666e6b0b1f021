"""Rows and columns of panes: the images of a study beside one another, remembered for each modality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.gui.pane_layouts import GRIDS, PaneLayouts
from xferviewer.settings import Settings

LONG = 120_000


def test_that_panes_that_are_left_hold_the_next_images_of_the_study(stack: Application, qtbot: QtBot) -> None:
    compare, session = stack.window.compare, stack.session
    stack.window.film_commands.choose_grid((2, 2))
    qtbot.waitUntil(lambda: all(compare.standing.raster(pane) is not None for pane in range(4)), timeout=LONG)
    first, second = session.in_panes
    assert [pane.digest for pane in compare.panes] == [first, second, first, second]
    assert [compare.standing.shown(pane).index for pane in range(4)] == [0, 0, 1, 1]
    assert [compare.pane_grid.getItemPosition(compare.pane_grid.indexOf(pane))[:2] for pane in compare.panes] == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip
    stack.library.step(1)
    qtbot.waitUntil(lambda: all(compare.standing.raster(pane) is not None for pane in range(4)), timeout=LONG)
    assert [compare.standing.shown(pane).index for pane in range(4)] == [1, 1, 2, 2]


@pytest.mark.parametrize("grid", [(2, 2)])
def test_that_panes_share_the_room_whatever_their_shape_was_before(
    stack: Application, grid: tuple[int, int], qtbot: QtBot
) -> None:
    compare = stack.window.compare
    stack.window.film_commands.choose_grid(grid)
    for place, pane in enumerate(compare.panes):  # as they are while panels around them take their places
        upright = place < grid[1] if grid[0] > 1 else place == 0
        directions = QBoxLayout.Direction
        pane._split.setDirection(directions.TopToBottom if upright else directions.LeftToRight)
    stack.window.resize(stack.window.width() + 20, stack.window.height() + 20)
    qtbot.wait(50)
    heights, widths = ([side(pane) for pane in compare.panes] for side in (QWidget.height, QWidget.width))
    assert max(heights) - min(heights) <= 2
    assert max(widths) - min(widths) <= 2
    assert sum(heights) > 0.95 * compare.films.height() * grid[1]


def test_that_a_pane_beyond_the_study_says_so(stack: Application, qtbot: QtBot) -> None:
    compare = stack.window.compare
    stack.window.film_commands.choose_grid((3, 4))
    qtbot.waitUntil(lambda: compare.standing.raster(7) is not None, timeout=LONG)
    assert len(compare.panes) == 12
    assert "no further image" in compare.panes[8]._centre.text()
    assert compare.panes[8]._film.image is None
    assert all(pane.box.viewRect().width() > 90 for pane in compare.panes[:8])


def test_that_fewer_panes_than_checkpoints_show_the_first(opened: Application) -> None:
    opened.window.film_commands.choose_grid((1, 1))
    assert [pane.digest for pane in opened.window.compare.panes] == [opened.session.in_panes[0]]
    opened.window.actions_by_name["next_checkpoint"].trigger()  # the second has no pane; nothing breaks
    assert opened.session.active == opened.session.in_panes[1]
    assert opened.window.compare.focus == 0


def test_that_a_pane_of_another_image_has_no_map_of_the_chosen_one(stack: Application, qtbot: QtBot) -> None:
    compare = stack.window.compare
    stack.window.film_commands.choose_grid((2, 2))
    qtbot.waitUntil(lambda: compare.standing.raster(3) is not None, timeout=LONG)
    assert [compare.standing.chosen(pane) is not None for pane in range(4)] == [True, True, False, False]
    assert not compare.panes[2]._overlay.isVisible()


def test_that_each_modality_has_its_layout_also_at_the_next_start(
    opened: Application,
    make_application: Callable[..., Application],
    ct_study: Path,
    checkpoints: list[Path],
    qtbot: QtBot,
) -> None:
    compare = opened.window.compare
    opened.window.film_commands.choose_grid((1, 3))
    with qtbot.waitSignal(opened.library.index_finished, timeout=LONG):
        opened.opening.open([ct_study])
    row = next(row for row, each in enumerate(opened.session.studies) if each.modality == "CT")
    opened.library.show_study(row)
    assert compare.pane_grid.grid is None
    opened.window.film_commands.choose_grid((2, 2))
    opened.library.show_study(row - 1 if row else 1)
    assert compare.pane_grid.grid == (1, 3)
    again = make_application(
        opened.folders.home, Settings(device="cpu", notice_seen=True, layouts=opened.settings.now.layouts)
    )
    again.library.refresh()
    again.library.show_study(row)
    assert again.window.compare.pane_grid.grid == (2, 2)


def test_that_kept_layouts_that_make_no_sense_are_left_out() -> None:
    layouts = PaneLayouts(["CT 2x3", "MR 9x9", "US twoxthree", "", "- 1x2", "A B 1x1"])
    assert layouts.lines() == ("- 1x2", "A B 1x1", "CT 2x3")
    assert layouts.of("") == (1, 2)
    assert layouts.of("MR") is None


@pytest.mark.parametrize("grid", GRIDS)
def test_that_no_layout_has_more_than_twelve_panes(grid: tuple[int, int]) -> None:
    assert 1 <= grid[0] * grid[1] <= 12
