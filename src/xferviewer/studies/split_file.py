"""A split frozen to files: which image of a cohort is in which part, and proof that the cohort is still the same.

    NAME.csv     a row for each image of the cohort: image, frame, part (training, validation, test, the number of a
                 fold, or nothing for an image that is in no part)
    NAME.toml    how it was made, the digest of images.csv and of each of its columns, the digest of the split, and the
                 leakage receipt

Both lie below COHORT/splits unless somebody says otherwise. Digests of columns say what has changed since, without
keeping a patient or a label of theirs.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from xferviewer.atomic_files import write_atomically
from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.studies.leakage import LeakageReceipt, receipt_as_toml, receipt_from_toml

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.cohort import CohortTable

VERSION = 1
COLUMNS = ("image", "frame", "part")
_NAMED_PARTS = ("training", "validation", "test", "")
_COLUMN_WORDS = {"column patient": "patients", "column study": "studies"}
_MOST_NAMED = 3  # files in a message


@dataclass(frozen=True, slots=True, eq=False)
class FrozenSplit:
    """A split of one cohort.

    parts          (n,) in the order of the cohort's rows: "training", "validation", "test", "1" and so on where there
                   are folds, "" for an image that is in none
    method         for people: "by patient, stratified"
    parameters     what `xferviewer split` was told, with the seed
    leaks          groups are in two parts, and whoever made the split chose that by name
    receipt        what the parts have in common
    notes          in sentences, what was met
    cohort_digest  SHA-256 (hex) of images.csv when the split was frozen
    digest         SHA-256 (hex) of which image is in which part, whatever the order of the rows
    """

    name: str
    cohort: str
    parts: tuple[str, ...]
    method: str
    parameters: Mapping[str, Any]
    leaks: bool
    receipt: LeakageReceipt
    cohort_digest: str
    digest: str
    notes: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def folds(self) -> tuple[str, ...]:
        """The numbers of its folds, ascending; none where it has training and validation."""
        return tuple(sorted({part for part in self.parts if part.isdecimal()}, key=int))

    def rows(self, *parts: str) -> NDArray[np.intp]:
        """The rows of the cohort that are in one of these parts."""
        return np.flatnonzero(np.isin(np.array(self.parts, dtype=np.str_), parts))

    @property
    def seed(self) -> int:
        """Of what was drawn."""
        seed = self.parameters.get("seed", 0)
        return seed if isinstance(seed, int) else 0


def freeze(
    cohort: CohortTable,
    name: str,
    parts: Iterable[str],
    method: str,
    parameters: Mapping[str, Any],
    receipt: LeakageReceipt,
    *,
    leaks: bool = False,
    notes: Iterable[str] = (),
) -> FrozenSplit:
    """The split of a cohort as it stands now. Raises ValueError for a name that is none of a file."""
    if not name or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} should be usable as the name of a file.")
    given = tuple(parts)
    return FrozenSplit(
        name, cohort.description.name, given, method, dict(parameters), leaks, receipt, cohort.digest,
        _digest(cohort, given), tuple(notes), column_digests(cohort),
    )  # fmt: skip


def splits_folder(cohort: Path) -> Path:
    """Where the splits of a cohort folder lie."""
    return cohort / "splits"


def list_splits(cohort: Path) -> list[Path]:
    """The frozen splits of a cohort folder, by name: their .csv files."""
    found = sorted(splits_folder(cohort).glob("*.csv"))
    return [path for path in found if path.with_suffix(".toml").is_file()]


def find_split_file(cohort: Path, named: str) -> Path:
    """The file of a split that was named, or given as a path. Raises UnusableTable, which names those there are."""
    path = splits_folder(cohort) / f"{named}.csv"
    if not path.is_file() and named.endswith(".csv"):
        path = Path(named) if Path(named).is_file() else cohort / named
    if path.is_file():
        return path
    known = ", ".join(each.stem for each in list_splits(cohort))
    raise UnusableTable(
        f"{cohort.name} has no split {named}.",
        f"Its splits are {known}." if known else "It has none yet.",
        "Name one of them, or make it with xferviewer split.",
    )


def write_split(folder: Path, split: FrozenSplit, cohort: CohortTable) -> Path:
    """Write both files below `folder` and return that of the parts. Raises UnusableFolder.

    A split of this name is not replaced: what was learned by it could not be told from what is learned by another.
    """
    path = folder / f"{split.name}.csv"
    if path.exists():
        raise UnusableFolder(
            f"The split {split.name} was not written.", "There is one of this name already.", "Choose another name."
        )
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (image, frame or "", part) for image, frame, part in zip(cohort.images, cohort.frames, split.parts, strict=True)
    )
    about = {
        "version": VERSION,
        "name": split.name,
        "cohort": split.cohort,
        "cohort_digest": split.cohort_digest,
        "method": split.method,
        "leaks": split.leaks,
        "digest": split.digest,
        "notes": list(split.notes),
        "parameters": dict(split.parameters),
        "columns": dict(split.columns),
        "receipt": receipt_as_toml(split.receipt),
    }
    # what says that a split is there is written last
    write_atomically(path.with_suffix(".toml"), tomli_w.dumps(about).encode())
    write_atomically(path, text.getvalue().encode())
    return path


def read_split(path: Path, cohort: CohortTable) -> FrozenSplit:
    """The split of a file, for the cohort as it stands. Raises UnusableTable.

    Refused is one of another cohort, one of a cohort that has changed since, saying what has changed, and one whose
    file was edited. A cohort whose rows merely stand in another order is the same.
    """
    about = _about(path.with_suffix(".toml"))
    written = _parts(path)
    if about.cohort_digest != cohort.digest:
        _refuse_changed(path, about, written, cohort)
    try:
        parts = tuple(written[key] for key in zip(cohort.images, cohort.frames, strict=True))
    except KeyError as error:
        raise _unusable(path, f"It does not name {error.args[0][0]}.") from error
    if len(written) != len(parts) or _digest(cohort, parts) != about.digest:
        raise _unusable(path, "It was edited: it no longer has the digest that it was frozen with.")
    return replace(about, parts=parts)


def _refuse_changed(
    path: Path, about: FrozenSplit, written: Mapping[tuple[str, int], str], cohort: CohortTable
) -> None:
    """Say what has changed since the split was frozen; nothing where only the order of the rows has."""
    now = set(zip(cohort.images, cohort.frames, strict=True))
    gone, new = sorted(set(written) - now), sorted(now - set(written))
    changes = [
        f"{len(images)} images are {what} ({', '.join(_shown(images))})"
        for images, what in ((gone, "gone"), (new, "new"))
        if images
    ]
    if not changes:  # the other digests are over all rows: they would differ for that alone
        found = column_digests(cohort)
        columns = [name for name in {**about.columns, **found} if about.columns.get(name) != found.get(name)]
        labels = [name for name in columns if name not in _COLUMN_WORDS]
        other = [name for name in columns if name in _COLUMN_WORDS]
        changes += [f"the labels of {', '.join(labels[:10])} are others"] if labels else []
        changes += [f"the {_COLUMN_WORDS[name]} of some images are others" for name in other]
    if changes:
        raise UnusableTable(
            f"The split {path.stem} does not fit {cohort.description.name} any more.",
            f"The cohort has changed since it was frozen: {'; '.join(changes)}.",
            "Undo the change, or freeze a new split with xferviewer split.",
        )


def _shown(images: list[tuple[str, int]]) -> Iterator[str]:
    for image, frame in images[:_MOST_NAMED]:
        yield f"{image} frame {frame}" if frame else image
    if len(images) > _MOST_NAMED:
        yield "…"


def _digest(cohort: CohortTable, parts: Iterable[str]) -> str:
    rows = zip(cohort.images, cohort.frames, parts, strict=True)
    return _sum_of(f"{image}\t{frame}\t{part}\n" for image, frame, part in rows)


def column_digests(cohort: CohortTable) -> dict[str, str]:
    """SHA-256 (hex) of each column of images.csv with its images, whatever the order of the rows.

    Only of columns that bear on a split or on what is learned by it; ages and the like may be corrected.
    """
    keys = [f"{image}\t{frame}" for image, frame in zip(cohort.images, cohort.frames, strict=True)]
    columns: dict[str, Iterable[object]] = dict(zip(_COLUMN_WORDS, (cohort.patients, cohort.studies), strict=True))
    columns |= dict(zip(cohort.description.findings, cohort.labels.T.tolist(), strict=True))
    return {
        name: _sum_of(f"{key}\t{value}\n" for key, value in zip(keys, values, strict=True))
        for name, values in columns.items()
    }


def _sum_of(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()


def _parts(path: Path) -> dict[tuple[str, int], str]:
    try:
        rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), strict=True)
        if next(rows, None) != list(COLUMNS):
            raise _unusable(path, f"Its columns should be {', '.join(COLUMNS)}.")
        found: dict[tuple[str, int], str] = {}
        for number, cells in enumerate(rows, start=2):
            image, frame, part = cells
            if part not in _NAMED_PARTS and not part.isdecimal():
                raise _unusable(path, f"Row {number}: the part {part!r} is none.")
            found[image, int(frame or 0)] = part
    except (ValueError, csv.Error) as error:
        raise _unusable(path, f"{error}.") from error
    except OSError as error:
        raise UnusableTable(
            f"{path.name} cannot be read.", f"{error.strerror or error}.", "Name a split that exists."
        ) from error
    return found


def _about(path: Path) -> FrozenSplit:
    """All but the parts."""
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
        version = written.get("version")
        if isinstance(version, int) and version > VERSION:
            raise UnusableTable(
                f"{path.name} cannot be read.",
                f"It is of version {version}; this xferviewer knows up to {VERSION}.",
                "Install a newer xferviewer.",
            )
        return FrozenSplit(
            name=str(written["name"]),
            cohort=str(written["cohort"]),
            parts=(),
            method=str(written["method"]),
            parameters=written["parameters"],
            leaks=bool(written["leaks"]),
            receipt=receipt_from_toml(written["receipt"]),
            cohort_digest=str(written["cohort_digest"]),
            digest=str(written["digest"]),
            notes=tuple(written["notes"]),
            columns=written["columns"],
        )
    except OSError as error:
        raise UnusableTable(
            f"The split {path.stem} cannot be read.",
            f"{path.name} is not beside its table: {error.strerror or error}.",
            "Copy both files of a split, or freeze it again with xferviewer split.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(path, f"It is no description of a split: {error!r}.") from error


def _unusable(path: Path, why: str) -> UnusableTable:
    return UnusableTable(f"{path.name} cannot be used.", why, "Freeze the split again with xferviewer split.")
