"""Images read in other processes are the images; a file that brings its decoder down costs itself alone."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from xferviewer.errors import UnreadableImage
from xferviewer.studies.image import Image, OverlayPlane
from xferviewer.studies.images import read_image
from xferviewer.studies.reading_processes import ReadingProcesses
from xferviewer.studies.voi import VoiLut, Window


def differing(one: Image, other: Image) -> list[str]:
    """The fields in which two images differ, to the bit."""

    def same(a: object, b: object) -> bool:
        if isinstance(a, np.ndarray):
            return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        if isinstance(a, tuple):
            return isinstance(b, tuple) and len(a) == len(b) and all(map(same, a, b))
        if isinstance(a, VoiLut | OverlayPlane):
            return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
        return type(a) is type(b) and a == b

    return [field.name for field in fields(one) if not same(getattr(one, field.name), getattr(other, field.name))]


def test_that_films_of_every_transfer_syntax_come_over_to_the_bit(cohort):
    films = sorted(cohort.rglob("*.dcm"))[:8]
    with ReadingProcesses(1) as reading:
        for film in films:
            assert differing(read_image(film), reading.read(film)) == []


# What no file of the cohort has: every field away from its default.
_RARE = """
import sys
import numpy as np
from xferviewer.studies import reading_processes
from xferviewer.studies.image import Image, ImageFacts, OverlayPlane, Pyramid
from xferviewer.studies.voi import VoiLut, Window
{made}
reading_processes.read_image = lambda path, frame: made()
sys.exit(reading_processes.main(sys.argv[-1:]))
"""
_MADE = """
def made():
    return Image(
        pixels=np.array([[0.1, np.nan], [-np.inf, 3e38]], np.float32), unit="HU",
        windows=(Window(0.1, 1e300, "SIGMOID", "Lunge ä"),), voi_lut=VoiLut(-3, np.array([0.0, 1 / 3, 1.0]), "x"),
        inverted=True, spacing_mm=(0.1, 1 / 3), orientation=("L", "F"), identity="1.2#3", frame=3, frames=9,
        facts=ImageFacts(age=1 / 3, sex="F"), padding=-2000.5, padding_limit=float("inf"),
        profile=bytes(range(256)), pyramid=Pyramid(((90, 120), (45, 60)), 1 / 3),
        overlays=(OverlayPlane(np.eye(2, dtype=bool), "region", "Herz ä"), OverlayPlane(np.ones((2, 2), bool))),
        spacing_source="at the detector", pixel_aspect=1 / 3, frames_per_second=29.97,
    )
"""


def _reader(tmp_path: Path, body: str) -> list[str]:
    script = tmp_path / "reader.py"
    script.write_text(body, encoding="utf-8")
    return [sys.executable, str(script)]


def test_that_every_field_of_an_image_comes_over(tmp_path):
    made: dict[str, object] = {}
    exec("import numpy as np\nfrom xferviewer.studies.image import *\n" + _MADE, made)
    made.update(VoiLut=VoiLut, Window=Window)
    command = _reader(tmp_path, _RARE.format(made=_MADE))

    with ReadingProcesses(1, command) as reading:
        read = reading.read(tmp_path, 0)

    expected = made["made"]()  # type: ignore[operator]
    assert differing(expected, read) == []
    assert differing(replace(expected, frames=8), read) == ["frames"]


def test_that_refusals_come_over_in_three_parts(tmp_path):
    (tmp_path / "notes.dcm").write_text("no film")
    with ReadingProcesses(1) as reading:
        for path in (tmp_path / "notes.dcm", tmp_path / "absent.dcm"):
            with pytest.raises(UnreadableImage) as here:
                read_image(path)
            with pytest.raises(UnreadableImage) as there:
                reading.read(path)
            assert str(there.value) == str(here.value)


# Files whose name says what their decoder does.
_MOODY = """
import os, sys, time
import numpy as np
from xferviewer.studies import reading_processes
from xferviewer.studies.image import Image, ImageFacts
def read_image(path, frame):
    if path.name == "crash":
        os.abort()
    if path.name == "hang" or (path.name == "hang once" and not path.exists()):
        path.touch()
        time.sleep(600)
    print("what decoders print on standard output is no answer")
    return Image(np.zeros((2, 3), np.uint8), "", (), None, False, None, None, path.name, 0, 1, ImageFacts())
reading_processes.read_image = read_image
sys.exit(reading_processes.main(sys.argv[-1:]))
"""


def test_that_a_file_that_crashes_its_decoder_costs_itself_alone(tmp_path):
    with ReadingProcesses(1, _reader(tmp_path, _MOODY)) as reading:
        assert reading.read(tmp_path / "a").identity == "a"
        with pytest.raises(UnreadableImage, match="crashed"):
            reading.read(tmp_path / "crash")
        assert reading.read(tmp_path / "b").identity == "b"


def test_that_a_file_that_holds_its_decoder_is_given_up_and_tried_twice(tmp_path):
    with ReadingProcesses(1, _reader(tmp_path, _MOODY), most_seconds=2.0) as reading:
        with pytest.raises(UnreadableImage, match="still at work after 2 s"):
            reading.read(tmp_path / "hang")
        assert reading.read(tmp_path / "hang once").identity == "hang once"


def test_that_an_interruption_ends_waiting_reads_at_once_and_for_good(tmp_path):
    refused: list[UnreadableImage] = []

    def read(reading: ReadingProcesses) -> None:
        try:
            reading.read(tmp_path / "hang")
        except UnreadableImage as error:
            refused.append(error)

    with ReadingProcesses(2, _reader(tmp_path, _MOODY)) as reading:
        waiting = threading.Thread(target=read, args=(reading,))
        waiting.start()
        while not (tmp_path / "hang").exists():
            time.sleep(0.01)
        reading.interrupt()
        waiting.join(10)
        assert len(refused) == 1
        with pytest.raises(UnreadableImage):
            reading.read(tmp_path / "a")
