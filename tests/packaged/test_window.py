"""The packaged window on a real X server: compressed films, maps over them, and how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageGrab
from tests.packaged.conftest import wait_until
from tests.packaged.test_jobs import descendants

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.packaged.conftest import Packaged

WIDTH, HEIGHT = 1440, 900
COMPRESSIONS = {
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS",
    "1.2.840.10008.1.2.4.90": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE",
}


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen that nobody sees. Reached by the file of its socket, which a network of one's own leaves visible."""
    reading, writing = os.pipe()
    # without -noreset the server starts anew after each last client, and refuses the next one meanwhile
    screen = ["-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp", "-dpi", "96", "-noreset"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), *screen], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        name = f":{said.readline().strip()}"
    yield name
    server.terminate()
    server.wait()


def seen(display: str) -> Image.Image:
    return ImageGrab.grab(xdisplay=display).convert("RGB")


def grey_and_warm(picture: Image.Image, left: float, right: float) -> tuple[int, int]:
    """How many pixels are grey tissue, and how many of a warm colour, which only maps have there (inferno).

    Of the height of the films, between two shares of the width.
    """
    pixels = np.asarray(picture).astype(int)[HEIGHT // 6 : HEIGHT * 3 // 4, int(WIDTH * left) : int(WIDTH * right)]
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    grey = (abs(red - green) < 6) & (abs(green - blue) < 6) & (red > 70) & (red < 250)
    warm = (red > 120) & (red - blue > 60) & (red - green > 25)
    return int(grey.sum()), int(warm.sum())


@pytest.mark.parametrize("syntax", COMPRESSIONS, ids=[name.replace(" ", "-") for name in COMPRESSIONS.values()])
def test_that_the_window_shows_a_compressed_film_with_maps(
    packaged: Packaged, films: Path, display: str, syntax: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    one = tmp_path / "one film"
    one.mkdir()
    film = next(
        path
        for path in sorted((films / "images").glob("*.dcm"))
        if pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    )
    shutil.copy(film, one)
    models = packaged.place / "_internal" / "xferviewer" / "_bundled" / "models"
    assert grey_and_warm(seen(display), 0, 1) == (0, 0)
    data = tmp_path / "home"
    data.mkdir()
    (data / "settings.toml").write_text("notice_seen = true\n")
    running = packaged.start(
        "open",
        one,
        models / "lite0-imagenet",
        models / "lite0-probe",
        DISPLAY=display,
        XFERVIEWER_HOME=str(data),
    )
    try:

        def with_maps() -> bool:
            assert running.poll() is None, running.communicate()[1].decode()
            picture = seen(display)
            panes = [grey_and_warm(picture, 0.15, 0.5), grey_and_warm(picture, 0.5, 0.85)]
            return all(grey > 10_000 and warm > 500 for grey, warm in panes)

        wait_until(with_maps, 180)
        children = " ".join(descendants(running.pid).values())
        assert " engine" in children
        if kept := request.config.getoption("windows"):
            kept.mkdir(parents=True, exist_ok=True)
            seen(display).save(kept / f"{COMPRESSIONS[syntax].replace(' ', '-')}.png")
    finally:
        left = descendants(running.pid)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    # the engine and its readers end by themselves when the window is gone, however it went
    wait_until(lambda: not any(_lives(process) for process in left), 60)


def _lives(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:  # noqa: PTH123  a name of the system
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_that_without_a_display_it_says_so_in_three_parts(packaged: Packaged) -> None:
    done = packaged.run("open")
    assert done.returncode == 2
    assert "There is no display" in done.stderr
    assert "xferviewer --help" in done.stderr
