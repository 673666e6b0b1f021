"""The cohort folder: the images of one data set or of a part of it, who they belong to, and what is known of each.

    cohort.toml    what the cohort is, where its images lie, what its source demands, what was met at import
    images.csv     a row for each image or frame: IMAGE_COLUMNS, then a column for each finding of 1, 0, -1 or nothing
    regions.csv    boxes and masks, where the source has them: REGION_COLUMNS

Files of the source are named, never copied and never changed. cohort.toml is written last and removed first: a folder
without it was not written to its end.
"""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.settings import data_folder
from xferviewer.studies.cohort import CohortDescription, CohortRow, CohortTable, RegionRow, Terms
from xferviewer.studies.cohort_csv import image_table, read_images, read_regions, region_table, unusable

__all__ = [
    "CohortDescription",
    "CohortRow",
    "CohortTable",
    "RegionRow",
    "Terms",
    "cohorts_folder",
    "has_regions",
    "images_root",
    "is_cohort_folder",
    "read_cohort",
    "read_description",
    "write_cohort",
]

VERSION = 1
DESCRIPTION, IMAGES, REGIONS = "cohort.toml", "images.csv", "regions.csv"


def cohorts_folder() -> Path:
    """Where cohorts are put, unless somebody says otherwise."""
    return data_folder() / "cohorts"


def is_cohort_folder(folder: Path) -> bool:
    """Whether a cohort was written there to its end."""
    return (folder / DESCRIPTION).is_file() and (folder / IMAGES).is_file()


def has_regions(folder: Path) -> bool:
    """Whether a folder is a cohort with boxes or masks."""
    return is_cohort_folder(folder) and (folder / REGIONS).is_file()


def images_root(folder: Path) -> Path:
    """Where the images lie that a folder stands for: in it, or where its cohort says. Raises UnusableTable."""
    return _description(folder / DESCRIPTION).root if is_cohort_folder(folder) else folder


def write_cohort(
    folder: Path,
    description: CohortDescription,
    rows: Iterable[CohortRow],
    regions: Sequence[RegionRow] = (),
    *,
    replace: bool = False,
) -> str:
    """Write a cohort folder and return its digest. Splits that lie in it stay.

    A new folder comes to be whole or not at all. Raises UnusableFolder where it cannot be written, where there is one
    already and `replace` is not said, or where it would lie among the images themselves; UnusableTable for rows that
    `read_cohort` would refuse.
    """
    if folder.absolute().is_relative_to(description.root):
        raise UnusableFolder(
            f"The cohort was not written to {folder}.",
            "That is the folder of the source itself, which is left as it is.",
            "Choose a folder outside of it.",
        )
    _refuse_occupied(folder, replace=replace)
    images = image_table(description, rows)
    read_images(Path(IMAGES), images, description)  # what could not be read again is not written
    with _whole(folder) as place:
        (place / DESCRIPTION).unlink(missing_ok=True)
        write_atomically(place / IMAGES, images)
        if regions:
            write_atomically(place / REGIONS, region_table(regions))
        else:
            (place / REGIONS).unlink(missing_ok=True)
        write_atomically(place / DESCRIPTION, tomli_w.dumps(_as_toml(description)).encode())
    return hashlib.sha256(images).hexdigest()


def read_cohort(folder: Path) -> CohortTable:
    """Read a cohort folder. Raises UnusableFolder where it is none, UnusableTable where its tables cannot be used."""
    if not is_cohort_folder(folder):
        written = folder / IMAGES
        raise UnusableFolder(
            f"{folder} is no cohort.",
            f"It was not written to its end: {DESCRIPTION} is missing." if written.is_file()
            else f"It has no {DESCRIPTION} and {IMAGES}.",
            "Import the data set again." if written.is_file() else "Choose a folder that import-dataset has written.",
        )  # fmt: skip
    description = _description(folder / DESCRIPTION)
    content = _bytes(folder / IMAGES)
    columns, labels = read_images(folder / IMAGES, content, description)
    regions = tuple(read_regions(folder / REGIONS, _bytes(folder / REGIONS))) if (folder / REGIONS).is_file() else ()
    return CohortTable(
        description, folder, hashlib.sha256(content).hexdigest(), *columns, labels=labels, regions=regions
    )


