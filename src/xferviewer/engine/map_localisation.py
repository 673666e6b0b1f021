"""Maps measured against regions, image by image: what the pointing game and its like say over a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.engine.saliency import explain
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.localisation import Localisation, localise
from xferviewer.networks.preprocessing import present_to_tensor, seen_part
from xferviewer.studies.images import present, read_image

if TYPE_CHECKING:
    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.saliency_methods import Method
    from xferviewer.studies.regions import Regions


@dataclass(frozen=True, slots=True)
class ImageMeasured:
    """The measures of one image's maps, (checkpoint's place, finding, measures); or why there are none."""

    place: int
    measures: tuple[tuple[int, str, Localisation], ...] = ()
    error: XferviewerError | None = None


def localise_images(
    checkpoints: Sequence[LoadedCheckpoint],
    images: Iterable[tuple[Path, int]],
    regions: Regions,
    method: Method = "gradcam",
    only: str = "",
) -> Iterator[ImageMeasured]:
    """Measure the maps of each (path, frame), in their order, for the findings that are marked there.

    A map is measured for every marked finding that its checkpoint was trained for, whatever its probability: a map of a
    finding that was missed counts too. `only` names one finding; "" means all. An image that cannot be read, or whose
    region does not fit it, is told of and passed.
    """
    for place, (path, frame) in enumerate(images):
        try:
            measures = tuple(_measured(checkpoints, path, frame, regions, method, only))
        except XferviewerError as error:
            yield ImageMeasured(place, error=error)
        else:
            yield ImageMeasured(place, measures)


def _measured(
    checkpoints: Sequence[LoadedCheckpoint], path: Path, frame: int, regions: Regions, method: Method, only: str
) -> Iterator[tuple[int, str, Localisation]]:
    presentation = None
    marked = {}
    for place, loaded in enumerate(checkpoints):
        checkpoint = loaded.checkpoint
        found = {f: regions.of_finding(path, f) for f in checkpoint.trained_findings if only in ("", f)}
        wanted = [finding for finding, region in found.items() if region is not None]
        if not wanted:
            continue
        if presentation is None:  # images without a region are not even read
            presentation = present(read_image(path, frame))
        rows, columns = presentation.shape[:2]
        part = seen_part(rows, columns, checkpoint.preprocessing)
        # All findings, as the window explains them: the last bits of a map depend on those that it is computed with.
        explained = explain(loaded, present_to_tensor(presentation, checkpoint.preprocessing), None, method)
        for finding in wanted:
            region, values = found[finding], explained.maps[explained.findings.index(finding)]
            if region is not None and region not in marked:
                marked[region] = region.pixels(rows, columns)
            if region is not None and marked[region].any():
                yield place, finding, localise(values, part, marked[region])
