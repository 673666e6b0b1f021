"""`import-dataset`: public data sets as cohort folders."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import DONE, command, print_json

if TYPE_CHECKING:
    from xferviewer.studies.datasets import ImportProgress, ImportResult, Source

# What may be chosen of one source or another; a test holds them against the sources, which are imported when one is.
CHOICES = {
    "view": "all, frontal, lateral, PA or AP",
    "findings": "all or five (CheXpert, MIMIC-CXR-JPG), five or all (PadChest)",
    "labels": "chexpert or negbio (MIMIC-CXR-JPG)",
    "lists": "nih or benchmark (NIH ChestX-ray14)",
    "subset": "all or p2 (PadChest)",
    "readers": "majority or any (VinDr-CXR)",
    "task": "classes or malignant (BUSI); auto, multi-label, multi-class or binary (tables)",
    "plane": "all, axial, coronal or sagittal (MRNet)",
    "slices": "all or middle (MRNet)",
    "fold": "all or 1 to 5 (RadImageNet's data frames)",
    "images": "film or crop (CBIS-DDSM)",
    "abnormalities": "all, mass or calc (CBIS-DDSM)",
    "file": "the .npz (MedMNIST)",
    "table": "the CSV (csv-table, dicom-tree)",
    "positive": "the class that is disease (folder-per-class)",
}


def add_to(commands: Any) -> None:
    """Add this sub-command to those of a parser."""
    parser = command(
        commands, "import-dataset", _import, "a public data set, or a folder of one's own, as a cohort folder"
    )
    parser.add_argument("source", metavar="SOURCE|auto", help="auto: told from the names in the folder")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, metavar="COHORT", help="default: by its name below the data folder")
    parser.add_argument("--name", default="")
    parser.add_argument("--replace", action="store_true", help="a cohort of this name is written anew")
    parser.add_argument("--accept-terms", action="store_true", help="you hold the data under the terms of their source")
    for name, meaning in CHOICES.items():
        parser.add_argument(f"--{name}", help=meaning, metavar="WHICH", dest=f"choice_{name}")
    parser.add_argument("--json", action="store_true")


def _import(options: argparse.Namespace) -> int:
    from xferviewer.studies.datasets import find_source, import_dataset, source_of

    source = find_source(options.folder) if options.source == "auto" else source_of(options.source)
    given = {name: getattr(options, f"choice_{name}") for name in CHOICES}
    result = import_dataset(
        source,
        options.folder,
        options.out,
        name=options.name,
        chosen={name: value for name, value in given.items() if value is not None},
        accept_terms=options.accept_terms,
        replace_cohort=options.replace,
        progress=_tell,
    )
    _tell_result(result, source, as_json=options.json)
    return DONE


def _tell(progress: ImportProgress) -> None:
    if progress.rows:
        print(f"{progress.rows:,} images", file=sys.stderr)


def _tell_result(result: ImportResult, source: Source, *, as_json: bool) -> None:
    described = result.description
    if source.terms.text:
        print(f"terms: {source.terms.text} {source.terms.link}", file=sys.stderr)
    for note in described.notes:
        print(f"note: {note}", file=sys.stderr)
    if not as_json:
        print(f"{result.folder}: {described.title}, {result.groups:,} {described.group}s, {described.task}")
        return
    print_json({
        "cohort": str(result.folder), "name": described.name, "source": described.source, "title": described.title,
        "task": described.task, "findings": list(described.findings), "group": described.group,
        "images": result.images, "groups": result.groups, "regions": result.regions, "digest": result.digest,
        "terms": {"text": described.terms.text, "link": described.terms.link}, "notes": list(described.notes),
        "command": described.command,
    })  # fmt: skip
