"""Puts on the bundled cards what their training images look like, and beside them which images those are.

    python models/describe.py

renders the training films (2,400, some six minutes) below the data folder where they are not there yet, splits them as
the card says, and stops where the digest of the split is another one. The weights are not touched. A film's mark is
given both as PNG and as the DICOM file of the same film.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from xferviewer.checkpoints import SeenImages, image_mark, read_checkpoint, write_seen_images
from xferviewer.engine.training_inputs import Described, write_described
from xferviewer.jobs.spec import TrainingSpec, read_spec
from xferviewer.studies.phantom.dicom import sop_instance_uid
from xferviewer.studies.phantom.patients import plan_study
from xferviewer.studies.splits import Split
from xferviewer.training.cohort import Cohort
from xferviewer.training.job_data import JobData, open_data
from xferviewer.training.result import described, seen_in

MODELS = Path(__file__).parent


def main() -> None:
    """Describe every checkpoint that has a specification in specs/."""
    opened: dict[str, JobData] = {}
    known: dict[str, tuple[Described, SeenImages]] = {}  # the four share one split and one preprocessing
    for path in sorted((MODELS / "specs").glob("*.toml")):
        spec, checkpoint = read_spec(path), read_checkpoint(MODELS / path.stem)
        if f"{spec.data}" not in opened:
            opened[f"{spec.data}"] = open_data(spec.data, spec.findings, _tell)
        cohort, split = opened[f"{spec.data}"].cohort, opened[f"{spec.data}"].split
        if checkpoint.card.data is None or split.digest != checkpoint.card.data.split_digest:
            raise SystemExit(f"{checkpoint.name}: these are other images than it learned from")
        key = f"{split.digest} {checkpoint.preprocessing.digest}"
        if key not in known:
            known[key] = described(cohort, split, checkpoint.preprocessing, _tell), _seen(spec, cohort, split)
        found, seen = known[key]
        write_seen_images(write_described(checkpoint, found), seen)
        _tell(f"{checkpoint.name}: described")


def _seen(spec: TrainingSpec, cohort: Cohort, split: Split) -> SeenImages:
    """The marks of the films as PNG, and of the same films as DICOM."""
    seen, marks = seen_in(cohort, split), [_dicom_mark(spec, film) for film in cohort.paths]
    training, validation = ({marks[row] for row in rows} for rows in (split.training, split.validation))
    return replace(seen, training=seen.training | training, validation=seen.validation | validation)


def _dicom_mark(spec: TrainingSpec, film: Path) -> str:
    phantom = spec.data.phantom
    if phantom is None:
        raise SystemExit(f"{spec.name}: not made from phantom films")
    study = plan_study(phantom.seed, phantom.site, int(film.stem.rpartition("-")[2]))
    return image_mark(f"{sop_instance_uid(study)}#0")


def _tell(message: str) -> None:
    if " of " not in message or message.partition(" of ")[0].endswith("00"):
        sys.stderr.write(f"{message}\n")


if __name__ == "__main__":
    main()
