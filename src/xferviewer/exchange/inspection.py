"""What a path is: an image, a checkpoint, a cohort, a table of predictions, a job, a catalogue, a store, a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xferviewer.checkpoints import find_checkpoints, read_checkpoint
from xferviewer.errors import UnusableFolder, UnusableTable, XferviewerError
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.tables import read_predictions
from xferviewer.jobs.folder import JobFolder
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.cohort import SPLITS
from xferviewer.studies.cohort_folder import is_cohort_folder, read_cohort
from xferviewer.studies.summary import describe

_SQLITE = b"SQLite format 3\0"
_TABLES = (".csv", ".tsv", ".parquet", ".pq")


def inspect(path: Path) -> dict[str, Any]:
    """`{"kind", "path", …}` with what can be said about it; never a patient's name. Raises XferviewerError."""
    if not path.exists():
        raise UnusableFolder(f"{path} cannot be read.", "There is nothing of this name.", "Check the name.")
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as file:
        head = file.read(len(_SQLITE))
    if head == _SQLITE:
        return _database(path)
    if path.suffix.lower() in _TABLES:
        return _table(path)
    return describe(path)


def _folder(path: Path) -> dict[str, Any]:
    if (path / "status.json").is_file():
        job = JobFolder(path)
        status = job.status()
        return {
            "kind": "job", "path": str(path), "state": status.state, "step": status.step, "steps": status.steps,
            "message": status.message, "checkpoint": str(job.checkpoint() or "") or None,
        }  # fmt: skip
    if is_cohort_folder(path):
        return _cohort(path)
    if (path / "config.json").is_file() or (path / "model.safetensors").is_file():
        return _checkpoint(path)
    return {
        "kind": "folder", "path": str(path), "files": sum(1 for entry in path.iterdir() if entry.is_file()),
        "checkpoints": [str(folder) for folder in find_checkpoints(path)],
    }  # fmt: skip


def _checkpoint(path: Path) -> dict[str, Any]:
    checkpoint = read_checkpoint(path)
    card = checkpoint.card
    return {
        "kind": "checkpoint", "path": str(path), "name": checkpoint.name, "title": checkpoint.title,
        "architecture": checkpoint.architecture, "findings": list(checkpoint.findings),
        "trained_findings": list(checkpoint.trained_findings), "task": checkpoint.task,
        "size": list(checkpoint.preprocessing.size), "preprocessing_digest": checkpoint.preprocessing.digest,
        "weights_sha256": checkpoint.weights_sha256, "command": card.command, "seed": card.seed,
        "split": card.data.split if card.data else "", "leak": card.leak,
        "metrics": [
            {"cohort": m.cohort, "site": m.site, "finding": m.finding, "auc": m.auc, "lower": m.auc_lower,
             "upper": m.auc_upper, "n_positive": m.positive, "n_negative": m.negative}
            for m in card.metrics
        ],
    }  # fmt: skip


def _cohort(path: Path) -> dict[str, Any]:
    cohort = read_cohort(path)
    described = cohort.description
    labels = zip(described.findings, cohort.labels.T, strict=True)
    return {
        "kind": "cohort", "path": str(path), "name": described.name, "title": described.title,
        "source": described.source, "root": str(described.root), "task": described.task, "modality": described.modality,
        "images": len(cohort), "group": described.group, "groups": len(set(cohort.patients) - {""}),
        "splits": {name: cohort.splits.count(name) for name in SPLITS if name in cohort.splits},
        "findings": {
            name: {"present": int((column == 1).sum()), "absent": int((column == 0).sum()),
                   "uncertain": int((column == -1).sum())}
            for name, column in labels
        },
        "regions": len(cohort.regions), "digest": cohort.digest,
        "terms": {"text": described.terms.text, "link": described.terms.link, "accepted": described.terms.accepted},
        "notes": list(described.notes), "command": described.command,
    }  # fmt: skip


def _database(path: Path) -> dict[str, Any]:
    """A prediction store or a catalogue: each says so in its application id, and refuses the other."""
    try:
        with PredictionStore(path) as store:
            return {"kind": "predictions", "path": str(path), "checkpoints": store.summary()}
    except UnusableTable:
        return _catalogue(path)


def _catalogue(path: Path) -> dict[str, Any]:
    with Catalogue(path) as catalogue:
        return {
            "kind": "catalogue", "path": str(path), **catalogue.counts()._asdict(),
            "findings": catalogue.label_findings(), "folders": [str(root) for root in catalogue.roots()],
        }  # fmt: skip


def _table(path: Path) -> dict[str, Any]:
    try:
        table = read_predictions(path)
    except XferviewerError:
        from xferviewer.studies.label_table import read_labels

        labels = read_labels(path)
        return {"kind": "labels", "path": str(path), "rows": len(labels.rows), "findings": list(labels.findings)}
    return {
        "kind": "predictions", "path": str(path), "rows": len(table.image), "findings": list(table.findings),
        "checkpoints": sorted(set(table.checkpoint)), "sha256": table.sha256,
    }  # fmt: skip
