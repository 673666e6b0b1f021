"""xferviewer: compare fine-tuned medical-image classifiers on the workstation. For research, not for diagnosis."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("xferviewer")
except PackageNotFoundError:  # a source tree that nobody installed
    __version__ = "0+unknown"

RESEARCH_NOTICE = "For research, not for diagnosis."
