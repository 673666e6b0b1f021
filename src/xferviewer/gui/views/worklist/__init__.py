"""The worklist: studies with thumbnail, demographics, labels and what each checkpoint says of the chosen finding."""

from xferviewer.gui.views.worklist.model import COLUMNS, WorklistModel
from xferviewer.gui.views.worklist.view import Worklist

__all__ = ["COLUMNS", "Worklist", "WorklistModel"]
