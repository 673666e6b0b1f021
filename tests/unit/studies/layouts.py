"""Small DICOM files in layouts of every kind, and what they show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS, COLUMNS = 6, 8
_RANDOM = np.random.default_rng(20)


def integers(low: int, high: int, dtype: str, *last: int) -> np.ndarray:
    return _RANDOM.integers(low, high, (ROWS, COLUMNS, *last)).astype(dtype)


def cells(values: np.ndarray, bits: int) -> bytes:
    """Values as cells of `bits` bits one after the other, the least significant bit first."""
    width = 8 * values.dtype.itemsize
    each = np.unpackbits(values.reshape(-1, 1).view(np.uint8), axis=1, bitorder="little").reshape(-1, width)[:, :bits]
    return np.packbits(each.reshape(-1), bitorder="little").tobytes()


@dataclass(frozen=True)
class Layout:
    """data: the pixel data as stored; shown: the pixels, None where only another program can say."""

    name: str
    data: bytes
    shown: np.ndarray | None
    elements: dict[str, Any] = field(default_factory=dict)
    syntax: str = ExplicitVRLittleEndian

    def write(self, write_dicom: Callable[..., Path]) -> Path:
        """The file."""
        even = self.data + b"\x00" * (len(self.data) % 2)
        # the elements that write_dicom makes of these pixels are replaced
        words = self.elements.get("BitsAllocated", 8) > 8
        blank = np.zeros((ROWS, COLUMNS), np.uint16 if words else np.uint8)
        elements = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, **self.elements}
        return write_dicom(blank, f"{self.name}.dcm", self.syntax, PixelData=even, **elements)

    def __str__(self) -> str:
        return self.name


def _grey(name: str, data: bytes, shown: np.ndarray, bits: tuple[int, int, int], signed: int = 0) -> Layout:
    allocated, stored, high = bits
    elements = {"BitsAllocated": allocated, "BitsStored": stored, "HighBit": high, "PixelRepresentation": signed}
    return Layout(name, data, shown, elements)


def _colour(
    name: str, data: bytes, shown: np.ndarray | None, photometric: str, planar: int = 0, bits: int = 8
) -> Layout:
    elements = {"SamplesPerPixel": 3, "PhotometricInterpretation": photometric, "PlanarConfiguration": planar,
                "BitsAllocated": 16 if bits > 8 else 8, "BitsStored": bits, "HighBit": bits - 1}  # fmt: skip
    return Layout(name, data, shown, elements)


def _grey_layouts() -> list[Layout]:
    twelve, signed = integers(0, 4096, "<u2"), integers(-2048, 2048, "<i2")
    four, wide = integers(0, 16, "u1"), integers(0, 1 << 24, "<u4")
    very_wide, deep = integers(0, 1 << 62, "<u8"), integers(-(1 << 40), 1 << 40, "<i8")
    mask = integers(0, 2, "u1")
    return [
        _grey("12 of 16 bits, the upper ones", (twelve << 4).tobytes(), twelve, (16, 12, 15)),
        _grey("12 of 16 signed bits, the upper ones", (signed << 4).tobytes(), signed, (16, 12, 15), signed=1),
        _grey("12 of 16 bits in the middle", ((twelve << 2) | 0xC003).tobytes(), twelve, (16, 12, 13)),
        _grey("12 bits in 12", cells(twelve, 12), twelve, (12, 12, 11)),
        _grey("10 bits in 12", cells(twelve & 1023 | 0xC00, 12), twelve & 1023, (12, 10, 9)),
        _grey("4 bits in 4", cells(four, 4), four, (4, 4, 3)),
        _grey("24 bits in 24", cells(wide, 24), wide, (24, 24, 23)),
        _grey("32 bits", wide.tobytes(), wide, (32, 32, 31)),
        _grey("64 bits", very_wide.tobytes(), very_wide, (64, 64, 63)),
        _grey("48 signed bits in 64", deep.tobytes(), deep, (64, 48, 47), signed=1),
        _grey("single bits", cells(mask, 1), mask, (1, 1, 0)),
        _grey("7 bits in 8 with a stray bit", (four | 0x80).tobytes(), four, (8, 7, 6)),
    ]


def _colour_layouts() -> list[Layout]:
    rgb, rgb12, rgb16 = integers(0, 256, "u1", 3), integers(0, 4096, "<u2", 3), integers(0, 65536, "<u2", 3)
    dark = integers(0, 200, "<u2", 3)
    luma = integers(16, 236, "u1")
    chroma = _RANDOM.integers(16, 241, (2, ROWS, COLUMNS // 2)).astype(np.uint8)
    subsampled = np.stack([luma[:, 0::2], luma[:, 1::2], *chroma], axis=-1).tobytes()
    return [
        _colour("RGB by pixel", rgb.tobytes(), rgb, "RGB"),
        _colour("RGB by plane", np.moveaxis(rgb, 2, 0).tobytes(), rgb, "RGB", planar=1),
        _colour("RGB of 12 bits", rgb12.tobytes(), (rgb12 >> 4).astype(np.uint8), "RGB", bits=12),
        _colour("RGB of 16 bits", rgb16.tobytes(), (rgb16 >> 8).astype(np.uint8), "RGB", bits=16),
        _colour("RGB of 16 bits, nearly black", dark.tobytes(), np.zeros_like(rgb), "RGB", bits=16),
        _colour("YBR_FULL by pixel", rgb.tobytes(), None, "YBR_FULL"),
        _colour("YBR_FULL by plane", np.moveaxis(rgb, 2, 0).tobytes(), None, "YBR_FULL", planar=1),
        _colour("YBR_FULL_422", subsampled, None, "YBR_FULL_422"),
        _colour("YBR_PARTIAL_422", subsampled, None, "YBR_PARTIAL_422"),
    ]


def _palette(tables: np.ndarray, first: int, bits: int, dtype: str) -> dict[str, Any]:
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour, table in zip(("Red", "Green", "Blue"), tables, strict=True):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [table.size % 65536, first, bits]
        elements[f"{colour}PaletteColorLookupTableData"] = table.astype(dtype).tobytes()
    return elements


def _palette_layouts() -> list[Layout]:
    values = integers(0, 256, "u1")
    tables = _RANDOM.integers(0, 65536, (3, 256))
    of16, of8 = np.moveaxis(tables >> 8, 0, -1).astype(np.uint8), np.moveaxis(tables & 255, 0, -1).astype(np.uint8)
    short = np.clip(values.astype(int) - 50, 0, 99)
    return [
        Layout("palette of 16 bits", values.tobytes(), of16[values], _palette(tables, 0, 16, "<u2")),
        Layout("palette of 16 bits in big endian", values.tobytes(), of16[values], _palette(tables, 0, 16, ">u2"),
               ExplicitVRBigEndian),
        Layout("palette of 8 bits", values.tobytes(), of8[values], _palette(tables & 255, 0, 8, "u1")),
        Layout("palette of 8 bits that says 16", values.tobytes(), of8[values], _palette(tables & 255, 0, 16, "<u2")),
        Layout("palette that begins at 50", values.tobytes(), of16[short], _palette(tables[:, :100], 50, 16, "<u2")),
        Layout("palette in segments", values.tobytes(), _ramp()[values], _segmented()),
    ]  # fmt: skip


def _segmented() -> dict[str, Any]:
    """Discrete 0, 1000; a line of 254 to 65024 (PS3.3 C.7.9.2.2)."""
    segments = np.array([0, 2, 0, 1000, 1, 254, 65024], "<u2").tobytes()
    elements: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        elements[f"Segmented{colour}PaletteColorLookupTableData"] = segments
    return elements


def _ramp() -> np.ndarray:
    line = 1000 + (65024 - 1000) * np.arange(1, 255) / 254
    table = np.concatenate([[0, 1000], np.rint(line)]).astype(np.int64) >> 8
    return np.repeat(table[:, None], 3, axis=1).astype(np.uint8)


LAYOUTS = [*_grey_layouts(), *_colour_layouts(), *_palette_layouts()]
