"""Importing a data set: its folder read by its source, and a cohort folder written. Nothing is printed here."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from xferviewer import __version__
from xferviewer.errors import UnusableChoice, UnusableFolder
from xferviewer.studies.cohort import CohortDescription
from xferviewer.studies.cohort_folder import cohorts_folder, write_cohort
from xferviewer.studies.datasets.reading import Reading
from xferviewer.studies.datasets.source import Source


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far an import has come: rows taken so far."""

    rows: int


@dataclass(frozen=True, slots=True)
class ImportResult:
    """The cohort that was written. `images` counts frames of stacks singly; `groups` those that the source states."""

    folder: Path
    description: CohortDescription
    digest: str
    images: int
    groups: int
    regions: int


def import_dataset(
    source: Source,
    folder: Path,
    out: Path | None = None,
    *,
    name: str = "",
    chosen: Mapping[str, str] | None = None,
    accept_terms: bool = False,
    replace_cohort: bool = False,
    progress: Callable[[ImportProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> ImportResult:
    """Read a data set and write it as a cohort folder; nothing is written below `folder`.

    out     the cohort folder; by default below the data folder, by the cohort's name
    name    the cohort's; by default that of `out`, else the source's key
    chosen  of the source's choices, by name; the others have their defaults
    Raises UnusableFolder, UnusableTable, UnusableChoice, and Stopped when it was cancelled: then nothing is written.
    """
    values = _chosen(source, chosen or {})
    if source.terms.text and not accept_terms:
        raise UnusableChoice(
            f"{source.title} was not imported.",
            f"Its terms were not accepted: {source.terms.text} ({source.terms.link})",
            "If you hold the data under these terms, accept them (--accept-terms).",
        )
    home = _home(source, folder)
    if name and Path(name).name != name:
        raise UnusableChoice(f"A cohort cannot be called {name}.", "That is a path.", "Choose a name without / in it.")
    out = (cohorts_folder() / (name or source.key) if out is None else out).absolute()
    name = name or out.name
    _refuse_inside(out, folder, home)
    reading = Reading(home, (lambda rows: progress(ImportProgress(rows))) if progress else None, cancelled)
    reading.step()
    content = source.read(reading, values)
    reading.finish()
    description = CohortDescription(
        name=name,
        title=f"{source.title}, {len(reading.rows):,} images",
        source=source.key,
        root=home,
        task=content.task,
        findings=content.findings,
        group=content.group,
        modality=content.modality,
        terms=replace(source.terms, accepted=accept_terms and bool(source.terms.text)),
        notes=reading.notes(),
        tables=reading.digests(),
        command=_command(source, folder, out, name, values, accept_terms=accept_terms),
        xferviewer=__version__,
    )
    digest = write_cohort(out, description, reading.rows, reading.regions, replace=replace_cohort)
    groups = len({row.patient for row in reading.rows} - {""})
    return ImportResult(out, description, digest, len(reading.rows), groups, len(reading.regions))


def _chosen(source: Source, chosen: Mapping[str, str]) -> dict[str, str]:
    """A value for each choice of a source. Raises UnusableChoice for what it does not have."""
    values = {choice.name: choice.default for choice in source.choices}
    allowed = {choice.name: choice.values for choice in source.choices}
    for name, value in chosen.items():
        if name not in values:
            raise UnusableChoice(
                f"{source.title} has no choice of {name}.",
                f"Its choices are {', '.join(values) or 'none'}.",
                f"Leave --{name} out.",
            )
        if allowed[name] and value not in allowed[name]:
            raise UnusableChoice(
                f"{name} cannot be {value}.", f"It may be {', '.join(allowed[name])}.", "Name one of them."
            )
        values[name] = value
    return values


def _home(source: Source, folder: Path) -> Path:
    """Where the layout lies, absolute; links that a site uses as its names are not followed."""
    folder = Path(os.path.abspath(folder))  # noqa: PTH100
    if not folder.is_dir():
        raise UnusableFolder(f"{folder} cannot be imported.", "There is no folder of this name.", "Check the name.")
    home = source.detect(folder) or (folder if source.anywhere else None)
    if home is None:
        raise UnusableFolder(
            f"{folder.name} is not in the layout of {source.title}.",
            f"The layout is: {source.layout}.",
            "Name the folder that was unpacked, or another source.",
        )
    return home


def _refuse_inside(out: Path, folder: Path, home: Path) -> None:
    for place in (home, Path(os.path.abspath(folder))):  # noqa: PTH100
        if out.is_relative_to(place):
            raise UnusableFolder(
                f"The cohort was not written to {out}.",
                "That is inside the folder of the source, which is left as it is.",
                "Choose a folder outside of it.",
            )


def _command(
    source: Source, folder: Path, out: Path, name: str, values: Mapping[str, str], *, accept_terms: bool
) -> str:
    """The line that makes the same cohort."""
    words = ["xferviewer", "import-dataset", source.key, str(Path(os.path.abspath(folder))), "--out", str(out)]  # noqa: PTH100
    if name != out.name:
        words += ["--name", name]
    defaults = {choice.name: choice.default for choice in source.choices}
    for option, value in values.items():
        if value != defaults[option]:
            words += [f"--{option}", value]
    if accept_terms and source.terms.text:
        words.append("--accept-terms")
    return shlex.join(words)
