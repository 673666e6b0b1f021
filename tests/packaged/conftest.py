"""The packaged application as its users have it: run by itself, without Python, checkout or network.

`pytest tests/packaged [--bundle=DIR]` (`make package-check`); the folder is that of `make package`, or installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gdcm
import pytest

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--bundle=DIR`: the folder that holds the executable; `--windows=DIR`: keep the pictures of the window."""
    parser.addoption("--bundle", type=Path, default=ROOT / "dist" / "xferviewer", metavar="DIR")
    parser.addoption("--windows", type=Path, metavar="DIR", help="write the pictures of the packaged window here")


# A network of its own without any interface but a loopback that is down; over whatever Python is installed here, and
# over the checkout, an empty folder. The bundle itself is seen at another place, as after an installation.
_ALONE = """
set -e
mount --bind "$1" "$2"
nowhere=$3
shift 3
while [ "$1" != -- ]; do mount -t tmpfs none "$1"; shift; done
shift
export PATH="$nowhere"
exec "$@"
"""


@dataclass(frozen=True)
class Packaged:
    """Runs the packaged application alone; `home` is the home of its user, whose name is not ASCII."""

    bundle: Path
    place: Path
    home: Path

    def start(self, *words: object, **environment: str) -> subprocess.Popen[bytes]:
        """`xferviewer WORDS`, running; its process id is that of the application itself."""
        nowhere = self.home / "no programs"  # all that is on the application's PATH
        nowhere.mkdir(exist_ok=True)
        pythons = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix)} - {Path("/usr")}
        hidden = [ROOT, *sorted(place for place in pythons if not place.is_relative_to(ROOT))]
        places = [str(self.bundle), str(self.place), str(nowhere), *map(str, hidden)]
        unshare = ["unshare", "--net", "--mount", *(["--map-root-user"] if os.geteuid() else [])]
        return subprocess.Popen(
            [*unshare, "/bin/sh", "-c", _ALONE, "sh", *places, "--", str(self.place / "xferviewer"), *map(str, words)],
            env={"PATH": os.defpath, "HOME": str(self.home), "LANG": "C.UTF-8", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
        )

    def run(self, *words: object, seconds: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
        """`xferviewer WORDS` to its end."""
        process = self.start(*words, **environment)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(list(map(str, words)), process.returncode, output.decode(), errors.decode())

    def json(self, *words: object, **environment: str) -> dict[str, Any]:
        """What `xferviewer WORDS --json` prints; it has to end well."""
        done = self.run(*words, "--json", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed


@pytest.fixture(scope="session")
def packaged(request: pytest.FixtureRequest) -> Iterator[Packaged]:
    """The bundle that --bundle names. It has to be there: a check that skips what it is for checks nothing."""
    bundle = request.config.getoption("bundle").resolve()
    assert (bundle / "xferviewer").is_file(), f"{bundle} holds no xferviewer; make package makes it"
    # below /var/tmp, because the checkout may lie below /tmp and is hidden
    with tempfile.TemporaryDirectory(prefix="xferviewer-", dir="/var/tmp") as folder:
        home = Path(folder) / "Zoë Müller 北"
        home.mkdir()
        place = Path(folder) / "installed here"
        place.mkdir()
        yield Packaged(bundle, place, home)


def make_jpeg_lossless(path: Path) -> None:
    """Compress an uncompressed DICOM file anew, by gdcm, which has an encoder for it."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


@pytest.fixture(scope="session")
def films(packaged: Packaged) -> Path:
    """32 phantom films with their labels, written by the bundle itself in two processes: eight of each compression.

    One of the uncompressed ones is then made JPEG lossless by gdcm, which has an encoder for it.
    """
    folder = packaged.home / "films"
    words = ["phantom", "--out", folder, "--count", 32, "--seed", 7, "--site", "A", "--size", 256, "--workers", 2]
    done = packaged.run(*words, "--without-masks")
    assert done.returncode == 0, done.stderr
    written = sorted((folder / "images").glob("*.dcm"))
    assert len(written) == 32
    make_jpeg_lossless(written[4])
    return folder


def wait_until(true: Callable[[], bool], seconds: float = 120) -> None:
    """Returns as soon as `true()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
