"""`settings`: what is set, where it comes from, and how to change it without the window."""

from __future__ import annotations

import argparse
import json
import tomllib
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import DONE, command, print_json

if TYPE_CHECKING:
    from xferviewer.settings import InForce


def add_to(commands: Any) -> None:
    """Add this sub-command to those of a parser."""
    settings = command(commands, "settings", _settings, "what is set, where it comes from, and where data are kept")
    settings.add_argument("--set", nargs="+", metavar="KEY=VALUE", type=_change, default=[], dest="changes")
    settings.add_argument("--unset", nargs="+", metavar="KEY", default=[], help="let it follow its default again")
    settings.add_argument("--json", action="store_true")


def _change(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key, value


def _settings(options: argparse.Namespace) -> int:
    from xferviewer.settings import Settings, change_settings, settings_file, settings_in_force

    if options.changes or options.unset:
        changes = {key: _value(text, getattr(Settings(), key, "")) for key, text in options.changes}
        change_settings(settings_file(), changes, options.unset)
    described = describe(settings_in_force(settings_file()))
    if options.json:
        print_json(described)
    else:
        print("\n".join(_lines(described)))
    return DONE


def _value(text: str, default: Any) -> Any:
    """The words of a command line in the kind of a setting; texts of a list have commas between them, or are TOML's."""
    if isinstance(default, str):
        return text
    try:
        read = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        read = text
    if isinstance(default, tuple):
        return (
            tuple(read) if isinstance(read, list) else tuple(part.strip() for part in text.split(",") if part.strip())
        )
    return read


def describe(found: InForce) -> dict[str, Any]:
    """`{"settings": {KEY: {"value", "origin", "locked"}}, "allowed_devices", "folders", "complaints"}`.

    origin   "built in", "policy default", "settings file" or "policy lock"
    folders  data, settings, log, policy: where each lies; policy is null where the computer has none
    """
    from xferviewer import settings

    values = {
        key: {"value": getattr(found.settings, key), "origin": origin, "locked": bool(found.policy.lock_of(key))}
        for key, origin in found.origins.items()
    }
    return {
        "settings": values,
        "allowed_devices": list(settings.allowed_devices()),
        "folders": {
            "data": str(settings.data_folder()),
            "settings": str(settings.settings_file()),
            "log": str(settings.log_folder()),
            "policy": str(found.policy.file) if found.policy.file else None,
        },
        "complaints": found.complaints,
    }


def _lines(described: dict[str, Any]) -> list[str]:
    """The same to read, one line each."""
    folders = [f"{name}: {path or 'none'}" for name, path in described["folders"].items()]
    devices = f"devices that may compute: {', '.join(described['allowed_devices'])}"
    width = max(map(len, described["settings"]))
    origins = {
        "built in": "",
        "policy default": "  (policy)",
        "settings file": "  (yours)",
        "policy lock": "  (locked)",
    }
    values = [
        f"{key:<{width}}  {json.dumps(each['value'], ensure_ascii=False)}{origins[each['origin']]}"
        for key, each in described["settings"].items()
    ]
    return [*folders, devices, "", *values, *described["complaints"]]
