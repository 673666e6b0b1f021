"""The files that a DICOMDIR lists (PS3.3 F.3, PS3.10 8): opened, it stands for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.multival import MultiValue

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import Content
from xferviewer.studies.dicom_header import damaged_header, read_header
from xferviewer.studies.opening import opened

if TYPE_CHECKING:
    from pathlib import Path


def listed_files(path: Path) -> list[Path]:
    """The files that a DICOMDIR lists, in its order, also those that are missing; none of any other file.

    Raises nothing: what cannot be read as a DICOMDIR lists nothing, and is refused as an image with its reason.
    """
    try:
        with opened(path) as source:
            if source.content is not Content.DICOM:
                return []
            dataset = read_header(path, source).dataset
            return list(dict.fromkeys(_listed(path, dataset.get("DirectoryRecordSequence") or [])))
    except UnreadableImage:
        return []


def _listed(path: Path, records: Any) -> list[Path]:
    found = []
    try:
        for record in records:
            components = record.get("ReferencedFileID")
            if components:
                parts = list(components) if isinstance(components, MultiValue) else [components]
                found.append(_file(path.parent, [str(part).strip(" \x00") for part in parts]))
    except Exception:  # noqa: BLE001 - a damaged record; what it quotes may name a patient
        raise damaged_header(path) from None
    return [file for file in found if file is not None]


def _file(folder: Path, components: list[str]) -> Path | None:
    """The file of these path components, whatever case and version number the medium was copied with (ISO 9660)."""
    for component in components:
        if component in ("", ".", "..") or "/" in component or "\\" in component:
            return None  # would lead out of the folder
        exact = folder / component
        folder = exact if exact.exists() else _alike(folder, component) or exact
    return folder


def _alike(folder: Path, component: str) -> Path | None:
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return None
    return next((name for name in names if _plain(name.name) == _plain(component)), None)


def _plain(name: str) -> str:
    return name.partition(";")[0].rstrip(".").upper()
