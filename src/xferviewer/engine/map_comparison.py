"""Maps of several checkpoints of one image compared in pairs: what `explain --compare` tells and writes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from xferviewer.atomic_files import write_atomically
from xferviewer.engine.chosen_maps import chosen_maps
from xferviewer.engine.inference import LoadedCheckpoint
from xferviewer.engine.overlays import npy_bytes
from xferviewer.evaluation.map_similarity import compare_maps, scale_factors, undefined_as_none
from xferviewer.networks.preprocessing import Presentations, present_to_tensor, seen_part
from xferviewer.saliency_methods import STANDARD, MapChoice
from xferviewer.studies.images import read_image

Scale = Literal["own", "shared"]


def compare_checkpoints(
    checkpoints: Sequence[LoadedCheckpoint],
    image: Path,
    out: Path,
    *,
    frame: int = 0,
    finding: str = "all",
    choice: MapChoice = STANDARD,
    scale: Scale = "own",
    top_share: float,
) -> list[dict[str, Any]]:
    """Each pair of checkpoints for each finding that both were trained for; A - B goes to a float32 .npy in `out`.

    scale  "own": each map from 0 to 1; "shared": the stronger of the two maps reaches to 1, as in the window
    """
    film = read_image(image, frame)
    presentations = Presentations(film)
    rows, columns = film.pixels.shape[:2]
    explained = []
    for loaded in checkpoints:
        checkpoint = loaded.checkpoint
        wanted = [f for f in checkpoint.trained_findings if finding in ("all", f)]
        tensor = present_to_tensor(presentations.of(checkpoint.preprocessing), checkpoint.preprocessing)
        if wanted:
            part = seen_part(rows, columns, checkpoint.preprocessing)
            explained.append((checkpoint, chosen_maps(loaded, tensor, wanted, choice), wanted, part))
    pairs = []
    for (a, maps_a, wanted_a, part_a), (b, maps_b, wanted_b, part_b) in combinations(explained, 2):
        for name in (finding for finding in wanted_a if finding in wanted_b):
            at = maps_a.findings.index(name), maps_b.findings.index(name)
            factors = scale_factors(float(maps_a.peaks[at[0]]), float(maps_b.peaks[at[1]]), scale)
            compared = compare_maps(
                maps_a.maps[at[0]] * factors[0], part_a, maps_b.maps[at[1]] * factors[1], part_b, top_share
            )
            file = out / f"{a.name}-minus-{b.name}-{name}-{choice.method}.npy"
            write_atomically(file, npy_bytes(compared.difference))
            pairs.append(
                {
                    "finding": name,
                    "a": a.name,
                    "b": b.name,
                    "rank_correlation": undefined_as_none(compared.rank_correlation),
                    "overlap": undefined_as_none(compared.overlap),
                    "top_share": top_share,
                    "scale": scale,
                    "part": list(compared.part),
                    "difference": str(file),
                }
            )
    return pairs
