"""What the panes show: an image of a study, and how films and maps are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from xferviewer.evaluation.map_similarity import TOP_SHARE
from xferviewer.protocol import ImageReference
from xferviewer.studies.catalogue import ImageRow, StudyRow
from xferviewer.studies.images import frame_identity


@dataclass(frozen=True, slots=True)
class Display:
    """How maps are drawn, in all panes alike. Films have windows of their own, which no overlay changes.

    overlay_visible   maps are drawn
    overlay_opacity   0 to 1, the same for every value above the cut-off
    cut_off           0 to 1; parts of a map below it are not drawn
    scale             "own": each map's maximum is 1; "shared": the strongest of the shown maps is 1; "fixed":
                      `fixed_strength` is 1, for all images
    fixed_strength    of a map's maximum before it was scaled; above 0
    map_style         "colours", "contour" at the cut-off, or "both"
    difference        panes beside the active one show the difference of its map to theirs
    top_share         of a map's pixels that count as its highest, 0 to 1
    regions_visible   what people marked is outlined
    inputs_visible    beside each film stands what its checkpoint receives of it
    planes_visible    what the film's own file draws over it (`Image.overlays`)
    """

    overlay_visible: bool = True
    overlay_opacity: float = 0.5
    cut_off: float = 0.25
    colour_map: str = "inferno"
    scale: str = "own"
    fixed_strength: float = 1.0
    map_style: str = "colours"
    difference: bool = False
    top_share: float = TOP_SHARE
    regions_visible: bool = True
    planes_visible: bool = True
    inputs_visible: bool = False


@dataclass(frozen=True, slots=True)
class ShownImage:
    """The image in the panes: a frame of an image of a study of the worklist."""

    study: StudyRow
    images: tuple[ImageRow, ...]
    index: int
    frame: int

    @property
    def image(self) -> ImageRow:
        """The catalogue's row of the image."""
        return self.images[self.index]

    @property
    def reference(self) -> ImageReference:
        """What the engine is asked about."""
        return ImageReference(frame_identity(self.image.identity, self.frame), self.image.path, self.frame)
