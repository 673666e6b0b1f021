"""The dialog of the preferences: keys, mouse, windows of one's own, colours, what the computer is to give."""

from xferviewer.gui.views.preferences.computer import ComputerWishes
from xferviewer.gui.views.preferences.dialog import PreferencesDialog, Preferred

__all__ = ["ComputerWishes", "PreferencesDialog", "Preferred"]
