"""Maps measured against regions, image by image: what the pointing game and its like say over a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer.engine.chosen_maps import chosen_maps
from xferviewer.errors import XferviewerError
from xferviewer.evaluation.localisation import Localisation, localise
from xferviewer.networks.preprocessing import Presentations, present_to_tensor, seen_part
from xferviewer.studies.images import read_image

if TYPE_CHECKING:
    from xferviewer.engine.inference import LoadedCheckpoint
    from xferviewer.engine.perturbed_maps import Progress
    from xferviewer.saliency_methods import MapChoice
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
    choice: MapChoice,
    only: str = "",
    between: Progress | None = None,
) -> Iterator[ImageMeasured]:
    """Measure the maps of each (path, frame), in their order, for the findings that are marked there.

    A map is measured for every marked finding that its checkpoint was trained for, whatever its probability: a map of a
    finding that was missed counts too. `only` names one finding; "" means all. An image that cannot be read, or whose
    region does not fit it, is told of and passed. `between` is called between the passes of a slow method.
    """
    for place, (path, frame) in enumerate(images):
        try:
            measures = tuple(_measured(checkpoints, path, frame, regions, choice, only, between))
        except XferviewerError as error:
            yield ImageMeasured(place, error=error)
        else:
            yield ImageMeasured(place, measures)


def _measured(
    checkpoints: Sequence[LoadedCheckpoint],
    path: Path,
    frame: int,
    regions: Regions,
    choice: MapChoice,
    only: str,
    between: Progress | None,
) -> Iterator[tuple[int, str, Localisation]]:
    film = presentations = None
    marked = {}
    for place, loaded in enumerate(checkpoints):
        checkpoint = loaded.checkpoint
        found = {f: regions.of_finding(path, f) for f in checkpoint.trained_findings if only in ("", f)}
        wanted = [finding for finding, region in found.items() if region is not None]
        if not wanted:
            continue
        if film is None or presentations is None:  # images without a region are not even read
            film = read_image(path, frame)
            presentations = Presentations(film)
        rows, columns = film.pixels.shape[:2]
        part = seen_part(rows, columns, checkpoint.preprocessing)
        tensor = present_to_tensor(presentations.of(checkpoint.preprocessing), checkpoint.preprocessing)
        explained = chosen_maps(loaded, tensor, wanted, choice, between)
        for finding in wanted:
            region, values = found[finding], explained.maps[explained.findings.index(finding)]
            if region is not None and region not in marked:
                marked[region] = region.pixels(rows, columns)
            if region is not None and marked[region].any():
                yield place, finding, localise(values, part, marked[region])
