"""The leakage receipt: what the parts of a split have in common, counted from the split itself, however it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from xferviewer.studies.near_duplicates import NEAR, near_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from xferviewer.studies.fingerprints import Fingerprints

_MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Twins:
    """Two images of different parts that are the same or nearly so; `distance` in bits, 0 to NEAR; 0 may be either."""

    first: str
    second: str
    distance: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two parts have in common. Images are counted in the second one.

    groups         in both parts
    images         whose group is in the first part too
    exact          that are, pixel for pixel as shown, in the first part too
    near           that have a near duplicate there, and no exact one
    exact_examples, near_examples  some of these, nearest first
    """

    first: str
    second: str
    groups: int
    images: int
    exact: int = 0
    near: int = 0
    exact_examples: tuple[Twins, ...] = ()
    near_examples: tuple[Twins, ...] = ()


@dataclass(frozen=True, slots=True)
class LeakageReceipt:
    """Images and groups of each part, and what each two parts share.

    group       what a group is: "patient", "exam", "lesion", "slide" or "image"
    images      of each part, by its name, in the order of the parts
    groups      the same
    overlaps    one for each two parts
    compared    how many images were compared for duplicates; None where nobody looked
    unreadable  how many could not be
    """

    group: str
    images: Mapping[str, int]
    groups: Mapping[str, int]
    overlaps: tuple[Overlap, ...]
    compared: int | None = None
    unreadable: int = 0

    @property
    def shared_groups(self) -> int:
        """Groups that are in two parts, summed over the pairs of parts."""
        return sum(overlap.groups for overlap in self.overlaps)

    def between(self, first: str, second: str) -> Overlap:
        """What two parts share. Raises KeyError for parts that the split does not have."""
        for overlap in self.overlaps:
            if (overlap.first, overlap.second) == (first, second):
                return overlap
        raise KeyError((first, second))

    def __str__(self) -> str:
        """Sentences for people; none of them names a patient."""
        counts = ", ".join(f"{self._counted(part)} in {_part(part)}" for part in self.images)
        return " ".join([f"{counts}.", self._shared(), self._duplicates()])

    def _counted(self, part: str) -> str:
        images = _many(self.images[part], "image")
        return images if self.group == "image" else f"{_many(self.groups[part], self.group)} ({images})"

    def _shared(self) -> str:
        torn = [
            f"{overlap.groups} in {_part(overlap.first)} and {_part(overlap.second)} ({_many(overlap.images, 'image')} "
            f"of {_part(overlap.second)})"
            for overlap in self.overlaps
            if overlap.groups
        ]
        if torn:
            return f"Shared {self.group}s: {'; '.join(torn)}."
        return f"No {self.group} in two of them."

    def _duplicates(self) -> str:
        if self.compared is None:
            return "Nobody looked for duplicates."
        twins = [
            f"{_part(overlap.second)} repeats {_many(overlap.exact, 'image')} of {_part(overlap.first)} exactly and "
            f"{overlap.near} nearly, such as {_examples(overlap)}"
            for overlap in self.overlaps
            if overlap.exact or overlap.near
        ]
        found = f"{_sentence('; '.join(twins))}." if twins else "No exact and no near duplicates between them."
        unread = f" {_many(self.unreadable, 'image')} could not be read and compared." if self.unreadable else ""
        return found + unread


def leakage_receipt(
    parts: Sequence[str],
    groups: Sequence[str],
    names: Sequence[str],
    *,
    group: str = "patient",
    fingerprints: Fingerprints | None = None,
) -> LeakageReceipt:
    """Compare every two parts of a split.

    parts         (n,) of each image; "" for one that is in none
    groups        (n,) that a split should not tear apart
    names         (n,) of the images, for the examples
    fingerprints  (n,) of the images; None: nobody looks for duplicates
    """
    column = np.array(parts, dtype=np.str_)
    present = [part for part in _in_order(set(parts)) if part]
    rows = {part: np.flatnonzero(column == part) for part in present}
    group_of = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)[1]
    twins = None if fingerprints is None else _TwinSearch(fingerprints, column != "")
    named = np.array(names, dtype=np.str_)
    overlaps = []
    for first, second in combinations(present, 2):
        torn = np.isin(group_of[rows[second]], group_of[rows[first]])
        shared = len(np.unique(group_of[rows[second]][torn]))
        found = {} if twins is None else twins.between(rows[first], rows[second], named)
        overlaps.append(Overlap(first, second, shared, int(torn.sum()), **found))
    looked = column != ""
    return LeakageReceipt(
        group,
        {part: len(rows[part]) for part in present},
        {part: len(np.unique(group_of[rows[part]])) for part in present},
        tuple(overlaps),
        None if fingerprints is None else int((fingerprints.readable & looked).sum()),
        0 if fingerprints is None else int((~fingerprints.readable & looked).sum()),
    )


