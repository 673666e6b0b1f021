"""What `xferviewer explain` does beside writing maps: compares those of checkpoints, measures how good they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xferviewer.engine.device import DeviceName, Precision, choose_device
from xferviewer.engine.inference import load
from xferviewer.engine.map_comparison import Scale, compare_checkpoints
from xferviewer.engine.map_quality import Progress, QualityChoices, measure_quality
from xferviewer.errors import UnusableChoice, UnusableFolder
from xferviewer.studies.selection import SelectedImage, select_images


def compare_and_measure(
    checkpoints: Sequence[Path],
    image: Path | None,
    images: Path | None,
    out: Path,
    choices: QualityChoices,
    *,
    frame: int = 0,
    compare: Scale | None = None,
    top_share: float,
    device: DeviceName = "auto",
    precision: Precision = "fp32",
    progress: Progress = lambda *_: None,
) -> dict[str, Any]:
    """ "pairs" for `compare`, "quality" for the measures, "failed" for images that could not be measured.

    One image with its frame, or a folder, a table or a catalogue of `images`. Raises UnusableChoice for options that do
    not go together, UnusableFolder without images, and what `measure_quality` raises.
    """
    _check(image, images, choices, compare, top_share)
    chosen = choose_device(device)
    loaded = [load(folder, chosen, precision) for folder in checkpoints]
    result: dict[str, Any] = {}
    if compare is not None and image is not None:
        result["pairs"] = compare_checkpoints(
            loaded, image, out, frame=frame, finding=choices.finding, method=choices.method, scale=compare,
            top_share=top_share,
        )  # fmt: skip
    if choices.measures:
        result["quality"] = measure_quality(loaded, _selected(image, images, frame), out, choices, progress)
        result["failed"] = result["quality"].pop("failed")
        result["quality_file"] = str(out / "quality.json")
    return result


def _selected(image: Path | None, images: Path | None, frame: int) -> Sequence[SelectedImage]:
    if image is not None:
        return [SelectedImage(image.name, image, frame)]
    assert images is not None  # noqa: S101  _check has seen to it
    selected = select_images(images).images
    if not selected:
        raise UnusableFolder(f"{images} holds no image.", "None of its files is one.", "Choose a folder with images.")
    return selected


def _check(
    image: Path | None, images: Path | None, choices: QualityChoices, compare: Scale | None, top_share: float
) -> None:
    if (image is None) == (images is None):
        raise UnusableChoice("It is not clear which image is meant.", "Both or none were named.", "Name one of them.")
    if images is not None and compare is not None:
        raise UnusableChoice(
            "Maps of a cohort are not compared in pairs.", "--compare is for one image.", "Name it with --image."
        )
    if images is not None and not choices.measures:
        raise UnusableChoice(
            "Nothing is to be measured.",
            "For --images no maps are written; --quality says what is measured.",
            "Add --quality, for example --quality localisation, or name one image with --image.",
        )
    if not 0 < top_share <= 1:
        raise UnusableChoice(
            f"{top_share} is no share of the pixels.", "It lies between 0 and 1.", "Say for example 0.1."
        )
    if choices.perturbation.step < 0 or choices.sample < 0 or choices.perturbation.seed < 0:
        raise UnusableChoice("A number is impossible.", "A step, a sample or a seed is below zero.", "Correct it.")
