"""Public data sets, each in the layout in which it is published, as cohort folders."""

from xferviewer.studies.datasets.importing import ImportProgress, ImportResult, import_dataset
from xferviewer.studies.datasets.source import Choice, Source
from xferviewer.studies.datasets.sources import SOURCES, find_source, source_of

__all__ = [
    "SOURCES",
    "Choice",
    "ImportProgress",
    "ImportResult",
    "Source",
    "find_source",
    "import_dataset",
    "source_of",
]
