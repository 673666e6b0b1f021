"""Reading a label table: a CSV with a key column, columns that are known by name, and columns of labels."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xferviewer.errors import UnusableTable
from xferviewer.studies.ages import years

if TYPE_CHECKING:
    from pathlib import Path

# Column names in lower case, with space, dash and underscore left out.
_KNOWN_COLUMNS = {
    "path": ("path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imageindex", "imageid",
             "imagename"),
    "sop_uid": ("sopinstanceuid", "sopuid", "dicomid"),
    "patient_id": ("patient", "patientid", "subjectid"),
    "study_uid": ("study", "studyuid", "studyid", "studyinstanceuid"),
    "site": ("site",),
    "sex": ("sex", "gender", "patientsex", "patientgender"),
    "age": ("age", "patientage"),
    "view": ("view", "viewposition"),
    "split": ("split",),
    "findings": ("findinglabels",),
}  # fmt: skip
# Wang et al. 2017, ChestX-ray8, in the order that later work kept.
NIH_FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax",
    "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia",
)  # fmt: skip
_NO_LABELS = ("prob_", "severity_")  # predictions, and the grades of synthetic films
_NO_FINDING = "no finding"
_NOT_STATED = ("", "nan", "na", "n/a", "none", "null")
_SEXES = {"male": "M", "m": "M", "female": "F", "f": "F", "other": "O", "o": "O"}


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What one row says about its image. Empty strings and None: not stated.

    number  as a spreadsheet shows it; the header is row 1
    values  1 present, 0 absent, -1 uncertain, None not stated, in the order of the table's findings
    age     years
    """

    number: int
    values: tuple[int | None, ...]
    path: str = ""
    sop_uid: str = ""
    patient_id: str = ""
    study_uid: str = ""
    site: str = ""
    sex: str = ""
    age: float | None = None
    view: str = ""
    split: str = ""

    @property
    def key(self) -> str:
        """What the row is joined by."""
        return self.sop_uid or self.path or self.study_uid

    def says_the_same(self, other: LabelRow) -> bool:
        """True when both rows state the same about the image, apart from where they stand and what names it."""
        mine = (self.values, self.patient_id, self.study_uid, self.site, self.sex, self.age, self.view, self.split)
        return mine == (
            other.values, other.patient_id, other.study_uid, other.site, other.sex, other.age, other.view, other.split
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A label table as read. `ignored_columns` are those that are neither known by name nor hold labels."""

    path: Path
    findings: tuple[str, ...]
    rows: tuple[LabelRow, ...]
    ignored_columns: tuple[str, ...]


def read_labels(path: Path) -> LabelTable:
    """Read a CSV in UTF-8, with or without byte-order mark, separated by commas, semicolons or tabs.

    A column whose every value is 1, 0, -1 or blank holds the labels of the finding that it is named after; `label_X`
    is read as X; `prob_X`, a prediction, and `severity_X`, a grade, are passed over. NIH's `Finding Labels` are
    spread over the 14 findings.
    Raises UnusableTable where there is no key column, no row or no reading it.
    """
    header, rows = _cells(path)
    known = _known_columns(path, header)
    label_columns, ignored = _label_columns(header, rows, set(known.values()))
    findings = tuple(label_columns)
    if "findings" in known:
        spread = tuple(finding for finding in NIH_FINDINGS if finding not in label_columns)
        findings += spread
    else:
        spread = ()
    read = tuple(
        LabelRow(
            number=number,
            values=(*(_value(cells[column]) for column in label_columns.values()), *_spread(cells, known, spread)),
            **_described(cells, known),  # type: ignore[arg-type]
        )
        for number, cells in rows
    )
    if not any(row.key for row in read):
        raise UnusableTable(
            f"{path.name} cannot be joined to images.",
            "Its key column is empty in every row.",
            "Fill it with the file names of the images, or with their SOP Instance UIDs.",
        )
    return LabelTable(path, findings, read, ignored)


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and the rows that hold anything, each with its number and as long as the header."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnusableTable(
            f"{path.name} could not be opened.", f"The system says: {error.strerror}.", "Check the name of the table."
        ) from error
    except UnicodeDecodeError as error:
        raise UnusableTable(
            f"{path.name} could not be read.", "It is not a text in UTF-8.", "Save it as CSV in UTF-8."
        ) from error
    first_line = text.partition("\n")[0]
    separator = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        rows = [(number, cells) for number, cells in enumerate(reader, start=2) if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise UnusableTable(
            f"{path.name} could not be read.",
            f"Line {reader.line_num} is not CSV: {error}.",
            "Open it in a spreadsheet, look at that line, and save it as CSV again.",
        ) from error
    if not rows:
        raise UnusableTable(
            f"{path.name} holds no rows.", "There is nothing below its header.", "Choose the table with the labels."
        )
    width = len(header)
    return header, [(number, [cell.strip() for cell in cells[:width]] + [""] * (width - len(cells)))
                    for number, cells in rows]  # fmt: skip


def _known_columns(path: Path, header: list[str]) -> dict[str, int]:
    """The place of each column that is known by name."""
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise UnusableTable(
            f"{path.name} is ambiguous.",
            f"It has several columns of the name {', '.join(doubled)}.",
            "Rename or remove them until each name stands once.",
        )
    plain = [name.lower().translate(str.maketrans("", "", " _-")) for name in header]
    known = {}
    for meaning, names in _KNOWN_COLUMNS.items():
        for name in names:
            if name in plain:
                known[meaning] = plain.index(name)
                break
    if not {"path", "sop_uid", "study_uid"} & known.keys():
        raise UnusableTable(
            f"{path.name} cannot be joined to images.",
            f"None of its columns names an image or a study: {', '.join(header)}.",
            "Name the column with the file names `path`, or give `sop_instance_uid` or `study_uid`.",
        )
    return known


def _label_columns(
    header: list[str], rows: list[tuple[int, list[str]]], taken: set[int]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The columns that hold labels, by finding, and the names of those that are passed over."""
    labels: dict[str, int] = {}
    ignored = []
    for column, name in enumerate(header):
        if not name or column in taken:
            continue
        if not name.startswith(_NO_LABELS) and _holds_labels([cells[column] for _, cells in rows]):
            labels[name.removeprefix("label_")] = column
        else:
            ignored.append(name)
    return labels, tuple(ignored)


def _holds_labels(values: list[str]) -> bool:
    distinct = set(values)
    stated = [value for value in distinct if value.lower() not in _NOT_STATED]
    return bool(stated) and all(_value(value) is not None for value in stated)


def _value(cell: str) -> int | None:
    """1, 0, -1, or None for anything else."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return int(number) if number in (1.0, 0.0, -1.0) else None


def _spread(cells: list[str], known: dict[str, int], findings: tuple[str, ...]) -> tuple[int | None, ...]:
    """NIH's list "Effusion|Mass" as a value for each finding; "No Finding" is 0 for all, a blank is not stated."""
    if not findings:
        return ()
    stated = cells[known["findings"]]
    if not stated:
        return (None,) * len(findings)
    present = {name.strip().lower() for name in stated.split("|")} - {_NO_FINDING}
    return tuple(int(finding.lower() in present) for finding in findings)


def _described(cells: list[str], known: dict[str, int]) -> dict[str, str | float | None]:
    """What the columns known by name say in a row, by field of LabelRow."""
    stated: dict[str, str | float | None] = {
        meaning: cells[column] for meaning, column in known.items() if meaning != "findings"
    }
    stated["sex"] = _SEXES.get(str(stated.get("sex", "")).lower(), "")
    age = years(str(stated.get("age", "")))
    stated["age"] = None if age is None or math.isnan(age) else age
    return stated
