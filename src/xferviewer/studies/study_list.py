"""A worklist of any length: the numbers of its studies at once, their rows as they are looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import numpy as np

from xferviewer.studies.catalogue import Catalogue, StudyRow

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAGE = 128
_KEPT_PAGES = 256  # some 30,000 rows: more than anybody scrolls through before a page comes back


class StudyList(Sequence[StudyRow]):
    """Studies of a catalogue in an order; belongs to the thread of the catalogue.

    ids   (n,) int64, the catalogue's numbers
    A study that the catalogue has lost meanwhile keeps its place, as a row that states nothing.
    """

    def __init__(self, catalogue: Catalogue | None = None, ids: NDArray[np.int64] | None = None) -> None:
        self.ids = np.empty(0, np.int64) if ids is None else ids
        self._catalogue = catalogue
        self._pages: OrderedDict[int, list[StudyRow]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, row: int) -> StudyRow: ...
    @overload
    def __getitem__(self, row: slice) -> list[StudyRow]: ...
    def __getitem__(self, row: int | slice) -> StudyRow | list[StudyRow]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        page, place = divmod(row % len(self), _PAGE)
        return self._page(page)[place]

    def row_of(self, study: int) -> int:
        """Where a study stands; -1 where it does not."""
        found = np.flatnonzero(self.ids == study)
        return int(found[0]) if found.size else -1

    def first_identities(self) -> dict[int, str]:
        """Study number to the identity of its first image, of all studies of the catalogue."""
        return self._catalogue.first_identities() if self._catalogue else {}

    def reordered(self, ids: NDArray[np.int64]) -> StudyList:
        """Studies of the same catalogue in another order."""
        return StudyList(self._catalogue, ids)

    def _page(self, page: int) -> list[StudyRow]:
        rows = self._pages.get(page)
        if rows is None:
            wanted = self.ids[page * _PAGE : (page + 1) * _PAGE].tolist()
            known = {row.id: row for row in self._catalogue.study_rows(wanted)} if self._catalogue else {}
            rows = self._pages[page] = [known.get(study) or _lost(study) for study in wanted]
            if len(self._pages) > _KEPT_PAGES:
                self._pages.popitem(last=False)
        self._pages.move_to_end(page)
        return rows


def _lost(study: int) -> StudyRow:
    return StudyRow(study, "", "", "", None, "", "", "", "", "", "", 0, 0, "", "")
