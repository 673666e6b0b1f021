"""Saliency maps of one image as files: what `xferviewer explain` writes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.input_guard import flags_of
from xferviewer.engine.chosen_maps import chosen_maps
from xferviewer.engine.device import DeviceName, Precision, choose_device
from xferviewer.engine.devices import describe_use, take_warnings
from xferviewer.engine.inference import load
from xferviewer.engine.perturbed_maps import Progress
from xferviewer.errors import EngineFailure, UnusableChoice, UnusableTable
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.networks.input_measuring import measured_input
from xferviewer.networks.preprocessing import Presentations, seen_part
from xferviewer.saliency_methods import MapChoice, Method, Smoothing
from xferviewer.studies.images import present, read_image

OPACITY = 0.5
CUT_OFF = 0.25
"""As the window draws maps at its first start: the same opacity for all that lies above the cut-off."""


def explain_image(
    checkpoints: Sequence[Path],
    image_path: Path,
    out: Path,
    *,
    frame: int = 0,
    finding: str = "all",
    method: Method = "gradcam",
    layers: str = "standard",
    smoothing: Smoothing = "none",
    device: DeviceName = "auto",
    precision: Precision = "fp32",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a float32 .npy in [0, 1] at the network's resolution and an overlay PNG at the image's size for each map.

    The answer lists them under "maps", with the probability of the finding and, where a map is zero everywhere,
    "no_positive_evidence", under "in_use" what each checkpoint computed on, and under "notes" what was done otherwise
    than asked; under "flags" stands for each checkpoint what it does not expect of the image; under "failed" the
    checkpoints that no such map can be made of. Raises UnreadableImage, UnusableCheckpoint, UnusableTable for a finding
    nobody was trained for, UnusableChoice, UnusableFolder, and EngineFailure where no checkpoint has such a map.
    """
    choice = _choice(method, layers, smoothing)
    chosen = choose_device(device)
    image = read_image(image_path, frame)
    presentation, presentations = present(image), Presentations(image)
    flags: dict[str, list[dict[str, str]]] = {}
    maps: list[dict[str, Any]] = []
    refused: list[EngineFailure] = []
    failed: list[dict[str, str]] = []
    in_use: list[dict[str, Any]] = []
    notes: list[dict[str, str]] = []
    for folder in checkpoints:
        loaded = load(folder, chosen, precision)
        in_use += describe_use([loaded])
        notes += take_warnings([loaded])
        checkpoint = loaded.checkpoint
        wanted = [f for f in checkpoint.trained_findings if finding in ("all", f)]
        if not wanted:
            continue
        made = checkpoint.preprocessing
        tensor, measures = measured_input(image, presentations.of(made), made)
        flags[checkpoint.name] = [asdict(flag) for flag in flags_of(measures, checkpoint.card)]
        try:
            explanation = chosen_maps(loaded, tensor, wanted, choice, progress)
        except EngineFailure as error:
            refused.append(error)
            failed.append({"path": str(folder), **error.as_dict()})
            continue
        part = seen_part(presentation.shape[0], presentation.shape[1], checkpoint.preprocessing)
        probabilities = scores_from_logits(explanation.logits[np.newaxis], checkpoint.task)[0]
        for name, values in zip(explanation.findings, explanation.maps, strict=True):
            if name not in wanted:
                continue
            stem = out / f"{checkpoint.name}-{name}-{_named(choice)}"
            map_file, overlay_file = stem.with_name(stem.name + ".npy"), stem.with_name(stem.name + ".png")
            write_atomically(map_file, npy_bytes(values))
            write_atomically(overlay_file, _png(_overlay(presentation, values, part)))
            maps.append(
                {
                    "checkpoint": checkpoint.name,
                    "finding": name,
                    "probability": float(probabilities[checkpoint.findings.index(name)]),
                    "method": method,
                    "layer": explanation.layer,
                    "layers": layers,
                    "smoothing": smoothing,
                    "class_agnostic": choice.facts.class_agnostic,
                    "about": choice.facts.about,
                    "map": str(map_file),
                    "overlay": str(overlay_file),
                    "no_positive_evidence": name in explanation.without_evidence,
                }
            )
    if not maps and refused:
        raise refused[0]
    if not maps:
        raise UnusableTable(
            f"There is no map for {finding}.",
            "None of the checkpoints was trained for this finding.",
            "Name one of their findings, or all.",
        )
    return {
        "image": str(image_path), "maps": maps, "flags": flags, "in_use": in_use, "notes": notes, "failed": failed
    }  # fmt: skip


def _choice(method: Method, layers: str, smoothing: Smoothing) -> MapChoice:
    try:
        return MapChoice(method, layers, smoothing)
    except ValueError as error:
        raise UnusableChoice("There is no such map.", f"{error}", "Choose another method or smoothing.") from error


def _named(choice: MapChoice) -> str:
    """The choice in a file's name; what stands by itself is left out."""
    layers = "" if choice.layers == "standard" or not choice.facts.takes_layers else f"-{choice.layers}"
    smoothing = "" if choice.smoothing == "none" else f"-{choice.smoothing}"
    return f"{choice.method}{layers.replace(',', '+')}{smoothing}"


def _overlay(
    presentation: NDArray[np.float32], values: NDArray[np.float32], part: tuple[float, float, float, float]
) -> NDArray[np.uint8]:
    """The film (rows, columns, 3) uint8 with the map over the part of it that the network saw."""
    from matplotlib import colormaps
    from PIL import Image

    film = presentation if presentation.ndim == 3 else np.repeat(presentation[..., np.newaxis], 3, axis=2)
    rows, columns = film.shape[:2]
    top, bottom = round(part[0] * rows), round(part[2] * rows)
    left, right = round(part[1] * columns), round(part[3] * columns)
    fitted = Image.fromarray(values).resize((right - left, bottom - top), Image.Resampling.BILINEAR)
    placed = np.zeros((rows, columns), dtype=np.float32)
    seen = np.asarray(fitted)
    inside = np.s_[max(top, 0) : min(bottom, rows), max(left, 0) : min(right, columns)]
    placed[inside] = seen[max(-top, 0) :, max(-left, 0) :][: placed[inside].shape[0], : placed[inside].shape[1]]
    colours = colormaps["inferno"](placed)[..., :3]
    opacity = np.where(placed >= CUT_OFF, OPACITY, 0.0)[..., np.newaxis]
    return np.asarray(np.rint(255 * (film * (1 - opacity) + colours * opacity)), dtype=np.uint8)


def npy_bytes(values: NDArray[np.float32]) -> bytes:
    """A float32 array as an .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, values.astype(np.float32, copy=False), allow_pickle=False)
    return buffer.getvalue()


def _png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
