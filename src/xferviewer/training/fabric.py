"""The device of a job, its precision and its helpers on other devices, by Lightning Fabric (docs/decisions/0089)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from lightning_fabric import Fabric

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


def make_fabric(spec: TrainingSpec, given: tuple[str, ...] = ()) -> Fabric:
    """Fabric for the devices that a job was given ("cuda-0"), or names; weights stay float32 at every precision."""
    kind, _, number = spec.machine.device.partition(":")
    devices: Any = [int(number)] if number else spec.machine.devices
    if given:
        kind = given[0].partition("-")[0]
        devices = [int(one.partition("-")[2]) for one in given] if kind == "cuda" else 1
    return Fabric(
        accelerator="gpu" if kind == "cuda" else kind,
        devices=devices,
        precision=_PRECISIONS[spec.recipe.precision],
    )
