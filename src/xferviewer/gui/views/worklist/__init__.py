"""The worklist: studies with thumbnail, demographics, labels and what each checkpoint says of the chosen finding."""

from xferviewer.gui.views.worklist.columns import COLUMNS
from xferviewer.gui.views.worklist.model import WorklistModel
from xferviewer.gui.views.worklist.view import Worklist

__all__ = ["COLUMNS", "Worklist", "WorklistModel"]
