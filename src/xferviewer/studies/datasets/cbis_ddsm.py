"""CBIS-DDSM (Lee et al. 2017): mammograms with crops and masks of their abnormalities, from TCIA and from Kaggle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xferviewer.errors import UnreadableImage
from xferviewer.studies.catalogue_writing import ImageEntry
from xferviewer.studies.cohort import CohortRow, RegionRow, Terms
from xferviewer.studies.datasets.listing import is_picture
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.datasets.tables import find_table, rows_of
from xferviewer.studies.examination import examine, stamp_of
from xferviewer.studies.images import read_image

_LAYOUT = (
    "{mass,calc}_case_description_{train,test}_set.csv with the DICOM series of TCIA at any depth, or csv/ and "
    "jpeg/{SeriesInstanceUID}/*.jpg of Kaggle"
)
_TABLE = "{kind}_case_description_{part}_set.csv"
_KINDS, _PARTS = ("mass", "calc"), ("train", "test")
_PATHOLOGIES = {"MALIGNANT": 1, "BENIGN": 0, "BENIGN_WITHOUT_CALLBACK": 0}
_REQUIRED = (
    "patient_id", "left or right breast", "image view", "pathology", "image file path", "cropped image file path",
    "ROI mask file path",
)  # fmt: skip
_BLACK_AND_WHITE = 0.995  # JPEG smears the edges of a mask
_FAR_FROM_GREY = 20


def _detect(folder: Path) -> Path | None:
    tables = (_table(folder, kind, part) for kind in _KINDS for part in _PARTS)
    return folder if any(tables) else None


def _table(folder: Path, kind: str, part: str) -> Path | None:
    name = _TABLE.format(kind=kind, part=part)
    return find_table(folder, name) or find_table(folder / "csv", name)


@dataclass(slots=True)
class _Mammogram:
    """A whole film: whose it is, and what is on it."""

    patient: str
    study: str
    view: str
    split: str
    malignant: int = 0
    masks: list[tuple[str, str]] = field(default_factory=list)  # finding, path


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    kinds = _KINDS if chosen["abnormalities"] == "all" else (chosen["abnormalities"],)
    series = _Series(reading)
    films: dict[str, _Mammogram] = {}
    patients: dict[str, set[str]] = {part: set() for part in _PARTS}
    for part, cells in _rows(reading, kinds):
        pathology = cells["pathology"].upper()
        if pathology not in _PATHOLOGIES:
            reading.met("rows have an unknown pathology and were left out", cells["patient_id"])
            continue
        malignant = _PATHOLOGIES[pathology]
        patients[part].add(cells["patient_id"])
        film = next(iter(series.files(_series_of(cells["image file path"]))), None)
        if film is None:
            reading.missing(cells["image file path"])
            continue
        crop, mask = series.crop_and_mask(cells, film)
        study = f"{cells['patient_id']}-{cells['left or right breast']}"
        if chosen["images"] == "crop":
            if crop is None:
                reading.met("abnormalities have no crop and were left out", cells["cropped image file path"])
            else:
                values = (malignant,)
                reading.add(CohortRow(crop, values, patient=cells["patient_id"], study=study, view=cells["image view"],
                                      split=part))  # fmt: skip
            continue
        seen = films.setdefault(film, _Mammogram(cells["patient_id"], study, cells["image view"], part))
        seen.malignant = max(seen.malignant, malignant)
        if mask is not None:
            seen.masks.append(("malignant" if malignant else "benign", mask))
    for path, seen in films.items():
        values = (seen.malignant,)
        reading.add(CohortRow(path, values, patient=seen.patient, study=seen.study, view=seen.view, split=seen.split))
        reading.regions += [RegionRow(path, finding, mask=mask) for finding, mask in seen.masks]
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    shared = patients["train"] & patients["test"]
    if shared:
        reading.say(
            f"{len(shared):,} patients lie in train and in test, of mass and calc taken together: split by patient."
        )
    return Content("binary", ("malignant",), "patient", "MG")


def _rows(reading: Reading, kinds: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    for kind in kinds:
        for part in _PARTS:
            table = _table(reading.folder, kind, part)
            if table is None:
                reading.say(f"{_TABLE.format(kind=kind, part=part)} is not there.")
                continue
            for cells in rows_of(table, _REQUIRED, reading):
                reading.step()
                yield part, cells


def _series_of(cell: str) -> str:
    """The SeriesInstanceUID in `Mass-Training_P_00001_LEFT_CC/{Study}/{Series}/000000.dcm`, which may end a line."""
    parts = cell.replace("\\", "/").split("/")
    return parts[-2] if len(parts) > 1 else ""


class _Series:
    """The files of each series: by the folder's name, else, where a download renamed the folders, by the header."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._files: dict[str, list[str]] = {}
        self._unnamed: list[str] = []
        for path in reading.listing.below():
            if is_picture(path) or path.lower().endswith(".dcm"):
                folder = path.rpartition("/")[0].rpartition("/")[2]
                if _is_uid(folder):
                    self._files.setdefault(folder, []).append(path)
                elif path.lower().endswith(".dcm"):
                    self._unnamed.append(path)
        self._shapes: dict[str, tuple[int, int]] = {}

    def files(self, series: str) -> list[str]:
        """The files of a series, in the order of their names."""
        if series not in self._files and self._unnamed:
            self._read_headers()
        return self._files.get(series, [])

    def crop_and_mask(self, cells: Mapping[str, str], film: str) -> tuple[str | None, str | None]:
        """The crop and the mask of a row's abnormality, whichever column names which: they are swapped for some.

        A mask has the size of its film. Where that does not tell them apart, a mask is black and white only.
        """
        named = (_series_of(cells[name]) for name in ("cropped image file path", "ROI mask file path"))
        found = dict.fromkeys(path for series in named for path in self.files(series))
        candidates = [path for path in found if path != film]
        of_film_size = [path for path in candidates if self._shape(path) == self._shape(film) != (0, 0)]
        masks = of_film_size if len(of_film_size) == 1 else [path for path in candidates if self._is_mask(path)]
        mask = masks[0] if masks else None
        crop = next((path for path in candidates if path not in masks and self._shape(path) != (0, 0)), None)
        if mask is not None and self._shape(mask) != self._shape(film):
            self._reading.met("masks do not have the size of their film and were left out", mask)
            mask = None
        elif mask is None:
            self._reading.met("abnormalities have no mask", cells["ROI mask file path"])
        if mask is not None and _series_of(cells["ROI mask file path"]) != mask.rpartition("/")[0].rpartition("/")[2]:
            self._swapped(cells, mask)
        return crop, mask

    def _swapped(self, cells: Mapping[str, str], mask: str) -> None:
        if _series_of(cells["cropped image file path"]) == mask.rpartition("/")[0].rpartition("/")[2]:
            self._reading.met("abnormalities have mask and crop swapped in the table; their sizes count", mask)

    def _shape(self, path: str) -> tuple[int, int]:
        """Rows and columns from the header; (0, 0) where it cannot be read, which is noted."""
        if path not in self._shapes:
            examined = examine(stamp_of(str(self._reading.folder / path)))
            known = isinstance(examined, ImageEntry)
            self._shapes[path] = (examined.rows, examined.columns) if isinstance(examined, ImageEntry) else (0, 0)
            if not known:
                self._reading.met("files cannot be read", path)
        return self._shapes[path]

    def _is_mask(self, path: str) -> bool:
        try:
            values = read_image(self._reading.folder / path).pixels
        except UnreadableImage:
            return False
        top = float(values.max(initial=0))
        if top == 0 or values.ndim > 2:
            return False
        scaled = values.astype(np.float32) * (255 / top)
        return bool(np.mean((scaled < _FAR_FROM_GREY) | (scaled > 255 - _FAR_FROM_GREY)) >= _BLACK_AND_WHITE)

    def _read_headers(self) -> None:
        unnamed, self._unnamed = self._unnamed, []
        for path in unnamed:
            self._reading.step()
            examined = examine(stamp_of(str(self._reading.folder / path)))
            if isinstance(examined, ImageEntry):
                self._shapes[path] = (examined.rows, examined.columns)
                self._files.setdefault(examined.facts.series_uid, []).append(path)


def _is_uid(name: str) -> bool:
    """Digits and dots, as a UID is written (PS3.5 9.1)."""
    return name.count(".") > 3 and name.replace(".", "").isdecimal()


CBIS_DDSM = Source(
    key="cbis-ddsm",
    title="CBIS-DDSM",
    layout=_LAYOUT,
    terms=Terms(
        "CC BY 3.0: give credit. Cite Lee et al. 2017 and The Cancer Imaging Archive.",
        "https://www.cancerimagingarchive.net/collection/cbis-ddsm/",
    ),
    detect=_detect,
    read=_read,
    choices=(
        Choice("images", ("film", "crop"), "whole mammograms with the masks on them, or the crop of each abnormality"),
        Choice("abnormalities", ("all", *_KINDS), "masses, calcifications or both"),
    ),
)
