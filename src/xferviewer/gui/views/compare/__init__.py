"""The compare view: the shown film in linked panes, one for each checkpoint, each with its map."""

from xferviewer.gui.views.compare.looks import LINKS
from xferviewer.gui.views.compare.view import CompareView

__all__ = ["LINKS", "CompareView"]
