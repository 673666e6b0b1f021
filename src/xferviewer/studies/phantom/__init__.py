"""A synthetic cohort: chest radiographs computed by physics from a parametric anatomy, with labels and masks.

numpy and pydicom; scipy is imported when a film is rendered, so that importing this package stays cheap.
"""

from xferviewer.studies.phantom.cohort import LABEL_COLUMNS, CohortProgress, write_cohort
from xferviewer.studies.phantom.film import Film, render_film
from xferviewer.studies.phantom.patients import Patient, Study, plan_study
from xferviewer.studies.phantom.sites import FINDINGS, SITES, Site, SiteName

__all__ = [
    "FINDINGS",
    "LABEL_COLUMNS",
    "SITES",
    "CohortProgress",
    "Film",
    "Patient",
    "Site",
    "SiteName",
    "Study",
    "plan_study",
    "render_film",
    "write_cohort",
]
