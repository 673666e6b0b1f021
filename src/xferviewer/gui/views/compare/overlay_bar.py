"""Controls of the overlay: on/off, opacity, cut-off, colour map and scale. None of them touches the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QLabel, QSlider, QSpinBox, QWidget

from xferviewer.gui.colour_maps import COLOUR_MAPS, MISLEADING
from xferviewer.gui.session import Session
from xferviewer.gui.theme import GRID
from xferviewer.gui.views.compare.map_menu import MapMenu


class OverlayBar(QWidget):
    """One line below the panes; what is set holds for all of them."""

    def __init__(self, session: Session, strongest: Callable[[], float], parent: QWidget | None = None) -> None:
        """`strongest`: the strength of the strongest of the shown maps, 0 where there is none."""
        super().__init__(parent)
        self._strongest = strongest
        self._session = session
        self._showing = False
        layout = QHBoxLayout(self)
        layout.setContentsMargins(2 * GRID, GRID // 2, 2 * GRID, GRID // 2)
        layout.setSpacing(2 * GRID)
        self.visible_box = QCheckBox(self.tr("Map"))
        self.visible_box.setToolTip(self.tr("Show the saliency map (O); hold H to look under it"))
        self.maps = MapMenu(session)
        self.opacity, opacity_slider = self._percent(self.tr("Opacity"))
        self.cut_off, cut_off_slider = self._percent(self.tr("Cut-off"))
        self.colour_map = QComboBox()
        self.colour_map.setAccessibleName(self.tr("Colour map"))
        for name, note in COLOUR_MAPS.items():
            self.colour_map.addItem(f"{name} ⚠" if name in MISLEADING else name, name)
            self.colour_map.setItemData(self.colour_map.count() - 1, note, Qt.ItemDataRole.ToolTipRole)
        self.scale = QComboBox()
        self.scale.setAccessibleName(self.tr("Scale of the maps"))
        self.scale.addItem(self.tr("scale: own"), "own")
        self.scale.addItem(self.tr("scale: shared"), "shared")
        self.scale.addItem(self.tr("scale: fixed"), "fixed")
        self.style_box = QComboBox()
        self.style_box.setAccessibleName(self.tr("Colours or contour"))
        for text, style in (("colours", "colours"), ("contour", "contour"), ("both", "both")):
            self.style_box.addItem(self.tr(text), style)
        self.style_box.setToolTip(self.tr("The contour runs where the map crosses the cut-off"))
        self.fixed = QDoubleSpinBox(maximum=1e9, minimum=1e-6, decimals=6)
        self.fixed.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.fixed.setAccessibleName(self.tr("Strength that is the top of the fixed scale"))
        self.fixed.setToolTip(self.tr("A map as strong as this reaches the top of the colours, in every image"))
        self.scale.setToolTip(
            self.tr("Own: each map's maximum is 1, so maps of two checkpoints cannot be compared in strength. "
                    "Shared: the strongest of the shown maps is 1. Fixed: one strength is 1 for all images; the "
                    "strongest of the maps shown when it is chosen, until you set another.")
        )  # fmt: skip
        for widget in (self.visible_box, self.maps):
            layout.addWidget(widget)
        for text, slider, number in (
            (self.tr("Opacity"), opacity_slider, self.opacity),
            (self.tr("Cut-off"), cut_off_slider, self.cut_off),
        ):
            layout.addWidget(QLabel(text))
            layout.addWidget(slider, 1)
            layout.addWidget(number)
        layout.addWidget(self.colour_map)
        layout.addWidget(self.style_box)
        layout.addWidget(self.scale)
        layout.addWidget(self.fixed)
        self._show_display()
        session.display_changed.connect(self._show_display)
        self.visible_box.toggled.connect(self._changed)
        self.opacity.valueChanged.connect(self._changed)
        self.cut_off.valueChanged.connect(self._changed)
        self.colour_map.currentIndexChanged.connect(self._changed)
        self.scale.currentIndexChanged.connect(self._changed)
        self.style_box.currentIndexChanged.connect(self._changed)
        self.fixed.valueChanged.connect(self._changed)

    def _percent(self, name: str) -> tuple[QSpinBox, QSlider]:
        number = QSpinBox(maximum=100, suffix=" %")
        number.setAccessibleName(name)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setMaximum(100)
        slider.setAccessibleName(name)
        slider.setMinimumWidth(12 * GRID)
        slider.valueChanged.connect(number.setValue)
        number.valueChanged.connect(slider.setValue)
        return number, slider

    @Slot()
    def _show_display(self) -> None:
        display = self._session.display
        self._showing = True  # each control would report its change before the next one is set
        self.visible_box.setChecked(display.overlay_visible)
        self.opacity.setValue(round(100 * display.overlay_opacity))
        self.cut_off.setValue(round(100 * display.cut_off))
        self.colour_map.setCurrentIndex(self.colour_map.findData(display.colour_map))
        self.colour_map.setToolTip(COLOUR_MAPS[display.colour_map])
        self.colour_map.setAccessibleDescription(COLOUR_MAPS[display.colour_map])
        self.scale.setCurrentIndex(self.scale.findData(display.scale))
        self.style_box.setCurrentIndex(self.style_box.findData(display.map_style))
        self.fixed.setVisible(display.scale == "fixed")
        self.fixed.setValue(display.fixed_strength)
        self._showing = False

    @Slot()
    def _changed(self) -> None:
        if self._showing:
            return
        fixed, scale = self.fixed.value(), self.scale.currentData()
        if scale == "fixed" and self._session.display.scale != "fixed":
            fixed = self._strongest() or fixed
        self._session.set_display(
            replace(
                self._session.display,
                overlay_visible=self.visible_box.isChecked(),
                overlay_opacity=self.opacity.value() / 100,
                cut_off=self.cut_off.value() / 100,
                colour_map=self.colour_map.currentData(),
                scale=scale,
                fixed_strength=fixed,
                map_style=self.style_box.currentData(),
            )
        )
