"""OCT2017 (Kermany et al. 2018): optical coherence tomography of the retina in four classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of, is_picture
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Content, Source

_LAYOUT = "OCT2017/{train,val,test}/{CNV,DME,DRUSEN,NORMAL}/{CLASS}-{patient}-{k}.jpeg"
_CLASSES = ("CNV", "DME", "DRUSEN", "NORMAL")
_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_NAME = re.compile(r"(?P<name>[A-Za-z]+)-(?P<patient>\w+)-(?P<number>\d+)")
_RELEASES = {"Kaggle v2": {"train": 83_484, "val": 32, "test": 968}, "Mendeley v3": {"train": 108_309, "test": 1_000}}
_FEW = 100


def _detect(folder: Path) -> Path | None:
    return home_of(folder, "train/CNV", "train/DRUSEN", "test/CNV")


def _read(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    patients: dict[str, set[str]] = {part: set() for part in _SPLITS}
    counted: Counter[str] = Counter()
    for part, split in _SPLITS.items():
        for place, name in enumerate(_CLASSES):
            for file in sorted(reading.listing.names(f"{part}/{name}")):
                if not is_picture(file):
                    continue
                counted[part] += 1
                path = f"{part}/{name}/{file}"
                matched = _NAME.fullmatch(file.rpartition(".")[0])
                if matched is None or matched["name"].upper() != name:
                    reading.met("names state no patient or another class, and count as patients of their own", path)
                patient = matched["patient"] if matched else ""
                patients[part].add(patient)
                values = tuple(int(each == place) for each in range(len(_CLASSES)))
                reading.add(CohortRow(path, values, patient=patient, split=split))
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    _say_shared(patients, reading)
    release = "Kaggle v2" if counted["val"] else "Mendeley v3"
    reading.expect((f"images of {part} ({release})", counted[part], n) for part, n in _RELEASES[release].items())
    if 0 < counted["val"] < _FEW:
        reading.say(f"val has {counted['val']} images, too few to choose a network by: take validation from train.")
    return Content("multi-class", _CLASSES, "patient", "OPT")


def _say_shared(patients: Mapping[str, set[str]], reading: Reading) -> None:
    for one, other in (("train", "test"), ("train", "val"), ("val", "test")):
        shared = (patients[one] & patients[other]) - {""}
        if shared:
            reading.say(
                f"{len(shared):,} patients lie in {one} and in {other}: the published split leaks; split by patient."
            )


KERMANY_OCT2017 = Source(
    key="kermany-oct2017",
    title="Kermany OCT2017",
    layout=_LAYOUT,
    terms=Terms("CC BY 4.0: give credit. Cite Kermany et al. 2018.", "https://data.mendeley.com/datasets/rscbjbr9sj/3"),
    detect=_detect,
    read=_read,
)
