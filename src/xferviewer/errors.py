"""The exceptions that a user may see. Each says what happened, why, and what to do."""

from __future__ import annotations


class XferviewerError(Exception):
    """Something went wrong that its user can understand and act on.

    what  what happened, in one sentence, with the name of the thing it happened to
    why   the cause, as far as it is known
    todo  what the user can do now
    """

    def __init__(self, what: str, why: str, todo: str) -> None:
        super().__init__(what, why, todo)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        return f"{self.what} {self.why} {self.todo}"

    def as_dict(self) -> dict[str, str]:
        """The three parts under the keys that `--json` prints and messages carry."""
        return {"what": self.what, "why": self.why, "todo": self.todo}


class UnreadableImage(XferviewerError):
    """A file that is no image, or one that cannot be decoded."""


class UnusableFolder(XferviewerError):
    """A folder that does not exist, cannot be read, or cannot be written to."""


class UnusableTable(XferviewerError):
    """A table of labels or predictions that cannot be used as it is."""


class UnusableRegions(XferviewerError):
    """Boxes or masks that cannot be read, or that do not fit their images."""


class UnusableChoice(XferviewerError):
    """An option that names what is not there, or that has an impossible value."""


class UnusableCheckpoint(XferviewerError):
    """A checkpoint folder without a card, with the wrong digest, or with weights that do not fit."""


class UnusableSpec(XferviewerError):
    """A job specification with unknown keys or impossible values."""


class EngineFailure(XferviewerError):
    """The engine process could not start, crashed, or refused a request."""


class Stopped(XferviewerError):
    """Somebody stopped the work before its end; what was done is kept."""


class CannotStart(XferviewerError):
    """The application cannot run here: no display, a missing system library, a second copy."""
