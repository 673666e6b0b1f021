"""Real child processes; a file that ends one is played by a child whose examination aborts at that name."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from itertools import islice
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from xferviewer.studies import examiners
from xferviewer.studies.catalogue_writing import ImageEntry, Refusal
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.examiners import Examiner, examine_in_order

CHILD = """
import os, sys, time
from xferviewer.studies import examiners
whole = examiners.examine
def examine(stamp):
    if stamp.path.endswith("fatal"):
        os.abort()
    if stamp.path.endswith("endless"):
        time.sleep(600)
    if stamp.path.endswith("slow"):
        time.sleep(1.2)
    print("a library's chatter")
    return whole(stamp)
examiners.examine = examine
sys.exit(examiners.main())
"""


@pytest.fixture
def fragile(monkeypatch) -> None:
    """Examiners whose process a file called fatal ends, and one called endless holds."""
    monkeypatch.setattr(examiners, "own_command", lambda _: [sys.executable, "-c", CHILD])


@pytest.fixture
def files(tmp_path: Path, write_dicom) -> list[Path]:
    """300 files: DICOM, PNG with names that JSON has to escape, and text."""
    dicom = write_dicom(
        np.arange(12, dtype=np.uint16).reshape(3, 4), PatientID="Größe^A", PatientAge="018M"
    ).read_bytes()
    made = []
    for number in range(100):
        film = tmp_path / f"{number}.dcm"
        film.write_bytes(dicom)
        picture = tmp_path / f'{number} "Größe"\n.png'
        PIL.Image.fromarray(np.full((3, 5), number, np.uint8)).save(picture)
        text = tmp_path / f"{number}.txt"
        text.write_text("words")
        made += [film, picture, text]
    return made


def said(examined: ImageEntry | Refusal) -> object:
    """An exception equals only itself: what it says is compared."""
    return examined if isinstance(examined, ImageEntry) else (examined.stamp, examined.error.as_dict())


def test_that_other_processes_say_of_each_file_what_this_one_says_and_in_the_same_order(files):
    stamps = [stamp_of(str(path)) for path in files]
    elsewhere = list(examine_in_order(stamps, 2))
    assert [said(each) for each in elsewhere] == [said(examine(stamp)) for stamp in stamps]
    assert sum(isinstance(each, ImageEntry) for each in elsewhere) == 200


def test_that_a_file_which_ends_its_process_costs_only_itself(tmp_path, files, fragile):
    for name in ("1.fatal", "2.fatal"):
        (tmp_path / name).touch()
    paths = [*files[:210], tmp_path / "1.fatal", *files[210:260], tmp_path / "2.fatal", *files[260:]]
    examined = list(examine_in_order([stamp_of(str(path)) for path in paths], 2))
    assert [each.stamp.path for each in examined] == [str(path) for path in paths]
    lost = [each for each in examined if isinstance(each, Refusal) and "ended" in each.error.why]
    assert [Path(each.stamp.path).name for each in lost] == ["1.fatal", "2.fatal"]


def test_that_a_file_which_holds_its_process_costs_only_itself(tmp_path, files, fragile, monkeypatch):
    monkeypatch.setattr(examiners, "SECONDS_A_FILE", 3.0)
    (tmp_path / "endless").touch()
    paths = [*files[:250], tmp_path / "endless", *files[250:]]
    examined = list(examine_in_order([stamp_of(str(path)) for path in paths], 2))
    refused = [each for each in examined if isinstance(each, Refusal) and "more than 3 seconds" in each.error.why]
    assert [Path(each.stamp.path).name for each in refused] == ["endless"]
    assert len(examined) == len(paths)


def test_that_many_slow_files_together_may_take_longer_than_one(tmp_path, files, fragile, monkeypatch):
    monkeypatch.setattr(examiners, "SECONDS_A_FILE", 3.0)
    slow = [tmp_path / f"{number}.slow" for number in range(6)]
    for path in slow:
        path.touch()
    started: list[object] = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    paths = [*files[:220], *slow, *files[220:]]
    examined = list(examine_in_order([stamp_of(str(path)) for path in paths], 2))
    refused = [each.error.why for each in examined[220:226] if isinstance(each, Refusal)]
    assert len(refused) == 6
    assert not any("seconds" in why for why in refused)
    assert len(started) == 2  # nobody lost patience with them


def test_that_few_files_start_no_process(files, monkeypatch):
    monkeypatch.setattr(examiners, "own_command", lambda _: pytest.fail("a process was started"))
    assert len(list(examine_in_order([stamp_of(str(path)) for path in files[:200]], 2))) == 200


def test_that_whoever_stops_in_the_middle_leaves_no_process_and_no_thread_behind(files, monkeypatch):
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    examined = examine_in_order((stamp_of(str(path)) for path in files), 2)
    list(islice(examined, 240))
    examined.close()
    assert started
    assert all(process.poll() is not None for process in started)
    deadline = time.monotonic() + 10
    while any("examine" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_that_an_examiner_ends_when_its_input_closes():
    examiner = Examiner()
    process = examiner._running()
    process.stdin.close()
    assert process.wait(60) == 0
    examiner.close()
