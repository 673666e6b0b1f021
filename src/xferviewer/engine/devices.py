"""What `xferviewer devices` lists, and what a result says of the devices that made it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xferviewer.engine.device import choose_device, describe, offers

if TYPE_CHECKING:
    from xferviewer.engine.inference import LoadedCheckpoint


def describe_devices() -> dict[str, Any]:
    """What "auto" takes, under "automatic", and under "devices" CUDA, MPS and CPU, also those that are not there.

    The keys of a device are the fields of `protocol.DeviceOffer`, which says what they mean.
    """
    return {"automatic": choose_device().type, "devices": [asdict(offer) for offer in offers()]}


def device_lines(described: dict[str, Any]) -> Iterator[str]:
    """The same as lines to read."""
    for device in described["devices"]:
        if device["absent"]:
            yield f"{device['kind']:<5} not here: {device['absent']}"
            continue
        memory = f", {device['memory_bytes'] / 2**30:.0f} GiB" if device["memory_bytes"] else ""
        chosen = " (automatic)" if device["kind"] == described["automatic"] else ""
        yield f"{device['kind']:<5} {device['hardware']}{memory}; {device['software']}{chosen}"
        yield f"      {', '.join(device['precisions'])}"
        yield from (f"      not {refused}" for refused in device["refused"])


def describe_use(loaded: Sequence[LoadedCheckpoint]) -> list[dict[str, Any]]:
    """What each checkpoint really computed on, and the parity checks that led there, in their order."""
    return [
        {
            "checkpoint": one.checkpoint.name,
            "device": one.device.type,
            "precision": one.precision,
            "described": describe(one.device, one.precision),
            "checks": [asdict(check) for check in one.checks],
        }
        for one in loaded
    ]


def take_warnings(loaded: Sequence[LoadedCheckpoint]) -> list[dict[str, str]]:
    """What the user is to be told of these checkpoints, each once: with the checkpoint's name, in three parts."""
    told = []
    for one in loaded:
        while one.warnings:
            told.append({"checkpoint": one.checkpoint.name, **one.warnings.pop(0).as_dict()})
    return told
