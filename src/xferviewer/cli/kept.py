"""`cache`: what jobs keep for later jobs, and how to be rid of it."""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from xferviewer.cli.options import DONE, SOME_FAILED, command, print_json

KINDS = ("planes", "features")


def add_to(commands: Any) -> None:
    """Add this sub-command to those of a parser."""
    cache = command(commands, "cache", _cache, "what training keeps for later jobs: decoded images, features")
    cache.add_argument("--clear", choices=(*KINDS, "all"), help="remove it; jobs make anew what they need")
    cache.add_argument("--json", action="store_true")


def _cache(options: argparse.Namespace) -> int:
    from xferviewer.settings import data_folder
    from xferviewer.training.array_store import stored_bytes

    folders = {kind: data_folder() / kind for kind in KINDS}
    for kind in KINDS if options.clear == "all" else (options.clear,) if options.clear else ():
        shutil.rmtree(folders[kind], ignore_errors=True)
    found = {kind: {"folder": str(folder), "bytes": stored_bytes(folder)} for kind, folder in folders.items()}
    if options.json:
        print_json({"kept": found, "cleared": options.clear})
    else:
        for kind, one in found.items():
            print(f"{kind}: {one['bytes'] / 1e6:.1f} MB in {one['folder']}")
    left = options.clear and any(one["bytes"] for kind, one in found.items() if options.clear in (kind, "all"))
    return SOME_FAILED if left else DONE  # a running job on Windows holds its files
