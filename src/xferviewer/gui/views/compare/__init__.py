"""The compare view: the shown film in linked panes, one for each checkpoint, each with its map."""

from xferviewer.gui.views.compare.blending import Blending, FadeControl
from xferviewer.gui.views.compare.cine import Cine, CineWords
from xferviewer.gui.views.compare.input_view import AsNetworksSee
from xferviewer.gui.views.compare.lens import Lenses
from xferviewer.gui.views.compare.looks import LINKS
from xferviewer.gui.views.compare.tools import TOOLS, Tools
from xferviewer.gui.views.compare.view import CompareView

__all__ = [
    "LINKS",
    "TOOLS",
    "AsNetworksSee",
    "Blending",
    "Cine",
    "CineWords",
    "CompareView",
    "FadeControl",
    "Lenses",
    "Tools",
]
