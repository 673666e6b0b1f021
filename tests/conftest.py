"""What several tiers share: a small real cohort, and two real checkpoints that a child process makes."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy computer is no counterexample
hypothesis.settings.load_profile("untimed")

FILMS_PER_SITE = 12
FILM_SIZE = 96


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--screenshots=DIR`: keep the pictures that the screenshot tests take; `--every-backbone`: the large ones too."""
    parser.addoption("--screenshots", type=Path, metavar="DIR", help="write the screenshots of the window here")
    parser.addoption("--every-backbone", action="store_true", help="try the large ones, write docs/checkpoints.md")


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with phantom films of two sites as DICOM, a label table for each, and one table for both beside it.

    Its last column, Remark, is none that label tables have; `all_labels.csv` lies beside the folder, so that an index
    of the folder does not join it.
    """
    from xferviewer.studies.phantom import write_cohort

    folder = tmp_path_factory.mktemp("phantom") / "cohort"
    rows: list[dict[str, str]] = []
    for site in ("A", "B"):
        table = write_cohort(folder / site, FILMS_PER_SITE, 5, site, size=FILM_SIZE, masks=False)
        with table.open(newline="", encoding="utf-8") as file:
            rows += [{**row, "path": f"{site}/{row['path']}"} for row in csv.DictReader(file)]
    with (folder.parent / "all_labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


# In a child process, so that this one stays as free of torch as the window is. The heads are scaled so that the
# cohort's probabilities spread over (0, 1): random weights alone leave them all near 0.5.
_MAKE_CHECKPOINTS = """
import sys
from pathlib import Path
import numpy as np
import torch
from xferviewer.checkpoints import Card, Preprocessing, read_checkpoint, write_checkpoint
from xferviewer.engine.inference import load, predict_images
from xferviewer.networks import backbones
from xferviewer.studies.phantom import FINDINGS

out, cohort = Path(sys.argv[1]), Path(sys.argv[2])
films = [(path, 0) for path in sorted(cohort.rglob("*.dcm"))]
for seed, (architecture, options, trained) in enumerate(
    [("test_efficientnet", {}, FINDINGS), ("test_vit", {"img_size": 64}, FINDINGS[:-1])]
):
    torch.manual_seed(seed)
    network = backbones.create(architecture, len(FINDINGS), options=options)
    card = Card(
        name=architecture.removeprefix("test_"), title=f"Random weights {seed}", architecture=architecture,
        findings=FINDINGS, trained_findings=trained, task="multi-label",
        preprocessing=Preprocessing(size=(64, 64), mean=(0.5,) * 3, std=(0.25,) * 3),
        weights_sha256="", license="Apache-2.0",
    )
    weights = {name: values.numpy().copy() for name, values in network.state_dict().items()}
    folder = out / card.name
    write_checkpoint(folder, card, options, weights)
    loaded = load(folder, torch.device("cpu"), "fp32")
    logits = np.stack([prediction.logits[0] for prediction in predict_images([loaded], films)])
    spread, middle = logits.std(axis=0), logits.mean(axis=0)
    weights["classifier.weight" if "classifier.weight" in weights else "head.weight"] /= spread[:, None] / 1.5
    bias = weights["classifier.bias" if "classifier.bias" in weights else "head.bias"]
    bias[:] = (bias - middle) / (spread / 1.5)
    write_checkpoint(folder, card, options, weights)
"""


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, cohort: Path) -> list[Path]:
    """The folders of a small EfficientNet and a small vision transformer with seeded random weights.

    The transformer was not trained for the last finding.
    """
    out = tmp_path_factory.mktemp("checkpoints")
    subprocess.run([sys.executable, "-c", _MAKE_CHECKPOINTS, out, cohort], check=True)
    return [out / "efficientnet", out / "vit"]