def joined_by_twins(groups: Sequence[str], fingerprints: Fingerprints) -> list[str]:
    """The groups (n,) with those made one that hold the same picture, or nearly the same.

    For sources that do not say which images belong together: their repeats then stay in one part.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, places = np.unique(np.array(groups, dtype=np.str_), return_inverse=True)
    here, there = _TwinSearch(fingerprints, np.ones(len(groups), dtype=np.bool_)).links()
    links = coo_array((np.ones(len(here)), (places[here], places[there])), shape=(len(names), len(names)))
    _, joined = connected_components(links, directed=False)
    first = np.full(joined.max() + 1, len(names))
    np.minimum.at(first, joined, np.arange(len(names)))  # a joined group is called by its first name
    return [str(names[first[joined[place]]]) for place in places]


class _TwinSearch:
    """Which pictures are the same and which are near, found once for all pairs of parts."""

    def __init__(self, fingerprints: Fingerprints, wanted: NDArray[np.bool_]) -> None:
        usable = np.flatnonzero(fingerprints.readable & wanted)
        self._digest = _numbered(fingerprints.digests, usable)
        self._look = _numbered(fingerprints.hashes, np.flatnonzero(fingerprints.patterned & wanted))
        looks = np.zeros((self._look.max(initial=-1) + 1, fingerprints.hashes.shape[1]), dtype=np.uint64)
        seen = self._look >= 0
        looks[self._look[seen]] = fingerprints.hashes[seen]
        one, other, distance = near_pairs(looks)
        same = np.arange(len(looks))
        self._near = (np.r_[one, other, same], np.r_[other, one, same], np.r_[distance, distance, np.zeros_like(same)])

    def links(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs of rows, enough of them to lead from every image to all that are the same or near."""
        pairs = []
        for numbers in (self._digest, self._look):
            rows = np.flatnonzero(numbers >= 0)
            representative = np.full(numbers.max(initial=-1) + 1, -1, dtype=np.intp)
            representative[numbers[rows]] = rows
            pairs.append((rows, representative[numbers[rows]]))
        one, other, _ = self._near  # `representative` is that of looks now
        pairs.append((representative[one], representative[other]))
        return np.concatenate([here for here, _ in pairs]), np.concatenate([there for _, there in pairs])

    def between(self, first: NDArray[np.intp], second: NDArray[np.intp], names: NDArray[np.str_]) -> dict[str, Any]:
        """The fields of an Overlap that speak of duplicates."""
        exact = (self._digest[second] >= 0) & np.isin(self._digest[second], self._digest[first])
        one, other, distance = self._near
        here = np.isin(one, self._look[first])  # looks of the first part, and what is near to them
        nearest = np.full(len(self._look) + 1, NEAR + 1)
        np.minimum.at(nearest, other[here], distance[here])
        look = self._look[second]
        near = ~exact & (look >= 0) & (nearest[look] <= NEAR)
        chosen = second[near][np.argsort(nearest[look[near]], kind="stable")][:_MOST_EXAMPLES]
        return {
            "exact": int(exact.sum()),
            "near": int(near.sum()),
            "exact_examples": tuple(
                Twins(str(names[first[np.argmax(self._digest[first] == self._digest[row])]]), str(names[row]), 0)
                for row in second[exact][:_MOST_EXAMPLES]
            ),
            "near_examples": tuple(self._nearest(row, first, names) for row in chosen),
        }

    def _nearest(self, row: np.intp, first: NDArray[np.intp], names: NDArray[np.str_]) -> Twins:
        one, other, distance = self._near
        pairs = np.flatnonzero((other == self._look[row]) & np.isin(one, self._look[first]))
        pair = pairs[np.argmin(distance[pairs])]
        twin = first[np.argmax(self._look[first] == one[pair])]
        return Twins(str(names[twin]), str(names[row]), int(distance[pair]))


def _numbered(values: NDArray[Any], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """A number for each different line of `values` among the rows; -1 for the others."""
    numbers = np.full(len(values), -1, dtype=np.intp)
    if len(rows):
        numbers[rows] = np.unique(values[rows], axis=0, return_inverse=True)[1].ravel()
    return numbers


def receipt_as_toml(receipt: LeakageReceipt) -> dict[str, Any]:
    """Plain values that `receipt_from_toml` reads back; also what `--json` prints."""
    written = asdict(receipt)
    written["overlaps"] = [dict(overlap) for overlap in written["overlaps"]]
    if receipt.compared is None:  # TOML has no word for None
        del written["compared"]
    return written


def receipt_from_toml(written: Mapping[str, Any]) -> LeakageReceipt:
    """Raises ValueError, TypeError or KeyError for what `receipt_as_toml` did not write."""
    overlaps = tuple(_overlap(overlap) for overlap in written["overlaps"])
    return LeakageReceipt(**{**written, "overlaps": overlaps})


def _overlap(written: Mapping[str, Any]) -> Overlap:
    examples = {key: tuple(Twins(**one) for one in written[key]) for key in ("exact_examples", "near_examples")}
    return Overlap(**{**written, **examples})


def _in_order(parts: set[str]) -> list[str]:
    """Training first, then validation, folds by number, then test."""
    known = {"training": (0, 0), "validation": (1, 0), "test": (3, 0)}
    return sorted(parts, key=lambda part: (*known.get(part, (2, int(part) if part.isdecimal() else 0)), part))


def _part(part: str) -> str:
    return f"fold {part}" if part.isdecimal() else part


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _examples(overlap: Overlap) -> str:
    twins = (overlap.exact_examples + overlap.near_examples)[:2]
    return " and ".join(f"{_base(pair.second)} of {_base(pair.first)}" for pair in twins)


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]
