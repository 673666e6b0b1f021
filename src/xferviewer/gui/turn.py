"""How a film is turned and mirrored on the screen, and what that does to its pixels, places and orientation letters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QTransform

_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


@dataclass(frozen=True, slots=True)
class Turn:
    """From the film as stored to the film as shown: first mirrored left to right, then turned clockwise.

    quarters  quarter turns clockwise, 0 to 3
    mirrored  left and right were exchanged: what is written on the film cannot be read
    """

    quarters: int = 0
    mirrored: bool = False

    def turned(self, quarters: int) -> Turn:
        """What is shown, turned on by so many quarters clockwise (negative: the other way)."""
        return Turn((self.quarters + quarters) % 4, self.mirrored)

    def mirrored_sideways(self) -> Turn:
        """What is shown, with left and right exchanged."""
        return Turn(-self.quarters % 4, not self.mirrored)

    def mirrored_upright(self) -> Turn:
        """What is shown, with top and bottom exchanged."""
        return self.mirrored_sideways().turned(2)

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Pixels (rows, columns, …) as shown: a view of the same memory."""
        return np.rot90(pixels[:, ::-1] if self.mirrored else pixels, -self.quarters)

    def size(self, rows: int, columns: int) -> tuple[int, int]:
        """Rows and columns as shown."""
        return (columns, rows) if self.quarters % 2 else (rows, columns)

    def transform(self, rows: int, columns: int) -> QTransform:
        """From places on the stored film (rows, columns), in its pixels, to places on the shown one."""
        stored_x, stored_y = QTransform.fromTranslate(columns, 0).scale(-1, 1), QTransform()
        transform = stored_x if self.mirrored else stored_y
        for quarter in range(self.quarters):
            height = columns if quarter % 2 else rows
            transform = transform * QTransform(0, 1, -1, 0, height, 0)
        return transform

    def edges(self, orientation: tuple[str, str] | None) -> tuple[str, str]:
        """What lies at the left and at the upper edge as shown, from Patient Orientation (PS3.3 C.7.6.1.1.1).

        The file names where its rows and its columns run to, that is its right and its lower edge; the opposite edges
        have the opposite letters. Empty where the file does not say: wrong letters are worse than none.
        """
        if orientation is None:
            return "", ""
        right, bottom = orientation
        left, top = (_opposite(towards) for towards in orientation)
        around = [left, top, right, bottom]  # clockwise
        if self.mirrored:
            around = [right, top, left, bottom]
        return around[-self.quarters % 4], around[(1 - self.quarters) % 4]

    def words(self) -> str:
        """ "turned 90°, mirrored"; empty while the film is shown as it is stored."""
        parts = [f"turned {90 * self.quarters}°"] if self.quarters else []
        return ", ".join([*parts, "mirrored"] if self.mirrored else parts)


UPRIGHT = Turn()
"""As stored."""


def _opposite(towards: str) -> str:
    letters = [_OPPOSITE.get(letter, "") for letter in towards]
    return "".join(letters) if all(letters) else ""  # "L/F" or a word of a veterinarian: not half of it
