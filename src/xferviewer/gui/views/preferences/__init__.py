"""The dialog of the preferences: keys, mouse, windows of one's own, colours."""

from xferviewer.gui.views.preferences.dialog import PreferencesDialog, Preferred

__all__ = ["PreferencesDialog", "Preferred"]
