"""What `inspect` says about an image and `index` about a folder, as plain values for JSON; never a patient's name."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.studies.cohort_folder import images_root
from xferviewer.studies.dicomdir import listed_files
from xferviewer.studies.images import read_image

if TYPE_CHECKING:
    from xferviewer.studies.catalogue import Catalogue


def describe(path: Path | str) -> dict[str, Any]:
    """An image file in words and numbers: layout, unit, windows, polarity, geometry, identity of its first frame.

    Raises UnreadableImage.
    """
    image = read_image(path)
    facts = image.facts
    low, high = image.value_range()
    return {
        "kind": "image",
        "path": str(path),
        "format": facts.file_format,
        "modality": facts.modality,
        "rows": image.pixels.shape[0],
        "columns": image.pixels.shape[1],
        "frames": image.frames,
        "colour": image.is_colour,
        "dtype": str(image.pixels.dtype),
        "transfer_syntax": facts.transfer_syntax,
        "photometric": facts.photometric,
        "inverted": image.inverted,
        "unit": image.unit,
        "lowest": low,
        "highest": high,
        "padding": image.padding,
        "windows": [asdict(window) for window in image.windows],
        "voi_lut": None if image.voi_lut is None else image.voi_lut.values.size,
        "spacing_mm": image.spacing_mm,
        "orientation": image.orientation,
        "view": facts.view,
        "body_part": facts.body_part,
        "sex": facts.sex,
        "age": facts.age,
        "manufacturer": facts.manufacturer,
        "identity": image.identity,
    }


def describe_index(catalogue: Catalogue, folder: Path) -> dict[str, Any]:
    """What `index` found under a folder or in a file: counts, and each refused file with its reason.

    Paths are relative to the folder; `files` = `images` + the number of refused.
    """
    root = Path(os.path.abspath(folder))  # noqa: PTH100 - as `index` names it
    root = images_root(root)
    if root.is_file() and listed_files(root):  # a DICOMDIR
        root = root.parent
    counts = catalogue.counts(root)
    base = root if root.is_dir() else root.parent
    refused = [
        {"path": os.path.relpath(row.path, base), "what": row.what, "why": row.why, "todo": row.todo}
        for row in catalogue.refused(root)
    ]
    return {
        "files": counts.files,
        "images": counts.images,
        "studies": counts.studies,
        "patients": counts.patients,
        "refused": refused,
    }
