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
    sizes = {kind: stored_bytes(folder) for kind, folder in folders.items()}
    if options.json:
        kept = {kind: {"folder": str(folder), "bytes": sizes[kind]} for kind, folder in folders.items()}
        print_json({"kept": kept, "cleared": options.clear})
    else:
        for kind, folder in folders.items():
            print(f"{kind}: {sizes[kind] / 1e6:.1f} MB in {folder}")
    left = any(sizes[kind] for kind in KINDS if options.clear in (kind, "all"))
    return SOME_FAILED if left else DONE  # a running job on Windows holds its files
