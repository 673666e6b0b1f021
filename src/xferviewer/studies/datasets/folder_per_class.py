"""Any folder of images with a folder for each class, with or without train, val and test above them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from xferviewer.errors import UnusableChoice
from xferviewer.studies.catalogue_writing import ImageEntry
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.listing import Listing, is_picture
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.examination import examine, stamp_of

_LAYOUT = "CLASS/*.png, or {train,val,test}/CLASS/*.png"
_PARTS = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_ENDINGS = (".dcm", ".dicom", ".npy", ".npz", ".h5", ".nii", ".nii.gz")
_FEWEST_CLASSES = 2


def _detect(folder: Path) -> Path | None:
    listing = Listing(folder)
    classes = {name for path, name in _class_folders(listing) if any(map(_is_image, listing.below(path)))}
    return folder if len(classes) >= _FEWEST_CLASSES else None


def _class_folders(listing: Listing) -> list[tuple[str, str]]:
    """The folders of classes, by path and by name; below folders of parts where these are all that there is."""
    tops = listing.folders()
    if tops and all(name.lower() in _PARTS for name in tops):
        return [(f"{top}/{name}", name) for top in tops for name in listing.folders(top)]
    return [(name, name) for name in tops]


def _is_image(path: str) -> bool:
    return is_picture(path) or path.lower().endswith(_ENDINGS)


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    folders = _class_folders(reading.listing)
    classes = tuple(dict.fromkeys(sorted(name for _, name in folders)))
    positive = chosen["positive"]
    if positive and positive not in classes:
        raise UnusableChoice(
            f"There is no class {positive}.", f"The folders are {', '.join(classes)}.", "Name one of them."
        )
    if len(classes) < _FEWEST_CLASSES:
        raise no_images(reading.folder, _LAYOUT)
    for folder, name in folders:
        split = _PARTS.get(folder.partition("/")[0].lower(), "") if "/" in folder else ""
        for path in reading.listing.below(folder):
            values = (int(name == positive),) if positive else tuple(int(each == name) for each in classes)
            for frame in _frames(path, reading):
                reading.add(CohortRow(path, values, frame, split=split))
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    reading.say("No file says whose an image is: every image counts as a patient of its own.")
    return Content("binary" if positive else "multi-class", (positive,) if positive else classes, "image", "")


def _frames(path: str, reading: Reading) -> range:
    """The frames of a file that is an image; each is one of its own. None of another one, which is noted."""
    if not _is_image(path):
        reading.met("files are no images and were left out", path)
        return range(0)
    if is_picture(path):
        return range(1)
    examined = examine(stamp_of(str(reading.folder / path)))
    if isinstance(examined, ImageEntry):
        return range(examined.frames)
    reading.met("files cannot be read and were left out", path)
    return range(0)


FOLDER_PER_CLASS = Source(
    key="folder-per-class",
    title="Folder for each class",
    layout=_LAYOUT,
    terms=Terms(),
    detect=_detect,
    read=_read,
    choices=(Choice("positive", (), "the class that is disease: present or absent instead of classes"),),
    anywhere=True,
)
