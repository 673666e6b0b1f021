"""The import dialog: a file of weights, what it is, and what nobody has said of it yet."""

from xferviewer.gui.views.import_dialog.dialog import ImportDialog

__all__ = ["ImportDialog"]
