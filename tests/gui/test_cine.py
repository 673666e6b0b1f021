"""Cine: at the rate that the file states, of all panes or of the one in focus, and back to where it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid
from pytestqt.qtbot import QtBot

from xferviewer.gui.app import Application
from xferviewer.settings import read_settings, settings_file

LONG = 120_000


@pytest.fixture
def clip(make_application: Callable[..., Application], tmp_path: Path, qtbot: QtBot) -> Application:
    """The window on an ultrasound clip of six frames, one each 40 ms, its pixels a third higher than wide."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.PatientID = "US", "clip"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 60, 80, 6
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelAspectRatio = [4, 3]
    dataset.FrameTime = 40.0
    frames = np.zeros((6, 60, 80), np.uint8)
    for number in range(6):
        frames[number, :, 10 * number : 10 * number + 10] = 200
    dataset.PixelData = frames.tobytes()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    folder = tmp_path / "clip"
    folder.mkdir()
    dcmwrite(folder / "clip.dcm", dataset, enforce_file_format=True)
    application = make_application()
    application.window.show()
    with qtbot.waitSignal(application.library.index_finished, timeout=LONG):
        application.opening.open([folder])
    qtbot.waitUntil(lambda: application.window.compare.image is not None, timeout=LONG)
    return application


def frames(application: Application) -> list[int]:
    compare = application.window.compare
    return [shown.frame for shown in map(compare.standing.shown, range(len(compare.panes))) if shown is not None]


def test_that_a_clip_is_played_at_the_rate_of_its_file_and_a_person_may_change_it(
    clip: Application, qtbot: QtBot
) -> None:
    actions, cine = clip.window.actions_by_name, clip.window.tool_commands.cine
    assert (cine.stated, cine.per_second) == (25, 12)
    actions["cine"].trigger()
    words = clip.window.tool_commands.cine_words
    assert words.isVisible()
    assert words.text() == "25 frames a second, as the file says"
    assert cine._timer.interval() == 40
    actions["cine_faster"].trigger()
    assert cine._timer.interval() == round(1000 / 31)
    assert words.text() == "31 frames a second"
    assert read_settings(settings_file())[0].cine_per_second == 12  # that of files that say nothing
    actions["cine"].trigger()
    assert not words.isVisible()


def test_that_the_frame_that_was_reached_stands_in_the_pane_where_it_was_seen(clip: Application, qtbot: QtBot) -> None:
    compare, cine = clip.window.compare, clip.window.tool_commands.cine
    clip.window.film_commands.choose_grid((1, 3))
    qtbot.waitUntil(lambda: all(compare.standing.raster(pane) for pane in range(3)), timeout=LONG)
    compare.step_focus(2)
    assert (compare.focus, frames(clip)) == (2, [0, 1, 2])
    cine.toggle()
    qtbot.waitUntil(lambda: frames(clip)[0] == 2, timeout=LONG)
    seen = frames(clip)
    cine.toggle()
    assert frames(clip) == seen
    assert all(look.ahead == 0 for look in compare.looks)


def test_that_one_pane_alone_plays_where_frames_are_not_linked(clip: Application, qtbot: QtBot) -> None:
    compare, cine = clip.window.compare, clip.window.tool_commands.cine
    clip.window.film_commands.choose_grid((1, 2))
    qtbot.waitUntil(lambda: all(compare.standing.raster(pane) for pane in range(2)), timeout=LONG)
    clip.window.actions_by_name["link_frame"].trigger()
    compare.step_focus(1)
    cine.toggle()
    qtbot.waitUntil(lambda: frames(clip)[1] == 0, timeout=LONG)  # it has gone round
    qtbot.waitUntil(lambda: frames(clip)[1] == 3, timeout=LONG)
    cine.toggle()
    stopped = frames(clip)
    qtbot.wait(100)
    assert frames(clip) == stopped
    assert stopped[0] == 0


def test_that_pixels_have_their_true_shape_on_the_screen_also_turned(clip: Application, qtbot: QtBot) -> None:
    compare, film = clip.window.compare, clip.window.compare.panes[0]
    assert compare.image.pixel_height == pytest.approx(4 / 3)
    for turns in range(2):
        wide, high = film.box.viewPixelSize()  # of a pixel of the screen, in pixels of the film
        assert wide / high == pytest.approx(4 / 3 if not turns else 3 / 4, rel=1e-3)
        assert film.box.viewRect().contains(compare.looks.part(0).adjusted(0.1, 0.1, -0.1, -0.1))
        clip.window.actions_by_name["turn_clockwise"].trigger()
    whole = replace(compare.image, spacing_mm=(0.5, 2.0))
    assert whole.pixel_height == 0.25  # what is measured goes before what is said of the shape
