"""The cases of one checkpoint by score, summed up beforehand: leaving out those next to a score then costs little."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xferviewer.evaluation.placements import Placements
from xferviewer.evaluation.sorted_cases import Area, area_of_sums, area_under


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """The k cases next to a score, as places in the ascending order of scores.

    closer      [start, stop): all that are closer than the farthest of them.
    below       [start, stop): cases at the farthest distance below the score, of which only some are left out.
    above       the same above it. Both are empty where the cases at that distance are left out wholly.
    chosen      places in `below` and `above` that are left out: the first of them in the order of the cases.
    """

    closer: tuple[int, int]
    below: tuple[int, int]
    above: tuple[int, int]
    chosen: NDArray[np.int32]


_NOTHING = np.empty(0, dtype=np.int32)


class ScoreOrder:
    """n cases of one checkpoint and one finding in ascending order of score, equal scores in the order of the cases.

    labels  (n,) of 1, 0, NaN: a case whose label is not stated has its place and counts in no area.
    scores  (n,), finite.

    Sums over doubled placements (`area_of_sums`) are kept up to each case; those of any interval of scores are then two
    look-ups apart. They are whole numbers, so that an area has the bits that counting it anew would give.
    """

    def __init__(self, labels: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        order = np.argsort(scores, kind="stable")
        self.order: NDArray[np.int32] = order.astype(np.int32)
        self.scores: NDArray[np.float64] = scores[order]
        truth = labels[order]
        self._positive_at = np.flatnonzero(truth == 1).astype(np.int32)
        self._negative_at = np.flatnonzero(truth == 0).astype(np.int32)
        self.n_positive, self.n_negative = self._positive_at.size, self._negative_at.size
        starts = np.flatnonzero(np.append([True], self.scores[1:] != self.scores[:-1])[: self.scores.size])
        ends = np.append(starts[1:], self.scores.size)
        of_positives = self._block_middles(self._positive_at, self._negative_at, starts, ends)
        of_negatives = 2 * self.n_positive - self._block_middles(self._negative_at, self._positive_at, starts, ends)
        self._of_negatives = of_negatives
        self._wins = _running_total(of_positives)
        self._squares_of_positives = _running_total(of_positives * of_positives)
        self._squares_of_negatives = _running_total(of_negatives * of_negatives)

    @staticmethod
    def _block_middles(
        of: NDArray[np.int32], against: NDArray[np.int32], starts: NDArray[np.intp], ends: NDArray[np.intp]
    ) -> NDArray[np.int64]:
        """For each case twice the number of the other class below it, its own block of equal scores counted half."""
        block = np.searchsorted(starts, of, side="right") - 1
        before, after = np.searchsorted(against, starts), np.searchsorted(against, ends)
        middles: NDArray[np.int64] = (before + after)[block].astype(np.int64)
        return middles

    def n_positive_before(self, place: int) -> int:
        """Cases with the finding among those before a place."""
        return int(self._positive_at.searchsorted(np.int32(place)))  # of the same type: else numpy copies the array

    def n_negative_before(self, place: int) -> int:
        """Cases without the finding among those before a place."""
        return int(self._negative_at.searchsorted(np.int32(place)))

    def place_above(self, threshold: float) -> int:
        """The first place whose score lies strictly above a threshold: from there on cases are called positive."""
        return int(self.scores.searchsorted(threshold, side="right"))

    def next_to(self, centre: float, k: int) -> LeftOut:
        """The k cases whose scores are nearest to `centre`; of equally distant ones those that come first as cases."""
        item, n = self.scores.item, self.scores.size
        middle = int(self.scores.searchsorted(centre))
        if k == 0:
            return LeftOut((middle, middle), (middle, middle), (middle, middle), _NOTHING)

        def below(i: int) -> float:
            return centre - item(middle - 1 - i)

        def above(j: int) -> float:
            return item(middle + j) - centre

        n_below = _taken_from_first(below, middle, above, n - middle, k)
        farthest = max(
            below(n_below - 1) if n_below else -np.inf, above(k - n_below - 1) if n_below < k else -np.inf
        )  # fmt: skip
        first, second = range(middle), range(n - middle)
        start, outer_start = (middle - edge(first, farthest, key=below) for edge in (bisect_left, bisect_right))
        stop, outer_stop = (middle + edge(second, farthest, key=above) for edge in (bisect_left, bisect_right))
        missing = k - (stop - start)
        if missing == (start - outer_start) + (outer_stop - stop):
            whole = outer_start, outer_stop
            return LeftOut(whole, (outer_start, outer_start), (outer_stop, outer_stop), _NOTHING)
        places = np.concatenate((_places(outer_start, start), _places(stop, outer_stop)))
        chosen = places[np.argpartition(self.order[places], missing - 1)[:missing]]
        return LeftOut((start, stop), (outer_start, start), (stop, outer_stop), chosen)

    def places_of(self, left_out: LeftOut) -> NDArray[np.int32]:
        """All places that are left out."""
        return np.concatenate((_places(*left_out.closer), left_out.chosen))

    def counts_of(self, left_out: LeftOut, first: int = 0) -> tuple[int, int]:
        """Positives and negatives among the cases left out, from place `first` on."""
        start, stop = (max(place, first) for place in left_out.closer)
        chosen = left_out.chosen[left_out.chosen >= first]
        return (
            self.n_positive_before(stop) - self.n_positive_before(start) + _n_among(chosen, self._positive_at),
            self.n_negative_before(stop) - self.n_negative_before(start) + _n_among(chosen, self._negative_at),
        )

    def area(self) -> Area:
        """The area under the ROC curve of all cases, and its variance."""
        return area_of_sums(
            self.n_positive,
            self.n_negative,
            int(self._wins[-1]),
            int(self._squares_of_positives[-1]),
            int(self._squares_of_negatives[-1]),
        )

    def placements(self) -> Placements:
        """The doubled placements of the cases in the order in which they were given."""
        of_positives, of_negatives = np.diff(self._wins), self._of_negatives
        by_case = np.empty(self.scores.size)
        is_positive, is_negative = np.zeros((2, self.scores.size), dtype=bool)
        for at, doubled, marks in (
            (self._positive_at, of_positives, is_positive), (self._negative_at, of_negatives, is_negative)
        ):  # fmt: skip
            by_case[self.order[at]] = doubled
            marks[self.order[at]] = True
        return Placements(by_case[is_positive], by_case[is_negative])

    def area_without(self, left_out: LeftOut) -> Area:
        """The area under the ROC curve of the other cases, and its variance."""
        if not self._one_score(left_out.below) or not self._one_score(left_out.above):
            return self._area_counted(left_out)
        start, stop = left_out.below[0], left_out.above[1]
        # Four groups in ascending order: those below, the rest of the two blocks, those above.
        below = self.n_positive_before(start), self.n_negative_before(start)
        above = (self.n_positive - self.n_positive_before(stop), self.n_negative - self.n_negative_before(stop))
        lower, upper = self._rest_of(left_out.below, left_out.chosen), self._rest_of(left_out.above, left_out.chosen)
        m, n = (below[i] + lower[i] + upper[i] + above[i] for i in (0, 1))
        out_positive, out_negative = self.n_positive - m, self.n_negative - n
        wins_below, wins_above = int(self._wins[below[0]]), int(self._wins[-1] - self._wins[-1 - above[0]])
        at_lower, at_upper = 2 * below[1] + lower[1], 2 * (below[1] + lower[1]) + upper[1]
        wins = wins_below + lower[0] * at_lower + upper[0] * at_upper + wins_above - 2 * out_negative * above[0]
        squares_of_positives = (
            int(self._squares_of_positives[below[0]])
            + lower[0] * at_lower**2
            + upper[0] * at_upper**2
            + int(self._squares_of_positives[-1] - self._squares_of_positives[-1 - above[0]])
            - 4 * out_negative * wins_above
            + 4 * out_negative**2 * above[0]
        )
        # What negatives below win against: the positives beside them, and all that are above.
        wins_of_negatives_below = wins_below + 2 * below[1] * (self.n_positive - below[0])
        at_lower, at_upper = 2 * (above[0] + upper[0]) + lower[0], 2 * above[0] + upper[0]
        squares_of_negatives = (
            int(self._squares_of_negatives[below[1]])
            - 4 * out_positive * wins_of_negatives_below
            + 4 * out_positive**2 * below[1]
            + lower[1] * at_lower**2
            + upper[1] * at_upper**2
            + int(self._squares_of_negatives[-1] - self._squares_of_negatives[-1 - above[1]])
        )
        return area_of_sums(m, n, wins, squares_of_positives, squares_of_negatives)

    def called_without(
        self, left_out: LeftOut, thresholds: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positives and negatives that are not left out and lie strictly above each threshold, (t,) each."""
        places = self.scores.searchsorted(thresholds, side="right").astype(np.int32)
        start, stop = (np.maximum(np.int32(place), places) for place in left_out.closer)
        counts = []
        for at in (self._positive_at, self._negative_at):
            chosen = np.sort(left_out.chosen[_are_among(left_out.chosen, at)])
            above = at.size - at.searchsorted(places)
            out = at.searchsorted(stop) - at.searchsorted(start) + (chosen.size - chosen.searchsorted(places))
            counts.append((above - out).astype(np.int64))
        return counts[0], counts[1]

    def _one_score(self, block: tuple[int, int]) -> bool:
        """A block of equal distance holds one score: near 0 and 1 distances round to one number where scores differ."""
        return block[0] == block[1] or bool(self.scores[block[0]] == self.scores[block[1] - 1])

    def _rest_of(self, block: tuple[int, int], chosen: NDArray[np.int32]) -> tuple[int, int]:
        """Positives and negatives of a block that are not among the chosen."""
        if block[0] == block[1]:
            return 0, 0
        inside = chosen[(chosen >= block[0]) & (chosen < block[1])]
        return (
            self.n_positive_before(block[1]) - self.n_positive_before(block[0]) - _n_among(inside, self._positive_at),
            self.n_negative_before(block[1]) - self.n_negative_before(block[0]) - _n_among(inside, self._negative_at),
        )

    def _area_counted(self, left_out: LeftOut) -> Area:
        kept = np.ones(self.scores.size, dtype=bool)
        kept[self.places_of(left_out)] = False
        ends = np.flatnonzero(np.append(self.scores[1:] != self.scores[:-1], [True]))
        positive, negative = np.zeros((2, self.scores.size), dtype=np.int64)
        positive[self._positive_at] = 1
        negative[self._negative_at] = 1
        return area_under(
            np.diff(np.cumsum(positive * kept)[ends], prepend=0), np.diff(np.cumsum(negative * kept)[ends], prepend=0)
        )


def _taken_from_first(
    first: Callable[[int], float], n_first: int, second: Callable[[int], float], n_second: int, k: int
) -> int:
    """How many of the k smallest values of two ascending sequences may come from the first."""
    low, high = max(0, k - n_second), min(k, n_first)
    while low < high:
        i = (low + high) // 2
        if first(i) < second(k - i - 1):
            low = i + 1
        else:
            high = i
    return low


def _places(start: int, stop: int) -> NDArray[np.int32]:
    return np.arange(start, stop, dtype=np.int32)


def _running_total(values: NDArray[np.int64]) -> NDArray[np.int64]:
    total = np.zeros(values.size + 1, dtype=np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _are_among(places: NDArray[np.int32], sorted_places: NDArray[np.int32]) -> NDArray[np.bool_]:
    return sorted_places.searchsorted(places, side="right") > sorted_places.searchsorted(places)


def _n_among(places: NDArray[np.int32], sorted_places: NDArray[np.int32]) -> int:
    return int(np.count_nonzero(_are_among(places, sorted_places))) if places.size else 0
