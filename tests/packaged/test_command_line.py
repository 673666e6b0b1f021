"""Every room of the packaged application through its command line, compared with the checkout."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from tests.unit.studies.test_slides import write_pyramid

if TYPE_CHECKING:
    from tests.packaged.conftest import Packaged

from tests.packaged.conftest import ROOT


def in_checkout(*words: object) -> str:
    """What the checkout prints for the same command."""
    command = [sys.executable, "-m", "xferviewer", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_that_the_selftest_passes_and_decodes_every_compression(packaged: Packaged) -> None:
    found = packaged.json("selftest")
    assert found["ok"], found["checks"]
    (decoders,) = (check["message"] for check in found["checks"] if check["name"] == "decoders")
    for compression in ("JPEG Lossless", "JPEG-LS Lossless", "JPEG 2000", "RLE Lossless"):
        assert compression in decoders
    assert [check["name"] for check in found["checks"] if check["name"].startswith("checkpoint")]


def test_that_it_says_the_version_of_its_metadata(packaged: Packaged) -> None:
    (metadata,) = (packaged.bundle / "_internal").glob("xferviewer-*.dist-info")
    version = metadata.name.removeprefix("xferviewer-").removesuffix(".dist-info")
    assert packaged.run("--version").stdout.strip() == f"xferviewer {version}"


def test_that_the_films_of_the_bundle_are_those_of_the_checkout_to_the_byte(
    packaged: Packaged, films: Path, tmp_path: Path
) -> None:
    words = ["phantom", "--count", 4, "--seed", 7, "--site", "A", "--size", 256, "--without-masks"]
    in_checkout(*words, "--out", tmp_path / "films")
    for path in sorted((tmp_path / "films" / "images").glob("*.dcm")):
        assert (films / "images" / path.name).read_bytes() == path.read_bytes()


def test_that_films_are_indexed_by_processes_of_their_own_and_none_is_refused(packaged: Packaged, films: Path) -> None:
    found = packaged.json("index", films / "images")
    assert found["images"] == 32
    assert found["refused"] == []


def test_that_probabilities_of_compressed_films_equal_those_of_the_checkout_to_the_bit(
    packaged: Packaged, films: Path, tmp_path: Path
) -> None:
    inside = packaged.bundle / "_internal" / "xferviewer" / "_bundled" / "models"
    tables = []
    for run, models in ((lambda *words: packaged.run(*words).stderr, packaged.place), (in_checkout, packaged.bundle)):
        models = models / inside.relative_to(packaged.bundle)
        out = tmp_path / f"{len(tables)}.csv"
        chosen = ["--checkpoint", models / "lite0-imagenet", models / "vit-tiny-random"]
        said = run("predict", *chosen, "--images", films, "--out", out, "--device", "cpu", "--logits")
        assert out.is_file(), said
        tables.append(list(csv.reader(io.StringIO(out.read_text()))))
    assert len(tables[0]) == 1 + 2 * 32
    assert tables[0] == tables[1]


def test_that_maps_are_drawn_and_measured(packaged: Packaged, films: Path, tmp_path: Path) -> None:
    models = packaged.place / "_internal" / "xferviewer" / "_bundled" / "models"
    (first, *_) = sorted((films / "images").glob("*.dcm"))
    found = packaged.json("explain", "--checkpoint", models / "lite0-imagenet", "--image", first, "--out", tmp_path)
    for entry in found["maps"]:
        values = np.load(tmp_path / entry["map"])
        assert 0 <= values.min() < values.max() <= 1


def test_that_a_table_is_evaluated_with_figures(packaged: Packaged, films: Path, tmp_path: Path) -> None:
    models = packaged.place / "_internal" / "xferviewer" / "_bundled" / "models"
    chosen = ["--checkpoint", models / "lite0-imagenet", models / "lite0-probe"]
    done = packaged.run("predict", *chosen, "--images", films, "--out", tmp_path / "p.parquet", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    words = ["evaluate", "--labels", films / "labels.csv", "--predictions", tmp_path / "p.parquet"]
    done = packaged.run(*words, "--out", tmp_path / "evaluated")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "evaluated" / "metrics.json").read_text())["n_cases"] == 32
    assert "<svg" in (tmp_path / "evaluated" / "report.html").read_text()


@pytest.mark.parametrize("name", ["JPEG-lossy.dcm", "JPGExtended.dcm", "JPEG2000.dcm", "SC_rgb_rle_16bit.dcm"])
def test_that_files_of_other_makers_decode(packaged: Packaged, name: str, tmp_path: Path) -> None:
    """The first two are JPEG of 12 bits, which gdcm decodes in a process of its own."""
    source = get_testdata_file(name, download=False)
    assert isinstance(source, str)
    folder = tmp_path / "one"
    folder.mkdir()
    (folder / name).write_bytes(Path(source).read_bytes())
    models = packaged.place / "_internal" / "xferviewer" / "_bundled" / "models"
    out = tmp_path / "p.csv"
    words = ["predict", "--checkpoint", models / "lite0-random", "--images", folder, "--out", out, "--device", "cpu"]
    done = packaged.run(*words)
    assert done.returncode == 0, done.stderr
    assert len(out.read_text().splitlines()) == 2


def test_that_a_whole_slide_is_read_by_the_bundled_openslide(packaged: Packaged, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    levels = [random.integers(0, 255, (side, side, 3), dtype=np.uint8) for side in (512, 256)]
    found = packaged.json("inspect", write_pyramid(tmp_path / "slide.tif", levels))
    assert found["identity"].startswith("slide:") if "identity" in found else found["kind"]


def test_that_weights_of_a_laboratory_are_imported(packaged: Packaged, tmp_path: Path) -> None:
    code = (
        "import sys, torch; from xferviewer.networks import backbones; torch.manual_seed(0); "
        "torch.save(backbones.create('resnet18', 2).state_dict(), sys.argv[1])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "r.pth")], env=environment, check=True)
    words = ["import-checkpoint", tmp_path / "r.pth", "--out", tmp_path / "r", "--findings", "a,b"]
    done = packaged.run(*words, "--preprocessing", "imagenet-squash")
    assert done.returncode == 0, done.stderr
    assert packaged.json("inspect", tmp_path / "r")["kind"] == "checkpoint"
