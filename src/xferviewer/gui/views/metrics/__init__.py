"""The table finding × checkpoint: areas, what is kept of them, and differences to a reference."""

from xferviewer.gui.views.metrics.model import MetricsTableModel
from xferviewer.gui.views.metrics.view import MetricsTable

__all__ = ["MetricsTable", "MetricsTableModel"]
