"""Devices, precisions and parity checks in words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from html import escape

from PySide6.QtCore import QCoreApplication

from xferviewer.protocol import CheckpointOpened, DeviceOffer, ParityCheck

_GIB = 1 << 30


def device_line(device: str, offers: Sequence[DeviceOffer]) -> tuple[str, str]:
    """A device of the menu, and why it cannot be chosen (empty where it can or while nothing is known)."""
    if device == "auto":
        best = next((offer for offer in offers if not offer.absent), None)
        return (_tr("automatic: {0}").format(best.kind.upper()) if best else _tr("automatic")), ""
    offer = next((offer for offer in offers if offer.kind == device), None)
    if offer is None:
        return device.upper(), ""
    return (device.upper() if offer.absent else f"{device.upper()} · {offer.hardware}"), offer.absent


def precision_line(precision: str, device: str, offers: Sequence[DeviceOffer]) -> tuple[str, str]:
    """A precision of the menu, and why it cannot be chosen on that device."""
    text = {
        "fp32": _tr("fp32 · exact"),
        "bf16": _tr("bf16 · fast, coarse"),
        "fp16": _tr("fp16 · less coarse than bf16"),
    }[precision]
    here = [offer for offer in offers if not offer.absent and device in ("auto", offer.kind)]
    if not here or precision in here[0].precisions:
        return text, ""
    refusals = (refused.partition(": ")[2] for refused in here[0].refused if refused.startswith(precision))
    return text, next(refusals, "")


def check_lines(check: ParityCheck) -> list[str]:
    """One check: how far logits and probabilities are from those of the CPU in fp32, and how far they may be."""
    where = f"{check.kind.upper()} {check.precision}"
    if check.logit_difference is None or check.probability_difference is None:
        return [_tr("{0} is not used: {1}").format(where, check.why)]
    differences = _tr("    from CPU fp32: probability {0} (at most {1}), logit {2} (at most {3})").format(
        f"{check.probability_difference:.2g}",
        f"{check.probability_tolerance:.2g}",
        f"{check.logit_difference:.2g}",
        f"{check.logit_tolerance:.2g}",
    )
    return [(_tr("{0} was checked") if check.passed else _tr("{0} is not used")).format(where), differences]


def use_lines(opened: CheckpointOpened) -> list[str]:
    """What a checkpoint computes on, then its checks."""
    if not opened.checks:
        return [opened.device, _tr("the reference itself: nothing to compare")]
    return [opened.device, *(line for check in opened.checks for line in check_lines(check))]


def computer_line(offer: DeviceOffer) -> str:
    """A device of this computer in a line, or why it has none; empty for what nobody looks for on such a computer."""
    if offer.absent:
        wanted = offer.kind != "mps" or sys.platform == "darwin"
        return _tr("{0}: not here. {1}").format(offer.kind.upper(), offer.absent) if wanted else ""
    memory = _tr(", {0} GiB").format(f"{offer.memory_bytes / _GIB:.0f}") if offer.memory_bytes else ""
    return f"{offer.kind.upper()}: {offer.hardware}{memory}"


def parity_lines(in_use: Sequence[tuple[str, CheckpointOpened]]) -> list[str]:
    """What checkpoints compute on, with their names, and how far that is from the CPU's numbers."""
    alike: dict[str, list[tuple[str, CheckpointOpened]]] = {}
    for name, opened in in_use:
        alike.setdefault(opened.device, []).append((name, opened))
    lines = []
    for device, group in alike.items():
        names = ", ".join(name for name, _ in group)
        checks = [check for _, opened in group for check in opened.checks]
        passed = [check for check in checks if check.passed and check.probability_difference is not None]
        if passed:
            furthest = max(passed, key=lambda check: check.probability_difference or 0.0)
            lines.append(
                _tr(
                    "{0}: computed on {1}; checked, no probability further than {2} from the CPU's (at most {3})"
                ).format(
                    names, device, f"{furthest.probability_difference:.2g}", f"{furthest.probability_tolerance:.2g}"
                )
            )
        else:
            lines.append(_tr("{0}: computed on {1}, the reference of all other devices").format(names, device))
        refused = dict.fromkeys(f"{check.kind.upper()} {check.precision}: {check.why}" for check in checks if check.why)
        lines += [_tr("    not used: {0}").format(why) for why in refused]
    return lines


def tool_tip(in_use: Sequence[tuple[str, CheckpointOpened]]) -> str:
    """What every checkpoint, with its name, computes on. Plain text; empty while none is open."""
    return "\n".join("\n    ".join([name, *use_lines(opened)]) for name, opened in in_use)


def details(offers: Iterable[DeviceOffer], in_use: Sequence[tuple[str, CheckpointOpened]]) -> str:
    """What this computer has, and what every checkpoint, with its name, computes on, as rich text."""
    here = "".join(_block(offer.kind.upper(), _offer_lines(offer)) for offer in offers)
    used = "".join(_block(name, use_lines(opened)) for name, opened in in_use)
    nothing = escape(_tr("The engine has not opened a checkpoint yet."))
    return (
        f"<b>{escape(_tr('This computer'))}</b>{here}<p>&nbsp;</p>"
        f"<b>{escape(_tr('In use'))}</b>{used or f'<p>{nothing}</p>'}"
    )


def _offer_lines(offer: DeviceOffer) -> list[str]:
    if offer.absent:
        return [_tr("not here"), offer.absent]
    memory = _tr(", {0} GiB").format(f"{offer.memory_bytes / _GIB:.0f}") if offer.memory_bytes else ""
    return [f"{offer.hardware}{memory}", offer.software, ", ".join(offer.precisions), *offer.refused]


def _block(heading: str, lines: Iterable[str]) -> str:
    """Lines below a heading; a message box would rather be high than wide, and cuts off what is wider."""
    below = "<br>".join(escape(line).replace("    ", "&nbsp;" * 4) for line in lines)
    return f'<p>{escape(heading)}</p><p style="white-space: nowrap; margin: 0 0 0 16px">{below}</p>'


def _tr(text: str) -> str:
    return QCoreApplication.translate("device_words", text)
