"""PatchCamelyon (Veeling et al. 2018): patches of lymph nodes in HDF5, and the slides that they are from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xferviewer.errors import UnreadableImage
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import home_of
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Content, Source
from xferviewer.studies.datasets.tables import find_table, rows_of
from xferviewer.studies.hdf5 import describe_hdf5, read_numbers
from xferviewer.studies.opening import opened

_NAME = "camelyonpatch_level_2_split_{part}_{what}"
_LAYOUT = "camelyonpatch_level_2_split_{train,valid,test}_{x,y}.h5 and …_meta.csv"
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_PATCHES = {"train": 262_144, "valid": 32_768, "test": 32_768}


def _detect(folder: Path) -> Path | None:
    homes = (
        home_of(folder, _NAME.format(part=part, what="x.h5") + packed) for part in _SPLITS for packed in ("", ".gz")
    )
    return next(filter(None, homes), None)


def _read(reading: Reading, _chosen: Mapping[str, str]) -> Content:
    for part, split in _SPLITS.items():
        images, labels = (_NAME.format(part=part, what=f"{each}.h5") for each in "xy")
        if reading.listing.has(images + ".gz") and not reading.listing.has(images):
            reading.say(f"{images}.gz is packed and was left out: unpack it first, since its patches are read singly.")
        if not reading.listing.has(images):
            continue
        try:
            frames = _frames(reading.folder / images)
            stated = read_numbers(reading.folder / labels, "y").reshape(-1)
        except UnreadableImage as error:
            reading.say(f"The patches of {part} were left out: {error.what} {error.why}")
            continue
        if len(stated) != frames:
            reading.say(f"{images} holds {frames:,} patches and {labels} {len(stated):,} labels; {part} was left out.")
            continue
        reading.used(reading.folder / labels)
        slides = _slides(part, frames, reading)
        for frame, label in enumerate(stated.tolist()):
            if label not in (0, 1):
                reading.met(f"labels of {labels} are neither 0 nor 1 and were left out", str(label))
                continue
            reading.add(CohortRow(images, (int(label),), frame, patient=slides[frame], split=split))
        reading.expect([(f"patches of {part}", frames, _PATCHES[part])])
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    return Content("binary", ("tumor",), "slide", "SM")


def _frames(path: Path) -> int:
    with opened(path) as source:
        return describe_hdf5(path, source).frames


def _slides(part: str, frames: int, reading: Reading) -> list[str]:
    """The slide of each patch; nothing where the table does not have a row for each."""
    table = find_table(reading.folder, _NAME.format(part=part, what="meta.csv"))
    if table is None:
        reading.say(f"{_NAME.format(part=part, what='meta.csv')} is not there: no patch of {part} states its slide.")
        return [""] * frames
    slides = [cells["wsi"] for cells in rows_of(table, ("wsi",), reading)]
    if len(slides) != frames:
        reading.say(
            f"{table.name} has {len(slides):,} rows for {frames:,} patches; no patch of {part} states its slide."
        )
        return [""] * frames
    return slides


PATCHCAMELYON = Source(
    key="patchcamelyon",
    title="PatchCamelyon",
    layout=_LAYOUT,
    terms=Terms("CC0: no conditions. Cite Veeling et al. 2018.", "https://github.com/basveeling/pcam"),
    detect=_detect,
    read=_read,
)
