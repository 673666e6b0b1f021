"""Which map: a button that names the method, with a menu of methods, layers and smoothing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QLineEdit, QMenu, QToolButton, QWidget, QWidgetAction

from xferviewer.gui.session import Session
from xferviewer.saliency_methods import LAYER_SETS, METHODS, SMOOTHINGS, MapChoice, Method, Smoothing


class MapMenu(QToolButton):
    """Shows and sets the session's map choice."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setAccessibleName(self.tr("Method, layers and smoothing of the maps"))
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.setMenu(menu)
        self.methods = QActionGroup(menu)
        for method, facts in METHODS.items():
            notes = [self.tr("the same for every finding")] if facts.class_agnostic else []
            notes += [self.tr("slow")] if facts.slow else []
            text = f"{facts.title} ({', '.join(notes)})" if notes else facts.title
            self._add(menu, self.methods, text, method, facts.about).triggered.connect(partial(self._choose, method))
        menu.addSeparator()
        layers = menu.addMenu(self.tr("Layers"))
        self.layers = QActionGroup(layers)
        for name, text in LAYER_SETS.items():
            self._add(layers, self.layers, text, name).triggered.connect(partial(self._set_layers, name))
        self.layer_names = QLineEdit()
        self.layer_names.setPlaceholderText(self.tr("layer3, layer4"))
        self.layer_names.setAccessibleName(self.tr("Layers by their names in the network, with commas"))
        self.layer_names.setToolTip(self.tr("Names of the network's layers, with commas: their maps are averaged"))
        self.layer_names.returnPressed.connect(self._set_layer_names)
        typed = QWidgetAction(layers)
        typed.setDefaultWidget(self.layer_names)
        layers.addAction(typed)
        smoothing = menu.addMenu(self.tr("Smoothing"))
        self.smoothing = QActionGroup(smoothing)
        for name, text in SMOOTHINGS.items():
            self._add(smoothing, self.smoothing, text, name).triggered.connect(partial(self._set_smoothing, name))
        self._layers_menu = layers
        session.maps.choice_changed.connect(self._show)
        self._show()

    def _add(self, menu: QMenu, group: QActionGroup, text: str, data: str, about: str = "") -> QAction:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setData(data)
        action.setToolTip(about or text)
        group.addAction(action)
        return action

    def _choose(self, method: Method, _checked: bool = False) -> None:
        """Another method keeps layers and smoothing, as far as it has them."""
        choice = self._session.maps.choice
        smoothing = choice.smoothing
        if not METHODS[method].takes_eigen:
            smoothing = "augmented" if smoothing in ("augmented", "both") else "none"
        self._session.maps.choose(MapChoice(method, choice.layers, smoothing))

    def _set_layers(self, layers: str, _checked: bool = False) -> None:
        self._session.maps.choose(replace(self._session.maps.choice, layers=layers))

    def _set_smoothing(self, smoothing: Smoothing, _checked: bool = False) -> None:
        self._session.maps.choose(replace(self._session.maps.choice, smoothing=smoothing))

    @Slot()
    def _set_layer_names(self) -> None:
        names = ",".join(name.strip() for name in self.layer_names.text().split(",") if name.strip())
        if names:
            self._set_layers(names)
            self.menu().close()

    @Slot()
    def _show(self) -> None:
        choice = self._session.maps.choice
        facts = choice.facts
        for group, value in ((self.methods, choice.method), (self.layers, choice.layers),
                             (self.smoothing, choice.smoothing)):  # fmt: skip
            for action in group.actions():
                action.setChecked(action.data() == value)
        for action in self.smoothing.actions():
            action.setEnabled(facts.takes_eigen or action.data() not in ("eigen", "both"))
        self._layers_menu.setEnabled(facts.takes_layers)
        if choice.layers not in LAYER_SETS:
            self.layer_names.setText(choice.layers)
        unusual = choice.smoothing != "none" or (facts.takes_layers and choice.layers != "standard")
        self.setText(facts.title + ("*" if unusual else ""))
        parts = [facts.about]
        if facts.takes_layers:
            parts.append(self.tr("Layers: {0}.").format(LAYER_SETS.get(choice.layers, choice.layers)))
        if choice.smoothing != "none":
            parts.append(self.tr("Smoothing: {0}.").format(SMOOTHINGS[choice.smoothing]))
        self.setToolTip("\n".join(parts))
