"""One background run: which predictions it still owes, how far it is, and which images it could not predict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from xferviewer.evaluation.run_progress import Rate, RunProgress
from xferviewer.protocol import Failed, ImageReference
from xferviewer.studies.catalogue import RefusedRow


class PredictionRun:
    """What is missing when it begins, by image, and what has been answered since.

    missing   for each image the digests that have no prediction of it
    kept      images that lack nothing
    requests  numbers of the engine's requests that are not finished
    """

    def __init__(self, missing: Mapping[str, Iterable[str]] | None = None, kept: int = 0) -> None:
        self._missing = {identity: set(digests) for identity, digests in (missing or {}).items()}
        self._total, self._kept = len(self._missing), kept
        self._failed: set[str] = set()
        self._rate, self._images_a_second = Rate(), 0.0
        self.requests: set[int] = set()

    def groups(self, images: Iterable[ImageReference]) -> list[tuple[list[ImageReference], frozenset[str]]]:
        """The images that lack something, in their order, with those that lack the same: asked for nothing else."""
        found: dict[frozenset[str], list[ImageReference]] = {}
        for image in images:
            if lacking := self._missing.get(image.identity):
                found.setdefault(frozenset(lacking), []).append(image)
        return [(group, digests) for digests, group in found.items()]

    def answer(self, identity: str, digest: str, *, failed: bool = False) -> bool:
        """Count an answer; whether it was the last one that its image lacked."""
        waiting = self._missing.get(identity)
        if waiting is None:
            return False
        waiting.discard(digest)
        if failed:
            self._failed.add(identity)
        if waiting:
            return False
        del self._missing[identity]
        self._images_a_second = self._rate.note(self._total - len(self._missing))
        return True

    @property
    def progress(self) -> RunProgress:
        """As it is now."""
        done = self._total - len(self._missing)
        return RunProgress(done, self._total, self._images_a_second, len(self._failed), self._kept)


def rows_of_failures(failures: Mapping[str, Failed], images: Sequence[ImageReference]) -> list[RefusedRow]:
    """The images that have no prediction, in the order of `images`, each with its reason."""
    return [
        RefusedRow(image.path, failure.what, failure.why, failure.todo)
        for image in images
        if (failure := failures.get(image.identity)) is not None
    ]
