"""What lies on a film beside maps: what people marked, and what the film's own file draws over it."""

from __future__ import annotations

from xferviewer.errors import XferviewerError
from xferviewer.gui.session import Session
from xferviewer.gui.views.compare.outline import NO_LINES, Lines, outline_of
from xferviewer.gui.views.compare.pane import Pane
from xferviewer.studies.images import Image


def draw_marked(session: Session, pane: Pane, image: Image | None, *, chosen: bool) -> None:
    """The overlays of the file, which no network sees; of the chosen image the region of the chosen finding, too."""
    drawn = image.overlaid() if image is not None and session.display.planes_visible else None
    pane.set_planes(drawn)
    pane.set_outline(*(_region_lines(session, image) if image is not None and chosen else NO_LINES))


def _region_lines(session: Session, image: Image) -> Lines:
    """A region that does not fit the film is told of where maps are measured."""
    region = session.marked_finding() if session.display.regions_visible else None
    if region is None:
        return NO_LINES
    try:
        return outline_of(region.pixels(*image.pixels.shape[:2]))
    except XferviewerError:
        return NO_LINES
