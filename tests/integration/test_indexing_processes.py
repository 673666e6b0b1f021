"""An index in a process of its own: killed in the middle, and writing while others read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import pytest

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import index

if TYPE_CHECKING:
    from pathlib import Path

FILES = 3000
_INDEX = """
import sys
from pathlib import Path
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.indexing import index
with Catalogue(sys.argv[1]) as catalogue:
    index(Path(sys.argv[2]), catalogue, lambda progress: print(progress.files, flush=True))
"""
_HOLD = """
import sys
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import writing
with Catalogue(sys.argv[1]) as catalogue, writing(catalogue) as connection:
    connection.execute("INSERT INTO root VALUES ('/elsewhere', 'indexing')")
    print("writing", flush=True)
    sys.stdin.read()
"""


def start(program: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("films")
    for number in range(FILES):
        PIL.Image.fromarray(np.full((4, 4), number % 256, np.uint8)).save(made / f"{number:05d}.png")
    return made


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_that_an_index_that_is_killed_goes_on_where_it_stopped(folder, tmp_path):
    database = tmp_path / "catalogue.sqlite"
    with start(_INDEX, database, folder) as child:
        first_batch = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        child.stdout.read()
    assert child.returncode == -signal.SIGKILL

    with Catalogue(database) as catalogue:
        before = catalogue.counts()
        assert first_batch <= before.images < FILES
        assert catalogue.unfinished_roots() == [folder]
        numbers = {image.path: image.id for image in catalogue.all_images()}

        counts = index(folder, catalogue)

        assert counts == (FILES, FILES, FILES, FILES, 0)
        assert catalogue.unfinished_roots() == []
        assert {path: catalogue.image_at(path).id for path in numbers} == numbers
        assert catalogue.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert catalogue.connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_that_reading_goes_on_while_another_process_writes(folder, tmp_path):
    database = tmp_path / "catalogue.sqlite"
    with Catalogue(database) as catalogue:
        index(folder, catalogue)
        with start(_HOLD, database) as child:
            assert child.stdout.readline() == "writing\n"
            begun = time.monotonic()

            assert len(catalogue.studies("png")) == FILES
            assert catalogue.roots() == [folder]

            assert time.monotonic() - begun < 2
            child.stdin.close()
        assert child.returncode == 0
        assert len(catalogue.roots()) == 2
