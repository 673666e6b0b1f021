"""How good maps are, over one image or a cohort: what `explain --quality` tells and writes as quality.json."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.folder import file_digest
from xferviewer.engine.inference import LoadedCheckpoint
from xferviewer.engine.map_localisation import localise_images
from xferviewer.engine.perturbation_curves import (
    GAMES,
    RISE,
    PerturbationChoices,
    PerturbationCurves,
    perturbation_curves,
)
from xferviewer.engine.randomisation import LIKENESS, randomised_maps
from xferviewer.errors import UnusableChoice, UnusableRegions, XferviewerError
from xferviewer.evaluation.estimate import Estimate, of_mean
from xferviewer.evaluation.localisation import (
    MEASURES,
    SHARE_OF_MAXIMUM,
    TOLERANCE,
    LocalisationSummary,
    MeasuredMap,
    summarise,
)
from xferviewer.evaluation.map_similarity import undefined_as_none
from xferviewer.networks.preprocessing import Presentations, present_to_tensor
from xferviewer.saliency_methods import STANDARD, MapChoice
from xferviewer.studies.images import read_image
from xferviewer.studies.region_files import regions_of
from xferviewer.studies.regions import Regions
from xferviewer.studies.selection import SelectedImage

QUALITY_VERSION = 1
QUALITIES = ("localisation", *GAMES, "randomisation")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class QualityChoices:
    """What is measured, and how.

    measures      of QUALITIES
    finding       a finding's name, or "all"
    regions       tables of boxes and folders of masks, beside the masks that lie with the images
    names         what findings of the regions are called here
    sample        so many images, drawn by the seed, for curves and randomisation; 0: all
    perturbation  how curves are computed; its seed is that of everything drawn by lot
    """

    measures: tuple[str, ...]
    finding: str = "all"
    choice: MapChoice = STANDARD
    regions: tuple[Path, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    sample: int = 0
    perturbation: PerturbationChoices = RISE


def measure_quality(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    out: Path,
    choices: QualityChoices,
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """Measure the maps of these images and write all of it to out/quality.json; the same as a dictionary.

    Images that could not be measured stand under "failed" with their reasons. Raises UnusableRegions where a
    localisation is asked for and nothing is marked, UnusableChoice for a finding that nobody was trained for.
    """
    _check_finding(checkpoints, choices.finding)
    failed: list[dict[str, Any]] = []
    result: dict[str, Any] = {
        "version": QUALITY_VERSION,
        "method": choices.choice.method,
        "layers": choices.choice.layers,
        "smoothing": choices.choice.smoothing,
        "seed": choices.perturbation.seed,
        "n_images": len(images),
        "checkpoints": [
            {
                "name": loaded.checkpoint.name,
                "weights_sha256": loaded.checkpoint.weights_sha256,
                "preprocessing": loaded.checkpoint.preprocessing.digest,
                "precision": loaded.precision,
                "device": loaded.device.type,
            }
            for loaded in checkpoints
        ],
    }
    if "localisation" in choices.measures:
        result |= _localisation(checkpoints, images, choices, failed, progress)
    sample = sampled(images, choices.sample, choices.perturbation.seed)
    if set(GAMES) & set(choices.measures):
        result["curves"] = _curves(checkpoints, sample, choices, failed, progress)
    if "randomisation" in choices.measures:
        result["randomisation"] = _randomisation(checkpoints, sample, choices, failed, progress)
    result["failed"] = list({entry["path"]: entry for entry in failed}.values())
    write_atomically(out / "quality.json", (json.dumps(result, indent=1, allow_nan=False) + "\n").encode())
    return result


def sampled(images: Sequence[SelectedImage], count: int, seed: int) -> list[SelectedImage]:
    """`count` of the images (0: all), drawn without replacement, in their order."""
    if not 0 < count < len(images):
        return list(images)
    chosen = np.random.default_rng(seed).choice(len(images), count, replace=False)
    return [images[place] for place in sorted(chosen.tolist())]


def _check_finding(checkpoints: Sequence[LoadedCheckpoint], finding: str) -> None:
    known = {name for loaded in checkpoints for name in loaded.checkpoint.trained_findings}
    if finding != "all" and finding not in known:
        raise UnusableChoice(
            f"There is no map for {finding}.",
            "None of the checkpoints was trained for this finding.",
            "Name one of their findings, or all.",
        )


def _localisation(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    choices: QualityChoices,
    failed: list[dict[str, Any]],
    progress: Progress,
) -> dict[str, Any]:
    regions = regions_of((image.path for image in images), choices.regions, choices.names)
    only = "" if choices.finding == "all" else choices.finding
    measured: list[MeasuredMap] = []
    for result in localise_images(
        checkpoints, [(image.path, image.frame) for image in images], regions, choices.choice, only
    ):
        image = images[result.place]
        if result.error is not None:
            failed.append({"path": image.name, **result.error.as_dict()})
        measured += [
            MeasuredMap(image.name, checkpoints[place].checkpoint.name, finding, localisation, image.patient)
            for place, finding, localisation in result.measures
        ]
        progress("localisation", result.place + 1, len(images))
    if not measured and not failed:
        raise _nothing_marked(checkpoints, regions)
    return {
        "regions": {
            "sources": [str(source) for source in choices.regions],
            "files": len(regions.sources),
            "sha256": _digest_of(regions.sources),
            "names": dict(choices.names),
        },
        "localisation": {
            "tolerance_pixels": TOLERANCE,
            "share_of_maximum": SHARE_OF_MAXIMUM,
            "summaries": [summary_as_dict(summary) for summary in summarise(measured)],
            "maps": [
                {"image": one.image, "checkpoint": one.checkpoint, "finding": one.finding}
                | {name: undefined_as_none(getattr(one.localisation, name)) for name in MEASURES}
                for one in measured
            ],
        },
    }


def _nothing_marked(checkpoints: Sequence[LoadedCheckpoint], regions: Regions) -> UnusableRegions:
    marked = ", ".join(regions.findings()) or "nothing"
    trained = ", ".join(dict.fromkeys(f for loaded in checkpoints for f in loaded.checkpoint.trained_findings))
    return UnusableRegions(
        "No map can be measured against a region.",
        f"The regions mark {marked}; the checkpoints were trained for {trained}; or no image has a region.",
        "Name the regions with --regions, and findings of other names with --region-name THEIRS=OURS.",
    )


def summary_as_dict(summary: LocalisationSummary) -> dict[str, Any]:
    """A summary for JSON: `finding` is null in the mean over findings, undefined numbers are null."""
    values = {
        name: _estimate(value) if isinstance(value, Estimate) else value
        for name in summary.__dataclass_fields__
        for value in (getattr(summary, name),)
    }
    return values | {"finding": summary.finding or None}


def _digest_of(files: Iterable[Path]) -> str:
    """One SHA-256 of the bytes of all files, in the order of their digests: it does not depend on where they lie."""
    digests = sorted(file_digest(file) for file in set(files))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def _curves(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    choices: QualityChoices,
    failed: list[dict[str, Any]],
    progress: Progress,
) -> dict[str, Any]:
    games = tuple(game for game in GAMES if game in choices.measures)
    perturbation = PerturbationChoices(**{**asdict(choices.perturbation), "games": games})
    areas: dict[tuple[str, str], list[dict[str, float]]] = {}
    maps = []
    work = _each_map(checkpoints, images, choices, failed)
    for place, (image, loaded, finding, tensor, identity) in enumerate(work):
        for done, total, curves in perturbation_curves(loaded, tensor, finding, identity, perturbation, choices.choice):
            progress(f"curves of map {place + 1}", done, total)
            if curves is not None:
                of_one = _areas(curves)
                areas.setdefault((loaded.checkpoint.name, finding), []).append(of_one)
                named = {name: scores.tolist() for name, scores in curves.scores.items()}
                maps.append(
                    {"image": image.name, "checkpoint": loaded.checkpoint.name, "finding": finding}
                    | named
                    | {f"{name}_area": area for name, area in of_one.items()}
                )
    return {
        "pixels_per_step": perturbation.step,
        "deletion_ground": perturbation.deletion,
        "insertion_ground": perturbation.insertion,
        "maps": maps,
        "means": [
            {"checkpoint": checkpoint, "finding": finding, "n": len(each)} | _mean_areas(each)
            for (checkpoint, finding), each in areas.items()
        ],
    }


def _areas(curves: PerturbationCurves) -> dict[str, float]:
    """The area under each curve, and how far each game lies above that of the map drawn by lot."""
    areas = {name: curves.area(name) for name in curves.scores}
    differences = {f"{game}_minus_random": areas[game] - areas[f"{game}_random"] for game in GAMES if game in areas}
    return areas | differences


def _mean_areas(areas: Sequence[dict[str, float]]) -> dict[str, Any]:
    return {f"{name}_area": _estimate(of_mean(np.array([one[name] for one in areas]))) for name in areas[0]}


def _randomisation(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    choices: QualityChoices,
    failed: list[dict[str, Any]],
    progress: Progress,
) -> dict[str, Any]:
    maps = []
    work = _each_map(checkpoints, images, choices, failed)
    for place, (image, loaded, finding, tensor, _) in enumerate(work):
        groups = []
        for done, total, result in randomised_maps(loaded, tensor, finding, choices.perturbation.seed, choices.choice):
            progress(f"random weights of map {place + 1}", done, total)
            likeness = {name: undefined_as_none(getattr(result, name)) for name in LIKENESS}
            groups.append({"group": result.group} | likeness)
        maps.append({"image": image.name, "checkpoint": loaded.checkpoint.name, "finding": finding, "groups": groups})
    return {"maps": maps}


def _each_map(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    choices: QualityChoices,
    failed: list[dict[str, Any]],
) -> Iterable[tuple[SelectedImage, LoadedCheckpoint, str, Any, str]]:
    """Image, checkpoint, finding, input and identity of every map that is measured."""
    for selected in images:
        try:
            image = read_image(selected.path, selected.frame)
        except XferviewerError as error:
            failed.append({"path": selected.name, **error.as_dict()})
            continue
        presentations = Presentations(image)
        for loaded in checkpoints:
            made = loaded.checkpoint.preprocessing
            tensor = present_to_tensor(presentations.of(made), made)
            for finding in loaded.checkpoint.trained_findings:
                if choices.finding in ("all", finding):
                    yield selected, loaded, finding, tensor, image.identity


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {
        name: None if math.isnan(value) else value
        for name in ("value", "lower", "upper")
        for value in (getattr(estimate, name),)
    }
