"""The self-test: device, decoders, a prediction and a map, end to end, on films and checkpoints made or bundled."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xferviewer.engine.device import DeviceName, Precision, choose_device, describe
from xferviewer.engine.devices import describe_devices, describe_use
from xferviewer.engine.inference import load
from xferviewer.engine.saliency import explain
from xferviewer.errors import XferviewerError
from xferviewer.networks.preprocessing import to_tensor
from xferviewer.resources import bundled_checkpoints, resource
from xferviewer.studies.images import present, read_image


def run_selftest(device: DeviceName = "auto", precision: Precision = "fp32") -> dict[str, Any]:
    """Run all checks; a failed one does not stop the others. `{"ok", "device", "devices", "checks", "in_use"}`.

    checks   [{"name", "ok", "seconds", "message"}]
    devices  what the computer offers (`engine.devices`)
    in_use   what each checkpoint computed on, with its parity checks, made anew
    """
    described = "none"
    checks: list[dict[str, Any]] = []
    in_use: list[dict[str, Any]] = []

    def check(name: str, body: Callable[[], str]) -> None:
        begun = time.monotonic()
        try:
            message, ok = body(), True
        except XferviewerError as error:
            message, ok = str(error), False
        except Exception as error:  # noqa: BLE001  a self-test reports whatever is wrong
            message, ok = f"{type(error).__name__}: {error}", False
        checks.append({"name": name, "ok": ok, "seconds": time.monotonic() - begun, "message": message})

    def use_device() -> str:
        nonlocal described
        described = describe(choose_device(device), precision)
        return described

    check("device", use_device)
    check("decoders", _decode)
    check("demo studies", _read_demo)
    for folder in bundled_checkpoints():
        check(f"checkpoint {folder.name}", lambda folder=folder: _predict(folder, device, precision, in_use))  # type: ignore[misc]
    return {
        "ok": all(entry["ok"] for entry in checks),
        "device": described,
        "devices": describe_devices()["devices"],
        "checks": checks,
        "in_use": in_use,
    }


def _decode() -> str:
    """A film in each compression decodes to the pixels that were put in.

    The phantom writes all but JPEG lossless, for which there is no encoder here: that film is bundled, made of the
    phantom's first by gdcm.
    """
    from xferviewer.studies.phantom import render_film, write_cohort

    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder), 8, 0, "A", size=64, masks=False)
        syntaxes = set()
        written = list(enumerate(sorted(Path(folder).glob("images/*.dcm"))))
        for index, path in [*written, (0, resource("selftest/jpeg-lossless.dcm"))]:
            image = read_image(path)
            if not np.array_equal(image.pixels, render_film(0, "A", index, 64).pixels):
                raise ValueError(f"{image.facts.transfer_syntax} does not decode to the pixels that were stored")
            syntaxes.add(image.facts.transfer_syntax)
    return ", ".join(sorted(syntaxes))


def _demo_images() -> list[Path]:
    return sorted(resource("demo").glob("*/images/*.dcm"))


def _read_demo() -> str:
    images = _demo_images()
    for path in images:
        present(read_image(path))
    return f"{len(images)} films"


def _predict(folder: Path, device: DeviceName, precision: Precision, in_use: list[dict[str, Any]]) -> str:
    """A prediction and its maps, where they were asked for: the parity check of `load` passed. Adds to `in_use`."""
    loaded = load(folder, choose_device(device), precision, check_anew=True)
    in_use += describe_use([loaded])
    if loaded.warnings:
        raise loaded.warnings[0]
    tensor = to_tensor(read_image(_demo_images()[0]), loaded.checkpoint.preprocessing)
    logits = loaded.logits(tensor[None])[0]
    explanation = explain(loaded, tensor)
    if not np.isfinite(logits).all() or explanation.maps.shape[0] != len(loaded.checkpoint.findings):
        raise ValueError("a logit is not finite, or maps are missing")
    if not loaded.checks:
        return f"{describe(loaded.device, loaded.precision)}: the reference of all others"
    check = loaded.checks[-1]
    return (
        f"largest difference from the CPU in fp32: of a logit {check.logit_difference:.2g}, of a probability "
        f"{check.probability_difference:.2g}"
    )
