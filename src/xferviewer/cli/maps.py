"""`explain`: saliency maps, and how good they are."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    add_checkpoints,
    add_device,
    command,
    condition,
    formats,
    tell_result,
)
from xferviewer.saliency_methods import LAYER_SETS, METHODS, SMOOTHINGS, MapChoice

if TYPE_CHECKING:
    pass


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    explain = command(commands, "explain", _explain, "saliency maps of an image, as arrays and overlays")
    add_checkpoints(explain)
    add_device(explain)
    which = explain.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", type=Path, help="maps of this one are written")
    which.add_argument("--images", type=Path, help="a folder, a CSV, a catalogue: their maps are only measured")
    explain.add_argument("--frame", type=int, default=0, help="of a multi-frame image, from 0")
    explain.add_argument("--finding", default="all", help="a finding's name, or all (default)")
    explain.add_argument("--method", choices=tuple(METHODS), default="gradcam")
    explain.add_argument(
        "--layers", default="standard", metavar="LAYERS",
        help=f"{', '.join(LAYER_SETS)}, or names of the network's layers with commas, whose maps are averaged",
    )  # fmt: skip
    explain.add_argument(
        "--smoothing", choices=tuple(SMOOTHINGS), default="none",
        help="augmented: mean over mirrored and dimmed images; eigen: first principal component of the channels",
    )  # fmt: skip
    explain.add_argument("--out", type=Path, required=True)
    explain.add_argument("--json", action="store_true")
    _add_map_quality(explain)


def _add_map_quality(parser: argparse.ArgumentParser) -> None:
    """The options of `explain` by which maps are compared and measured; `engine.explain_quality` says what they do."""
    alike = parser.add_argument_group("how alike the maps of the checkpoints are")
    alike.add_argument(
        "--compare", choices=("own", "shared"),
        help="rank correlation, overlap and difference A − B of each pair; each map on its own scale, or on one scale",
    )  # fmt: skip
    alike.add_argument("--top-share", type=float, default=0.1, help="of the pixels, for the overlap (default: 0.1)")
    good = parser.add_argument_group("how good the maps are")
    good.add_argument(
        "--quality", type=formats("localisation", "deletion", "insertion", "randomisation"), default=(),
        metavar="localisation,deletion,insertion,randomisation", help="what is measured; written to quality.json",
    )  # fmt: skip
    good.add_argument(
        "--regions", type=Path, nargs="+", action="extend", default=[], metavar="PATH",
        help="NIH's BBox_List_2017.csv, VinDr's annotations, a folder with masks (those beside an image count anyway)",
    )  # fmt: skip
    good.add_argument(
        "--region-name", type=condition, action="append", default=[], metavar="THEIRS=OURS",
        help="what a finding of the regions is called by the checkpoints; repeatable",
    )  # fmt: skip
    good.add_argument(
        "--sample", type=int, default=0, help="so many images for curves and randomisation (default: all)"
    )
    good.add_argument("--seed", type=int, default=0, help="of random maps, random weights and the sample (default: 0)")
    good.add_argument(
        "--pixels-per-step", type=int, default=0, help="of the curves (default: one row; RISE's 224 at 224 × 224)"
    )
    good.add_argument("--deletion-ground", choices=("zero", "mean"), default="zero", help="what deleted pixels become")
    good.add_argument(
        "--insertion-ground", choices=("blur", "mean", "zero"), default="blur", help="what the image grows out of"
    )


def _explain(options: argparse.Namespace) -> int:
    from xferviewer.engine.explain_quality import compare_and_measure
    from xferviewer.engine.map_quality import QualityChoices
    from xferviewer.engine.overlays import explain_image
    from xferviewer.engine.perturbation_curves import PerturbationChoices

    result: dict[str, Any] = {}
    if options.image is not None:
        result = explain_image(
            options.checkpoints, options.image, options.out,
            frame=options.frame, finding=options.finding, method=options.method, layers=options.layers,
            smoothing=options.smoothing, progress=_tell_maps if METHODS[options.method].slow else None,
            device=options.device, precision=options.precision,
        )  # fmt: skip
    if options.image is None or options.compare is not None or options.quality:
        choice = MapChoice(options.method, options.layers, options.smoothing)
        choices = QualityChoices(
            options.quality, options.finding, choice, tuple(options.regions), dict(options.region_name),
            options.sample,
            PerturbationChoices(
                options.pixels_per_step, options.deletion_ground, options.insertion_ground, options.seed
            ),
        )  # fmt: skip
        result |= compare_and_measure(
            options.checkpoints, options.image, options.images, options.out, choices, frame=options.frame,
            compare=options.compare, top_share=options.top_share, device=options.device,
            precision=options.precision, progress=_tell_measuring,
        )  # fmt: skip
    return tell_result(result, options)


def _tell_measuring(what: str, done: int, total: int) -> None:
    if done == total or done % 50 == 0:
        print(f"{what}: {done} of {total}", file=sys.stderr)


def _tell_maps(done: int, total: int) -> None:
    print(f"\r{100 * done // total:3d} %", end="\n" if done == total else "", file=sys.stderr, flush=True)
