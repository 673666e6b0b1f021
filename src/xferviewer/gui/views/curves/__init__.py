"""The curves of the compared checkpoints: ROC, precision and recall, calibration, net benefit, risk over coverage."""

from xferviewer.gui.views.curves.panel import CurvesPanel

__all__ = ["CurvesPanel"]
