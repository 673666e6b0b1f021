"""How alike and how good maps are: beside the film, and over the cohort."""

from xferviewer.gui.views.map_quality.cohort_table import CohortQualityPanel
from xferviewer.gui.views.map_quality.shown_maps import MapQualityPanel

__all__ = ["CohortQualityPanel", "MapQualityPanel"]
