"""What a person has chosen for a new job: the specification that it makes, or what is wrong with it. No Qt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from xferviewer.checkpoints.fields import FieldError, from_mapping
from xferviewer.gui.spec_fields import faults_in
from xferviewer.jobs.data_spec import DataSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec

_SECTIONS = {"network": NetworkSpec, "data": DataSpec, "recipe": Recipe}


def spec_of(content: Mapping[str, Any]) -> tuple[TrainingSpec | None, dict[str, str]]:
    """The specification that a file with this content would be, or a sentence by the path of each faulty field.

    Sections are looked at one by one, so that a fault in one does not hide those in another.
    """
    faults: dict[str, str] = {}
    for name, kind in _SECTIONS.items():
        section = content.get(name)
        if isinstance(section, Mapping):
            faults |= faults_in(kind, section, name)
    if not content.get("findings"):
        faults["findings"] = "Tick at least one finding."
    if faults:
        return None, faults
    try:
        return from_mapping(TrainingSpec, content), {}
    except FieldError:
        return None, faults_in(TrainingSpec, content, "")


def suggested_name(cohort: str, architecture: str, setting: str, taken: set[str]) -> str:
    """A name for a checkpoint, usable as that of a folder, with a number where a job has it already."""
    words = "-".join(part for part in (cohort, architecture.rpartition("/")[2], setting.lower()) if part)
    name = re.sub(r"[^\w.+-]+", "-", words).strip("-.") or "job"
    number, free = 2, name
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    return free
