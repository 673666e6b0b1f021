"""Colours and fonts of the window: Fusion with a palette of our own, read from `resources/themes/`.

`QStyleHints.setColorScheme` does nothing on the offscreen platform, so the palette is always set explicitly.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields

from PySide6.QtGui import QColor, QFont, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from xferviewer.resources import resource

GRID = 4
"""All margins and gaps are multiples of this many pixels."""

_BASE_POINT_SIZE = 11


@dataclass(slots=True, eq=False)
class Theme:
    """The colours of the window, as `#rrggbb`; `check` is the path of the picture in a box that is ticked.

    One object for the whole window: what paints itself reads it each time, what keeps pens takes them anew when Qt
    tells of another palette. So another theme holds at once (docs/decisions/0135).
    """

    window: str
    panel: str
    raised: str
    line: str
    text: str
    faint: str
    accent: str
    on_accent: str
    warning: str
    error: str
    film: str
    film_text: str
    film_faint: str
    film_warning: str
    check: str

    def become(self, other: Theme) -> None:
        """Take the colours of another theme; `apply` then tells all that is painted."""
        for field in fields(self):
            setattr(self, field.name, getattr(other, field.name))


def read_theme(name: str) -> Theme:
    """The theme `resources/themes/NAME.toml`, and the file of its check mark."""
    colours = tomllib.loads(resource(f"themes/{name}.toml").read_text(encoding="utf-8"))
    return Theme(**colours, check=resource(f"themes/check-{name}.svg").as_posix())


def small_font() -> QFont:
    """One step below the base size: corner text, table details."""
    font = QFont(QApplication.font())
    font.setPointSize(_BASE_POINT_SIZE - 2)
    return font


def heading_font() -> QFont:
    """One step above the base size, bold: what a panel is about."""
    font = QFont(QApplication.font())
    font.setPointSize(_BASE_POINT_SIZE + 1)
    font.setBold(True)
    return font


def swatch(colour: str) -> QPixmap:
    """A square of a checkpoint's colour, to stand beside its name: a name in it is too pale on a light ground."""
    square = QPixmap(3 * GRID, 3 * GRID)
    square.fill(QColor(colour))
    return square


def apply(application: QApplication, theme: Theme) -> None:
    """Style the application: Fusion, our palette, one base font size, one sheet for what a palette cannot say."""
    application.setStyle("Fusion")
    application.setPalette(_palette(theme))
    font = application.font()
    font.setPointSize(_BASE_POINT_SIZE)
    application.setFont(font)
    application.setStyleSheet(_style_sheet(theme))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for target, colour in {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.panel,
        role.AlternateBase: theme.raised,
        role.Text: theme.text,
        role.PlaceholderText: theme.faint,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.error,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Highlight: theme.accent,
        role.HighlightedText: theme.on_accent,
        role.Accent: theme.accent,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Light: theme.line,
        role.Midlight: theme.line,
        role.Mid: theme.line,
        role.Dark: theme.window,
        role.Shadow: theme.film,
    }.items():
        palette.setColor(target, QColor(colour))
    for target in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, target, _between(theme.line, theme.faint))
    return palette


def _between(one: str, other: str) -> QColor:
    """The colour half way between two."""
    a, b = QColor(one), QColor(other)
    return QColor((a.red() + b.red()) // 2, (a.green() + b.green()) // 2, (a.blue() + b.blue()) // 2)


def _style_sheet(theme: Theme) -> str:
    """Only what Fusion does not take from the palette; no widget has a sheet of its own."""
    return f"""
        QDockWidget {{ font-weight: bold; }}
        QDockWidget::title {{ background: {theme.window}; padding: {GRID}px {2 * GRID}px; }}
        Perspective > QTabBar {{ font-size: {_BASE_POINT_SIZE - 2}pt; }}
        QMainWindow::separator {{ background: {theme.window}; width: {GRID}px; height: {GRID}px; }}
        QToolTip {{ background: {theme.raised}; color: {theme.text}; border: 1px solid {theme.line};
                    padding: {GRID}px; }}
        QHeaderView::section {{ background: {theme.window}; border: none;
                                border-bottom: 1px solid {theme.line}; padding: {GRID}px; }}
        QTableView {{ gridline-color: {theme.window}; border: none; selection-background-color: {theme.raised};
                      selection-color: {theme.text}; }}
        QListView {{ selection-background-color: {theme.raised}; selection-color: {theme.text}; }}
        QCheckBox::indicator, QGroupBox::indicator, QAbstractItemView::indicator {{
            width: {3 * GRID}px; height: {3 * GRID}px; border: 1px solid {theme.faint}; border-radius: 2px;
            background: {theme.panel}; }}
        QCheckBox::indicator:checked, QGroupBox::indicator:checked, QAbstractItemView::indicator:checked {{
            background: {theme.accent}; border-color: {theme.accent}; image: url({theme.check}); }}
        QCheckBox::indicator:disabled, QGroupBox::indicator:disabled {{ border-color: {theme.line}; }}
        QCheckBox::indicator:focus {{ border-color: {theme.accent}; }}
        QTableView:focus {{ border: 1px solid {theme.accent}; }}
        QToolButton#perspective {{ border: none; padding: {GRID}px {3 * GRID}px; color: {theme.faint}; }}
        QToolButton#perspective:checked {{ color: {theme.text}; border-bottom: 2px solid {theme.accent}; }}
        QToolButton#perspective:focus {{ background: {theme.raised}; }}
        QToolButton#device {{ border: none; padding: {GRID}px {4 * GRID}px {GRID}px {2 * GRID}px;
                              color: {theme.faint}; }}
        QToolButton#device:hover, QToolButton#device:focus {{ background: {theme.raised}; color: {theme.text}; }}
        QLabel#faint {{ color: {theme.faint}; }}
        QLabel#notice {{ color: {theme.warning}; }}
        QLabel#fault {{ color: {theme.error}; }}
        QLabel#seen {{ background: {theme.film}; }}
        QLabel#corner {{ color: {theme.film_text}; background: rgba(0, 0, 0, 170); }}
        QFrame#pane QLabel#notice {{ color: {theme.film_warning}; background: rgba(0, 0, 0, 170); }}
        QFrame#pane QLabel#faint {{ color: {theme.film_faint}; background: rgba(0, 0, 0, 170); }}
        QFrame#caseList {{ background: {theme.raised}; border-left: 2px solid {theme.accent}; }}
        QFrame#toast {{ background: {theme.raised}; border: 1px solid {theme.line}; border-radius: {GRID}px; }}
        QWidget#films {{ background: {theme.film}; }}
        QFrame#pane {{ background: {theme.film}; border: 1px solid {theme.line}; }}
        QFrame#pane[active="true"] {{ border: 1px solid {theme.accent}; }}
    """
