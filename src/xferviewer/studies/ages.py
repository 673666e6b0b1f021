"""Ages as DICOM files and label tables write them."""

from __future__ import annotations

_YEARS_PER_UNIT = {"D": 1 / 365.25, "W": 7 / 365.25, "M": 1 / 12, "Y": 1.0}


def years(age: str) -> float | None:
    """An Age String ("058Y", "006M", PS3.5 6.2) or a bare number in years; None when it is neither."""
    number, unit = (age[:-1], age[-1:].upper()) if age[-1:].isalpha() else (age, "Y")
    try:
        value = float(number) * _YEARS_PER_UNIT[unit]
    except (ValueError, KeyError):
        return None
    return value if 0 <= value < 200 else None
