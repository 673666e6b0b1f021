"""Every control that the window shows is listened to, has a name, and can be reached: none is there for its looks."""

from __future__ import annotations

import pytest
from PySide6.QtCore import SIGNAL, QObject
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollBar,
    QSlider,
    QSpinBox,
    QTableWidget,
    QToolButton,
    QWidget,
)

from xferviewer.gui.app import Application
from xferviewer.gui.field import Field
from xferviewer.gui.views.import_dialog import ImportDialog
from xferviewer.studies.datasets import SOURCES

SIGNALS: dict[type[QWidget], tuple[str, ...]] = {
    QAbstractButton: ("clicked(bool)", "clicked()", "toggled(bool)", "pressed()", "triggered(QAction*)"),
    QComboBox: ("activated(int)", "currentIndexChanged(int)", "textActivated(QString)", "currentTextChanged(QString)",
                "editTextChanged(QString)"),
    QAbstractSlider: ("valueChanged(int)", "sliderMoved(int)", "sliderReleased()"),
    QSpinBox: ("valueChanged(int)", "editingFinished()"),
    QDoubleSpinBox: ("valueChanged(double)", "editingFinished()"),
    QLineEdit: ("textChanged(QString)", "textEdited(QString)", "returnPressed()", "editingFinished()"),
    QListWidget: ("currentRowChanged(int)", "itemChanged(QListWidgetItem*)", "itemClicked(QListWidgetItem*)"),
}  # fmt: skip
READ_BY_A_BUTTON = {
    "Whose threshold is set",  # beside the button that sets it: test_operating_point_panel.py
    "The same on the command line",  # copied by the button beside it, and not to be written in: test_import_dialog.py
}
BARE = (QPushButton, QToolButton, QCheckBox, QComboBox, QSlider, QSpinBox, QDoubleSpinBox, QLineEdit, QListWidget)


def listeners(widget: QObject) -> int:
    """Who hears of what a person does with a control."""
    return sum(
        widget.receivers(SIGNAL(signal))
        for kind, signals in SIGNALS.items()
        if isinstance(widget, kind)
        for signal in signals
        if widget.metaObject().indexOfSignal(signal) >= 0
    )


def controls(window: QWidget) -> list[QWidget]:
    """What a person can press, choose, slide or type, without the parts that Qt makes controls of."""
    found = []
    for widget in window.findChildren(QWidget):
        inner = isinstance(widget.parent(), (QComboBox, QSpinBox, QDoubleSpinBox, QLineEdit, QDockWidget))
        if isinstance(widget, tuple(SIGNALS)) and not isinstance(widget, QScrollBar) and not inner:
            found.append(widget)
    return found


def is_heard(widget: QWidget) -> bool:
    """More listen than to a bare control of its kind, whose own parts listen to it; or it opens a menu."""
    bare = next((kind() for kind in BARE if type(widget) is kind), None)
    own = listeners(bare) if bare is not None else 0
    if bare is not None:
        bare.deleteLater()
    opens_menu = isinstance(widget, (QToolButton, QPushButton)) and widget.menu() is not None
    return opens_menu or listeners(widget) > own


@pytest.mark.parametrize("perspective", ["read", "evaluate", "train"])
def test_that_every_control_is_listened_to_and_named(opened: Application, perspective: str) -> None:
    opened.window.show_perspective(perspective)
    found = [
        widget
        for widget in controls(opened.window)
        if widget.objectName() not in ("qt_toolbar_ext_button", "ScrollLeftButton", "ScrollRightButton")
        and not widget.objectName().startswith("qt_")
    ]
    assert len(found) > 30
    deaf = [
        f"{type(widget).__name__} {widget.accessibleName() or widget.objectName()}"
        for widget in found
        if not is_heard(widget) and widget.accessibleName() not in READ_BY_A_BUTTON
    ]
    assert not deaf


@pytest.mark.parametrize("shown", ["form", "job"])
def test_that_every_control_of_fine_tuning_is_listened_to_named_and_explained(opened: Application, shown: str) -> None:
    """Hidden ones too: those of other kinds of cohorts, heads and recipes."""
    opened.window.new_job()
    page = getattr(opened.window.training, shown)
    found = [w for w in controls(page) if not w.objectName().startswith("qt_") and "Scroll" not in w.objectName()]
    assert len(found) > (100 if shown == "form" else 8)
    deaf = [w.accessibleName() or w.objectName() or str(w) for w in found if not is_heard(w)]
    assert not deaf
    typed = (QLineEdit, QComboBox, QCheckBox, QSlider, QListWidget)
    assert not [str(w) for w in found if isinstance(w, typed) and not w.accessibleName()]
    assert not [str(w) for w in found if isinstance(w, QAbstractButton) and not (w.text() or w.accessibleName())]
    assert not [field for field in page.findChildren(Field) if not field.findChild(QLabel).toolTip()]


def test_that_every_control_of_the_data_set_dialog_is_listened_to_and_named(opened: Application) -> None:
    opened.training.datasets.ask()
    dialog = opened.training.datasets.dialog
    for source in SOURCES:
        dialog.take_source(source.key)
        found = [w for w in controls(dialog) if not w.objectName().startswith("qt_")]
        assert not [w.accessibleName() for w in found if not is_heard(w)]
        named = [w for w in found if isinstance(w, (QLineEdit, QComboBox, QCheckBox))]
        assert not [str(w) for w in named if not (w.accessibleName() or getattr(w, "text", str)())]
        assert dialog.choices.keys() == {choice.name for choice in source.choices}
        assert dialog.accepted_terms.isVisible() == bool(source.terms.text)
    dialog.reject()


def test_that_every_control_of_the_import_dialog_is_listened_to_and_named(opened: Application) -> None:
    dialog = ImportDialog(opened.session, opened.folders.home / "checkpoints", opened.window)
    found = [widget for widget in controls(dialog) if not widget.objectName().startswith("qt_")]
    assert len(found) > 25
    assert not [w.accessibleName() for w in found if not is_heard(w) and w.accessibleName() not in READ_BY_A_BUTTON]
    named = [*(w for w in found if type(w).__name__ != "QTableCornerButton"), *dialog.findChildren(QTableWidget)]
    assert not [type(widget).__name__ for widget in named if not widget.accessibleName()]
    assert not [field for field, row in dialog.fields.items() if not row.findChild(QLabel).toolTip()]
    dialog.close()
    dialog.deleteLater()


def test_that_a_control_that_nobody_listens_to_would_be_found(opened: Application) -> None:
    idle = QComboBox(opened.window)
    assert idle in controls(opened.window)
    assert not is_heard(idle)
    idle.deleteLater()
