"""`devices` and `selftest`: what this computer can do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    DONE,
    SOME_FAILED,
    add_device,
    command,
    print_json,
)

if TYPE_CHECKING:
    pass


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    devices = command(commands, "devices", _devices, "what this computer has to compute on, and what each can")
    devices.add_argument("--json", action="store_true")
    selftest = command(commands, "selftest", _selftest, "device, decoders, a prediction and a map end to end")
    add_device(selftest)
    selftest.add_argument("--json", action="store_true")


def _selftest(options: argparse.Namespace) -> int:
    from xferviewer.engine.selftest import run_selftest

    result = run_selftest(options.device, options.precision)
    if options.json:
        print_json(result)
    else:
        for check in result["checks"]:
            print(
                f"{'ok    ' if check['ok'] else 'FAILED'} {check['name']} ({check['seconds']:.1f} s) {check['message']}"
            )
    return DONE if result["ok"] else SOME_FAILED


def _devices(options: argparse.Namespace) -> int:
    from xferviewer.engine.devices import describe_devices, device_lines

    described = describe_devices()
    if options.json:
        print_json(described)
    else:
        print("\n".join(device_lines(described)))
    return DONE
