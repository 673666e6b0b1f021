"""What follows when one pane is changed: films of one series that are not equally large show the same part."""

from __future__ import annotations

from PySide6.QtCore import QRectF

from xferviewer.gui.turn import Turn
from xferviewer.gui.views.compare.looks import Looks, Placed
from xferviewer.studies.voi import Window


def three() -> Looks:
    looks = Looks()
    looks.lay_out(3)
    looks.place(0, Placed(100, 200, "series"))
    looks.place(1, Placed(200, 100, "series"))
    looks.place(2, Placed(100, 200, "another"))
    return looks


def test_that_a_film_of_another_size_shows_the_same_share_of_its_width_and_height() -> None:
    looks = three()
    looks.move(0, QRectF(50, 25, 100, 50))
    assert looks.part(1) == QRectF(25, 50, 50, 100)
    assert looks.part(2) == QRectF(0, 0, 200, 100)


def test_that_the_same_holds_of_turned_films() -> None:
    looks = three()
    looks.turn(0, lambda turn: turn.turned(1))
    assert [looks[pane].turn for pane in range(3)] == [Turn(1), Turn(1), Turn()]
    looks.move(0, QRectF(0, 0, 50, 100))
    assert looks.part(1) == QRectF(0, 0, 100, 50)


def test_that_a_window_goes_to_films_of_any_size_in_the_series() -> None:
    looks = three()
    looks.set_window(1, Window(40, 400))
    assert [looks[pane].window for pane in range(3)] == [Window(40, 400), Window(40, 400), None]


def test_that_zooming_ends_where_nothing_of_the_film_could_be_told_any_more() -> None:
    looks = three()
    for factor in (0.5, 2.0):
        for _ in range(200):
            part = looks.part(0)
            looks.move(0, QRectF(part.x(), part.y(), part.width() * factor, part.height() * factor))
        assert 2 <= looks.part(0).width() <= 16 * 200
