"""The device of a job, its precision and its helpers on other devices, by Lightning Fabric (docs/decisions/0089)."""

from __future__ import annotations

import contextlib
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from xferviewer.engine.device import DeviceName, choose_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xferviewer.jobs.spec import TrainingSpec

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


def make_fabric(spec: TrainingSpec, given: Sequence[str] = ()) -> Fabric:
    """Fabric for the devices that a job was given ("cuda-0"), or names; weights stay float32 at every precision.

    With several devices it has met the other processes when it returns (training.several_devices).

    Raises EngineFailure for a device that is not here or that the policy of the computer does not allow.
    """
    kind, _, number = spec.machine.device.partition(":")
    devices: Any = [int(number)] if number else spec.machine.devices
    if given:
        kind = given[0].partition("-")[0]
        devices = [int(one.partition("-")[2]) for one in given] if kind == "cuda" else spec.machine.devices
    kind = choose_device(cast("DeviceName", kind)).type
    several: Any = {}
    if spec.machine.devices > 1:
        # a paused job lets its helpers wait for as long as it likes; layers that learn later have no gradient yet
        waits = timedelta(days=365)
        gradual = bool(spec.recipe.layers.unfreeze_every)
        several["strategy"] = DDPStrategy(timeout=waits, find_unused_parameters=gradual)
    fabric = Fabric(
        accelerator="gpu" if kind == "cuda" else kind,
        devices=devices,
        precision=_PRECISIONS[spec.recipe.precision],
        **several,
    )
    with contextlib.redirect_stderr(io.StringIO()):  # it prints a banner for each process
        fabric.launch()
    return fabric
