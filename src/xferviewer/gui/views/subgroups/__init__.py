"""The subgroups panel: one checkpoint by the values of a column or two, at the threshold and referral of everybody."""

from xferviewer.gui.views.subgroups.view import SubgroupsPanel

__all__ = ["SubgroupsPanel"]