def read_description(folder: Path) -> CohortDescription:
    """cohort.toml alone. Raises UnusableFolder, UnusableTable."""
    if not is_cohort_folder(folder):
        raise UnusableFolder(
            f"{folder} is no cohort.", f"It has no {DESCRIPTION}.", "Choose a folder that import-dataset has written."
        )
    return _description(folder / DESCRIPTION)


# --- writing


def _refuse_occupied(folder: Path, *, replace: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise UnusableFolder(f"{folder} was not written.", "There is a file of this name.", "Choose another name.")
    if not folder.is_dir():
        return
    known = (folder / DESCRIPTION).is_file() or (folder / IMAGES).is_file()
    if known and not replace:
        raise UnusableFolder(
            f"{folder.name} was not written.",
            "There is a cohort of this name already.",
            "Choose another name, or say that it is to be replaced; its splits will then no longer fit.",
        )
    if not known and any(folder.iterdir()):
        raise UnusableFolder(
            f"The cohort was not written to {folder}.",
            "That folder holds other files.",
            "Choose an empty or a new one.",
        )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Where to write: the folder itself where there is one, else one beside it that is given its name at the end."""
    if folder.is_dir():
        yield folder
        return
    beside = folder.with_name(f".{folder.name}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        yield beside
        beside.replace(folder)
    except OSError as error:
        raise UnusableFolder(
            f"The cohort {folder.name} could not be written.",
            f"{folder.parent}: {error.strerror or error}.",
            "Free space there, or choose a folder that you may write to.",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _as_toml(description: CohortDescription) -> dict[str, Any]:
    terms = description.terms
    return {
        "version": VERSION,
        "name": description.name,
        "title": description.title,
        "source": description.source,
        "root": str(description.root),
        "task": description.task,
        "findings": list(description.findings),
        "group": description.group,
        "modality": description.modality,
        "notes": list(description.notes),
        "command": description.command,
        "xferviewer": description.xferviewer,
        "terms": {"text": terms.text, "link": terms.link, "accepted": terms.accepted},
        "tables": dict(description.tables),
    }


# --- reading


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableTable(
            f"{path.name} could not be opened.", f"{path.parent}: {error.strerror}.", "Check that you may read it."
        ) from error


def _description(path: Path) -> CohortDescription:
    try:
        written = tomllib.loads(_bytes(path).decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise unusable(path, f"It is not TOML: {error}.") from error
    version = written.get("version")
    if not isinstance(version, int) or version < 1:
        raise unusable(path, f"Its version is {version!r}.")
    if version > VERSION:
        raise UnusableTable(
            f"{path.name} cannot be read.",
            f"It is of version {version}; this xferviewer knows up to {VERSION}.",
            "Install a newer xferviewer.",
        )
    try:
        terms = written.get("terms", {})
        return CohortDescription(
            name=_text(written, "name"),
            title=_text(written, "title"),
            source=_text(written, "source"),
            root=Path(_text(written, "root")),
            task=_text(written, "task"),
            findings=_texts(written, "findings"),
            group=_text(written, "group"),
            modality=_text(written, "modality", ""),
            terms=Terms(_text(terms, "text", ""), _text(terms, "link", ""), bool(terms.get("accepted", False))),
            notes=_texts(written, "notes", ()),
            tables={name: str(digest) for name, digest in written.get("tables", {}).items()},
            command=_text(written, "command", ""),
            xferviewer=_text(written, "xferviewer", ""),
        )
    except (ValueError, AttributeError) as error:
        raise unusable(path, str(error)) from error


def _text(written: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = written.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} should be a text, and is {value!r}.")
    return value


def _texts(written: Mapping[str, Any], key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
    value = written.get(key, default)
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{key} should be a list of texts, and is {value!r}.")
    return tuple(value)
