"""Process start of the bundle against that of the checkout: to the first paint of the window, and to torch at work.

    python -m benchmarks packaged_start      needs Xvfb, and dist/xferviewer of `make package`

First starts read every file from the disk: the system is told to forget what it holds of them. Both run in turn, on the
same screen that nobody sees, and their first paint is seen from outside, by looking at the screen.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageGrab

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "dist" / "xferviewer"
RUNS = 3
COMMANDS: dict[str, Sequence[str]] = {
    "bundle": [str(BUNDLE / "xferviewer")],
    "checkout": [sys.executable, "-m", "xferviewer"],
}
FILES: dict[str, Sequence[Path]] = {
    "bundle": [BUNDLE],
    "checkout": [ROOT / "src", Path(sys.prefix), Path(sys.base_prefix) / "lib"],
}


def main() -> None:
    """Print medians and ratios of first and second starts; the aim is at most 1.5 × the checkout in each."""
    if not (BUNDLE / "xferviewer").is_file() or shutil.which("Xvfb") is None:
        print("packaged_start: skipped, because dist/xferviewer (make package) or Xvfb is missing")
        return
    reading, writing = os.pipe()
    screen = ["-screen", "0", "1440x900x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), *screen], pass_fds=[writing], stderr=subprocess.DEVNULL
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        display = f":{said.readline().strip()}"
    try:
        _measure("first paint", lambda command: _first_paint(command, display))
        _measure("devices (imports torch)", _devices)
    finally:
        server.terminate()
        server.wait()


def _measure(what: str, seconds: Callable[[Sequence[str]], float]) -> None:
    first: dict[str, list[float]] = {name: [] for name in COMMANDS}
    second: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            _forget(FILES[name])
            first[name].append(seconds(command))
            second[name].append(seconds(command))
    for start, found in (("first", first), ("second", second)):
        bundle, checkout = (statistics.median(found[name]) for name in ("bundle", "checkout"))
        ratio = statistics.median(b / c for b, c in zip(found["bundle"], found["checkout"], strict=True))
        print(
            f"{what}, {start} start: bundle {bundle:.2f} s, checkout {checkout:.2f} s, "
            f"ratio {ratio:.2f} (aim: at most 1.5)"
        )


def _environment(home: str) -> dict[str, str]:
    named = {"XFERVIEWER_HOME": home, "PYTHONPATH": str(ROOT / "src")}
    # without compiled files the checkout would compile its modules at each start, which no user sees
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | named


def _first_paint(command: Sequence[str], display: str) -> float:
    """Seconds until the empty screen shows more than a few colours."""
    with tempfile.TemporaryDirectory() as home:
        environment = _environment(home) | {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        begun = time.monotonic()
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while time.monotonic() - begun < 120:
                # a strip at the top: menus and buttons; small, so that looking costs little
                colours = ImageGrab.grab((0, 0, 400, 60), xdisplay=display).getcolors(24_000)
                if colours is None or len(colours) > 8:
                    return time.monotonic() - begun
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
            time.sleep(0.5)  # the engine ends with it
    raise TimeoutError("no window in two minutes")


def _devices(command: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as home:
        begun = time.monotonic()
        subprocess.run([*command, "devices", "--json"], env=_environment(home), stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun


def _forget(folders: Sequence[Path]) -> None:
    """Tell the system that the contents of these files are not needed, so that the next reader waits for the disk."""
    os.sync()  # what is not yet written cannot be forgotten
    for folder in folders:
        for place, _, names in os.walk(folder):
            for name in names:
                try:
                    handle = os.open(os.path.join(place, name), os.O_RDONLY)  # noqa: PTH118  many files, quickly
                except OSError:  # a link to nowhere
                    continue
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(handle)


if __name__ == "__main__":
    main()
