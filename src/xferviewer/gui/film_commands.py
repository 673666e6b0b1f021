"""What menus and keys do to films, maps and panes: every action of the menus Film, Window and Links, and layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QInputDialog

from xferviewer.gui.kept_settings import KeptSettings
from xferviewer.gui.own_windows import own_window, own_window_lines, with_window
from xferviewer.gui.pane_layouts import Grid, PaneLayouts
from xferviewer.gui.pictures import Pictures
from xferviewer.gui.session import Session
from xferviewer.gui.turn import Turn
from xferviewer.gui.views.compare import LINKS, CompareView
from xferviewer.gui.windowing import auto_level, window_words
from xferviewer.studies.images import Image, Window

_MOST_PRESETS = 9
_KEPT_AFTER_MS = 300  # a slider that is moved is written once
_SAID = ("all", "minimal", "none")


class FilmCommands(QObject):
    """Handlers by the names of their actions; the ticks of those that can be on or off."""

    told = Signal(str)

    def __init__(self, session: Session, compare: CompareView, kept: KeptSettings, parent: QObject | None) -> None:
        super().__init__(parent)
        self._session = session
        self._compare = compare
        self._kept = kept
        self._actions: Mapping[str, QAction] = {}
        self._layouts = PaneLayouts(kept.now.layouts)
        self.pictures = Pictures(compare.films)
        compare.set_said(kept.now.corner_text)
        session.image_changed.connect(self._lay_out)
        compare.film_bar.grid_chosen.connect(self.choose_grid)
        compare.looks.links_changed.connect(self._keep_links)
        self._keep_display_later = QTimer(self, singleShot=True, interval=_KEPT_AFTER_MS)
        self._keep_display_later.timeout.connect(self._keep_display)
        session.display_changed.connect(self._keep_display_later.start)

    def handlers(self) -> dict[str, Callable[[], object]]:
        """What to call for each action."""
        compare = self._compare
        return {
            "overlay": partial(self._toggle, "overlay_visible"),
            "difference": partial(self._toggle, "difference"),
            "regions": partial(self._toggle, "regions_visible"),
            "map_style": partial(_next, compare.overlay_bar.style_box),
            "map_scale": partial(_next, compare.overlay_bar.scale),
            "inputs": partial(self._toggle, "inputs_visible"),
            "planes": partial(self._toggle, "planes_visible"),
            "corner_text": self._say_less,
            "copy_picture": self.pictures.copy,
            "save_picture": self.pictures.save,
            "choose_layout": compare.film_bar.layout_button.showMenu,
            "layout_auto": partial(self.choose_grid, None),
            "next_pane": compare.step_focus,
            "previous_pane": partial(compare.step_focus, -1),
            "maximise": compare.maximise,
            "fit": compare.fit,
            "zoom_in": partial(compare.zoom, 1.25),
            "zoom_out": partial(compare.zoom, 0.8),
            "turn_clockwise": partial(compare.turn, _clockwise),
            "turn_back": partial(compare.turn, _anticlockwise),
            "mirror_sideways": partial(compare.turn, Turn.mirrored_sideways),
            "mirror_upright": partial(compare.turn, Turn.mirrored_upright),
            "invert": compare.invert,
            "auto_level": self._auto_level,
            **{f"preset_{n + 1}": partial(self.use_preset, n) for n in range(_MOST_PRESETS)},
            "keep_window": self.ask_name_of_window,
            "drag_up": self._turn_drag_round,
            "film_menu": compare.film_bar.show_menu,
            "link_all": self._link_all,
            **{f"link_{what}": partial(self._toggle_link, what) for what in LINKS},
        }

    def show_ticks(self, actions: Mapping[str, QAction]) -> None:
        """Tick the actions that are on, now and when they change."""
        self._actions = actions
        actions["drag_up"].setChecked(not self._compare.gestures.up_is_brighter)
        self._tick_links()

    def use_preset(self, place: int) -> None:
        """Show the film in focus in the window that stands at this place of its presets, from 0."""
        offered = self._compare.presets()
        if place < len(offered):
            self._compare.set_window(offered[place].window)

    def _say_less(self) -> None:
        """All text, then the least, then none, then all again."""
        said = _SAID[(_SAID.index(self._compare.said) + 1) % len(_SAID)]
        self._compare.set_said(said)
        self._kept.keep(corner_text=said)

    # --- layouts

    @Slot(object)
    def choose_grid(self, grid: Grid | None) -> None:
        """Use this layout for the modality of the shown study, now and at later starts."""
        self._layouts.choose(self._modality(), grid)
        self._kept.keep(layouts=self._layouts.lines())
        self._compare.set_grid(grid)

    @Slot()
    def _lay_out(self) -> None:
        if self._session.shown is not None:
            self._compare.set_grid(self._layouts.of(self._modality()))

    def _modality(self) -> str:
        shown = self._session.shown
        return shown.image.modality if shown is not None else ""

    # --- windows

    def _auto_level(self) -> None:
        raster = self._compare.standing.raster(self._compare.focus)
        if raster is not None and not raster.image.is_colour:
            self._compare.set_window(auto_level(raster).window)

    def ask_name_of_window(self) -> QInputDialog | None:
        """Ask under which name the window of the film in focus is to be kept; colour and tables have none to keep."""
        image, chosen = self._compare.image, self._compare.looks[self._compare.focus].window
        if image is None or image.is_colour or (chosen is None and image.voi_lut is not None):
            self.told.emit(
                self.tr("There is no window to keep: the film is in colour, or shown by a table of its file.")
            )
            return None
        window = replace(chosen or image.default_window(), explanation="")
        modality, unit = image.facts.modality or self.tr("no modality"), image.unit or self.tr("stored values")
        dialog = QInputDialog(self._compare)
        dialog.setWindowTitle(self.tr("Keep this window"))
        dialog.setLabelText(
            self.tr("{0}, for films of {1} in {2}. Its name:").format(window_words(image, window), modality, unit)
        )
        dialog.textValueSelected.connect(partial(self._keep_window, image, window))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        return dialog

    def _keep_window(self, image: Image, window: Window, name: str) -> None:
        try:
            own = own_window(name, image, window)
        except ValueError:
            self.told.emit(self.tr("The window was not kept: it has no name."))
            return
        self._compare.own_windows = with_window(self._compare.own_windows, own)
        self._kept.keep(window_presets=own_window_lines(self._compare.own_windows))
        self._compare.set_window(own.window)
        self.told.emit(self.tr("The window is kept as “{0}”.").format(own.name))

    def _toggle(self, what: str) -> None:
        display = self._session.display
        turned: dict[str, Any] = {what: not getattr(display, what)}
        self._session.set_display(replace(display, **turned))

    @Slot()
    def _keep_display(self) -> None:
        display = self._session.display
        self._kept.keep(colour_map=display.colour_map, overlay_opacity=display.overlay_opacity)

    def _turn_drag_round(self) -> None:
        self._compare.gestures.up_is_brighter = not self._compare.gestures.up_is_brighter
        self._kept.keep(drag_up="brighter" if self._compare.gestures.up_is_brighter else "darker")

    # --- links

    def _toggle_link(self, what: str) -> None:
        looks = self._compare.looks
        looks.link(what, linked=what not in looks.linked)

    def _link_all(self) -> None:
        """In everything, unless they are."""
        looks = self._compare.looks
        linked = looks.linked != frozenset(LINKS)
        for what in LINKS:
            looks.link(what, linked=linked)

    @Slot()
    def _keep_links(self) -> None:
        self._tick_links()
        self._kept.keep(unlinked=tuple(what for what in LINKS if what not in self._compare.looks.linked))

    def _tick_links(self) -> None:
        for what in LINKS:
            self._actions[f"link_{what}"].setChecked(what in self._compare.looks.linked)


def _next(box: QComboBox) -> None:
    """The next choice of a box, round and round."""
    box.setCurrentIndex((box.currentIndex() + 1) % box.count())


def _clockwise(turn: Turn) -> Turn:
    return turn.turned(1)


def _anticlockwise(turn: Turn) -> Turn:
    return turn.turned(-1)
