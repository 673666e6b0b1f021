"""Lengths of time and amounts of memory as people say them. No Qt."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """`40 s`, `7 min`, `2 h 05 min`, `3 d 4 h`; a dash for what nobody knows."""
    if not math.isfinite(seconds) or seconds < 0:
        return "–"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def memory(size: float) -> str:
    """Bytes as `812 MB` or `3.4 GB`, decimal; a dash for what nobody knows."""
    if not math.isfinite(size) or size < 0:
        return "–"
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
