"""What the worklist can say of a study, a column each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from xferviewer.studies.catalogue import StudyRow


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the worklist.

    name  a field of StudyRow, by which the catalogue sorts; settings.toml has it, too
    tip   in words, where the title is short
    """

    name: str
    title: str
    text: Callable[[StudyRow], str]
    width: int
    tip: str = ""


def _age(study: StudyRow) -> str:
    return f"{study.age:.0f}" if study.age is not None else ""


def _date(study: StudyRow) -> str:
    day = study.study_date
    return f"{day[:4]}-{day[4:6]}-{day[6:8]}" if len(day) == 8 and day.isdecimal() else day


# The first one carries the thumbnail, and is always shown.
COLUMNS = (
    Column("patient_id", "Patient", lambda s: s.patient_id or Path(s.first_path).stem, 88, "Patient ID, or file"),
    Column("sex", "Sex", lambda s: s.sex, 34),
    Column("age", "Age", _age, 36, "Age in years"),
    Column("view", "View", lambda s: s.view or s.modality, 42, "View position"),
    Column("site", "Site", lambda s: s.site, 36),
    Column("labels", "Labels", lambda s: s.labels, 150, "Findings stated as present; ? is uncertain"),
    Column("modality", "Modality", lambda s: s.modality, 60),
    Column("study_date", "Date", _date, 78, "Study date"),
    Column("split", "Split", lambda s: s.split, 66, "Part of the split that a label table states"),
    Column("n_images", "Images", lambda s: str(s.n_images), 48, "Images of the study"),
    Column("first_path", "File", lambda s: Path(s.first_path).name, 120, "File of the first image"),
    Column("study_uid", "Study UID", lambda s: s.study_uid, 150, "Study Instance UID"),
)
IDENTIFYING = ("patient_id", "first_path", "study_uid", "study_date")
"""What is left out while patients' identities are hidden."""
DEFAULT = ("patient_id", "sex", "age", "view", "site", "labels")


def chosen_columns(names: Iterable[str]) -> tuple[Column, ...]:
    """The columns of these names in the order of COLUMNS, the first of them in any case; of none, the usual ones."""
    wanted = {*names} & {column.name for column in COLUMNS}
    return tuple(column for column in COLUMNS if column.name in (wanted or DEFAULT) or column is COLUMNS[0])
