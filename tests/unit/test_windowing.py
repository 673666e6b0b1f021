"""Windows by dragging and by presets: the same step in every pane; presets say whose they are."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.gui.film_raster import FilmRaster
from xferviewer.gui.windowing import STEPS_ACROSS, dragged, presets
from xferviewer.studies.image import Image, ImageFacts
from xferviewer.studies.voi import VoiLut, Window

RAMP = np.tile(np.arange(4096, dtype=np.int16), (64, 1))


def film(pixels: np.ndarray = RAMP, *, modality: str = "", **changes: object) -> FilmRaster:
    given = {"unit": "", "windows": (), "voi_lut": None, "inverted": False, "spacing_mm": None, "orientation": None}
    facts = ImageFacts(modality=modality)
    return FilmRaster(Image(pixels, **{**given, **changes}, identity="", frame=0, frames=1, facts=facts))


def test_that_a_pixel_of_the_screen_is_a_share_of_the_film_s_range() -> None:
    raster = film()
    once = dragged(raster, None, 1, 0, inverted=False)
    assert once.width == pytest.approx(4095 + 4095 / STEPS_ACROSS)
    assert dragged(raster, None, STEPS_ACROSS, 0, inverted=False).width == pytest.approx(2 * 4095)
    assert once.explanation == "set by hand"


def test_that_the_step_follows_the_file_s_window_where_the_range_is_far_wider() -> None:
    pixels = RAMP.astype(np.int32)
    pixels[0, 0] = 4_000_000
    raster = film(pixels, windows=(Window(500, 1000),))
    assert dragged(raster, None, 0, -1, inverted=False).centre == pytest.approx(500 + 4 * 1000 / STEPS_ACROSS)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("low_is_bright", [False, True])
@pytest.mark.parametrize("up_is_brighter", [False, True])
def test_that_up_is_brighter_or_darker_as_it_is_set_whatever_the_polarity(
    inverted: bool, low_is_bright: bool, up_is_brighter: bool
) -> None:
    raster = film(inverted=low_is_bright)
    window = dragged(raster, None, 0, 40, inverted=inverted, up_is_brighter=up_is_brighter)
    place = (0.0, 0.0, 4096.0, 64.0)
    before, after = (
        raster.on_screen(place, 64, 4096, shown, inverted=inverted).astype(int) for shown in (None, window)
    )
    change = after - before
    assert (change >= 0).all() if up_is_brighter else (change <= 0).all()
    assert change.any()


def test_that_no_drag_makes_a_window_that_the_standard_does_not_allow() -> None:
    assert dragged(film(windows=(Window(5, 10),)), None, -9999, 0, inverted=False).width == 1
    floats = film(RAMP.astype(np.float32) / 4096)
    assert dragged(floats, None, -9999, 0, inverted=False).width > 0
    flat = film(np.zeros((4, 4), np.int16))
    assert dragged(flat, None, 3, 3, inverted=False).width > 0


def test_that_the_file_s_windows_come_first_with_their_explanations() -> None:
    raster = film(
        windows=(Window(40, 400, explanation="SOFT TISSUE"), Window(-600, 1500, explanation=""), Window(1, 2))
    )
    names = [preset.name for preset in presets(raster)]
    assert names == ["SOFT TISSUE", "Window 2 of the file", "Window 3 of the file", "Auto level", "Whole range"]
    assert presets(raster)[0].window is None
    assert presets(raster)[1].window == Window(-600, 1500)


def test_that_a_table_of_the_file_is_a_preset_and_its_windows_are_still_there() -> None:
    lut = VoiLut(0, np.linspace(0, 1, 16), "HARDER")
    first, second, *_ = presets(film(voi_lut=lut, windows=(Window(40, 400, explanation="NORMAL"),)))
    assert (first.name, first.window) == ("HARDER", None)
    assert (second.name, second.window) == ("NORMAL", Window(40, 400, explanation="NORMAL"))


def test_that_windows_of_a_ct_are_offered_in_hounsfield_units_alone() -> None:
    def offered(**of: str) -> dict[str, Window | None]:
        return {preset.name: preset.window for preset in presets(film(**of))}

    lung = offered(modality="CT", unit="HU")["Lung"]
    assert (lung.centre, lung.width) == (-600, 1500)
    assert "Lung" not in offered(modality="CT", unit="")
    assert "Lung" not in offered(modality="DX", unit="HU")
    assert offered(modality="PT", unit="GML")["SUV 0 to 10"] == Window(5, 10, "LINEAR_EXACT", "SUV 0 to 10")
    assert not any(name.startswith("SUV") for name in offered(modality="PT", unit="BQML"))


def test_that_auto_level_leaves_a_hundredth_on_either_side() -> None:
    auto = next(preset.window for preset in presets(film()) if preset.name == "Auto level")
    assert auto.centre - auto.width / 2 == pytest.approx(41, abs=4)
    assert auto.centre + auto.width / 2 == pytest.approx(4054, abs=4)
    flat = next(p.window for p in presets(film(np.full((9, 9), 7, np.int16))) if p.name == "Auto level")
    assert flat.width > 0


def test_that_colour_has_no_presets() -> None:
    assert presets(film(np.zeros((4, 4, 3), np.uint8))) == []
