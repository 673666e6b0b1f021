"""A palette that is stored in segments, as its entries (PS3.3 C.7.9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_OFFSET_BYTES = 4
_MOST_SEGMENTS_AN_ENTRY = 4
_DEEPEST_COPY = 8


def expanded_segments(data: NDArray[Any], entries: int) -> NDArray[np.uint16]:
    """(entries,) values of the segments `data`, an array of unsigned bytes or words.

    No more is expanded than the palette states: a few bytes may declare thousands of lines of 65535 entries each, and
    copies of copies of them. Raises ValueError, with a sentence, for segments that make no sense or are too few.
    """
    numbers, width = data.astype(np.int64), data.dtype.itemsize
    table, count, read = np.zeros(entries), 0, 0
    waiting = [(0, numbers.size)]  # where to go on, and how many segments from there; the last one first
    while waiting and count < entries and read < _MOST_SEGMENTS_AN_ENTRY * entries:
        read += 1
        position, segments = waiting.pop()
        if segments < 1 or position + 1 >= numbers.size:
            continue
        kind, length = int(numbers[position]), int(numbers[position + 1])
        position += 2
        if kind == _DISCRETE:
            values: NDArray[Any] = numbers[position : position + length]
            position += length
        elif kind == _LINEAR and count and length and position < numbers.size:
            before = table[count - 1]
            values = before + (numbers[position] - before) * np.arange(1, length + 1) / length
            position += 1
        elif kind == _INDIRECT and count and len(waiting) < _DEEPEST_COPY:
            parts = numbers[position : position + _OFFSET_BYTES // width].tolist()
            offset = sum(part << (8 * width * place) for place, part in enumerate(parts))  # in bytes, least part first
            waiting += [(position + len(parts), segments - 1), (offset // width, length)]
            continue
        else:
            raise ValueError("Its palette is made of segments that make no sense.")
        values = values[: entries - count]
        table[count : count + values.size] = values
        count += values.size
        waiting.append((position, segments - 1))
    if count < entries:
        raise ValueError("Its palette has fewer entries than it states.")
    return np.rint(table).astype(np.uint16)
