"""The Train perspective: the list of jobs, the form of a new one, and one job at work."""

from xferviewer.gui.views.training.form import NewJobForm
from xferviewer.gui.views.training.import_dataset import ImportDatasetDialog
from xferviewer.gui.views.training.job_list import JobsPanel
from xferviewer.gui.views.training.job_view import JobView
from xferviewer.gui.views.training.panel import TrainingPanel

__all__ = ["ImportDatasetDialog", "JobView", "JobsPanel", "NewJobForm", "TrainingPanel"]
