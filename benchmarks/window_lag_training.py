"""Lag of the window's event loop while a job trains on all cores, at the priority that jobs get and at the normal one.

`python -m benchmarks.window_lag_training [--seconds S]`: a timer of 5 ms notes by how much it is late, in one window:
idle, then with the job of another process at work, once started as the window starts it, once at the window's own
priority. The aim: 99 % of the delays below 50 ms.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.window_lag import INTERVAL_MS, described, run_events
from xferviewer.jobs import launch
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.spec import TrainingSpec, parse_spec
from xferviewer.processes import own_command, usable_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPEC = """
name = "beside-the-window"
title = "Beside the window"
findings = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion"]
license = "Apache-2.0"
data = {phantom = {site = "A", count = 48, seed = 7}}
recipe = {epochs = 10000, batch_size = 8, learning_rate = 1e-4}
[network]
architecture = "resnet18"
setting = "S5"
preprocessing = {size = [160, 160], mean = [0.5, 0.5, 0.5], std = [0.25, 0.25, 0.25]}
"""


def main(arguments: Sequence[str] = ()) -> None:
    """Print median, 99th percentile and maximum of the lag: idle, beside a job, beside one at the window's priority."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.window_lag_training")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the three")
    options = parser.parse_args(arguments)
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XFERVIEWER_HOME"] = str(Path(folder) / "home")
        found = _measure(Path(folder), parse_spec(_SPEC, "benchmark"), options.seconds)
    for name, lags in found.items():
        print(f"{name + ':':40} {described(lags)}")
    late = {name: np.percentile(lags, 99) for name, lags in found.items()}
    print(
        f"training on {usable_cores()} cores; lag at the 99th percentile beside a job {late['beside a job']:.1f} ms "
        f"(aim: below 50), {late['beside a job'] / max(late['idle window'], 0.1):.1f} times that of the idle window"
    )


def _measure(folder: Path, spec: TrainingSpec, seconds: float) -> dict[str, list[float]]:
    from PySide6.QtCore import QElapsedTimer, Qt, QTimer

    from xferviewer import settings
    from xferviewer.gui import app, running, theme

    qt = running.make_qt_application()
    theme.apply(qt, theme.read_theme("dark"))
    chosen = settings.Settings(notice_seen=True)
    application = app.Application(app.Folders.under(settings.data_folder(), demo=False), chosen, demo=False)
    application.window.show()
    lags: list[float] = []
    clock, timer = QElapsedTimer(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)

    def tick() -> None:
        lags.append(max(clock.nsecsElapsed() / 1e6 - INTERVAL_MS, 0.0))
        clock.restart()

    timer.timeout.connect(tick)
    clock.start()
    timer.start(INTERVAL_MS)

    def noted() -> list[float]:
        lags.clear()
        run_events(qt, seconds, lambda: False)
        return list(lags)

    run_events(qt, 1.0, lambda: False)
    found = {"idle window": noted()}
    for name, start in (("beside a job", launch.start), ("beside a job of normal priority", _start_at_normal_priority)):
        job = JobFolder.create(folder / name.replace(" ", "-"), spec)
        start(job)
        run_events(qt, 300.0, lambda job=job: any(event["kind"] == "step" for event in job.events()))
        found[name] = noted()
        job.request("cancel")
        _wait_for_the_end(job)
    timer.stop()
    application.close()
    application.window.close()
    return found


def _start_at_normal_priority(job: JobFolder) -> Any:
    with (job.path / launch.OUTPUT).open("ab") as output:
        return launch.detached(own_command("train", "--job", str(job.path)), output, below_normal=False)


def _wait_for_the_end(job: JobFolder) -> None:
    deadline = time.monotonic() + 120
    while not job.status().over and time.monotonic() < deadline:
        time.sleep(0.2)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
