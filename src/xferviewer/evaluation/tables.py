"""Tables of labels and of predictions, CSV or Parquet, ours or made elsewhere.

A predictions table has one row for each image and checkpoint: `image, checkpoint, study, patient`, then one column for
each finding. Where rows are means of several members, `spread_X` and `mutual_information_X` of a finding X say how far
these differ (evaluation/members.py). Without `checkpoint` the file's stem is the name. In a table made elsewhere the
image column may also be called "Image Index", "path" or "file", and `prob_X` and `label_X` are read as X; one file may
hold both. A table may also be by study or by patient, without an image column, where its reader asks for such units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary, folded
from xferviewer.errors import UnusableTable
from xferviewer.evaluation.members import Doubts, MemberMeasure
from xferviewer.evaluation.raw_table import RawTable, read_table
from xferviewer.evaluation.units import Unit

IMAGE_COLUMNS = ("image", "imageindex", "path", "imagepath", "file", "filename")
STUDY_COLUMNS = ("study", "studyid", "studyuid", "studyinstanceuid")
PATIENT_COLUMNS = ("patient", "patientid", "subjectid")
CHECKPOINT_COLUMNS = ("checkpoint",)
INPUT_FLAGS = "input_flags"
DOUBT_COLUMNS: Mapping[str, MemberMeasure] = {
    "spread_": "member-spread",
    "mutual_information_": "mutual-information",
}


@dataclass(frozen=True, slots=True, eq=False)
class PredictionTable:
    """Scores of images by checkpoints, one row for each pair of them; or of studies or patients, without images.

    image, checkpoint, study, patient  (n,) text; "" for what is not stated.
    findings                           (K,) names in the order of the columns.
    scores                             (n, K) float64: probabilities, or logits; NaN where blank.
    doubts                             (n, K) float64 by measure: how far the members of a row differ; NaN where blank.
    flags                              (n,) kinds of the flags of each row's input, "; " between them; empty: nobody
                                       looked, and no column is written.
    """

    image: tuple[str, ...]
    checkpoint: tuple[str, ...]
    study: tuple[str, ...]
    patient: tuple[str, ...]
    findings: tuple[str, ...]
    scores: NDArray[np.float64]
    source: str = ""
    sha256: str = ""
    warnings: tuple[str, ...] = ()
    doubts: Mapping[MemberMeasure, NDArray[np.float64]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    @property
    def unit(self) -> Unit:
        """What its rows are about: the finest that they are named by."""
        return _finest_named(self)

    def names(self, unit: Unit) -> tuple[str, ...]:
        """The image, study or patient of each row, (n,)."""
        return {"image": self.image, "study": self.study, "patient": self.patient}[unit]


def read_predictions(path: Path, units: tuple[Unit, ...] = ("image",)) -> PredictionTable:
    """Read predictions, ours or made elsewhere, from CSV or Parquet.

    Findings are the columns `prob_X`, or, if there is none, every column of numbers that names nothing else (`label_X`
    is never one). `units` are what the rows may be about. Raises UnusableTable as `read_table`, and for a table whose
    rows name none of the units, or without a score.
    """
    raw = read_table(path)
    image = _image_column(raw, units)
    named = [raw.find(names) for names in (CHECKPOINT_COLUMNS, STUDY_COLUMNS, PATIENT_COLUMNS)]
    checkpoint, study, patient = named
    score_columns = {name[5:]: name for name in raw.columns if name.lower().startswith("prob_")}
    only_numbers = not score_columns
    if only_numbers:
        taken = {image, *named, INPUT_FLAGS, *_doubt_columns(raw, raw.columns)}
        score_columns = {n: n for n in raw.columns if n not in taken and not n.lower().startswith("label_")}
    warnings, findings, scores = list(raw.warnings), [], []
    for finding, name in score_columns.items():
        values, n_no_number = raw.numbers(name)
        if only_numbers and np.isnan(values).all():
            continue  # a column of words, such as the sex
        if n_no_number:
            warnings.append(f"{path.name}: {n_no_number} cells of {name} are no numbers and count as missing.")
        findings.append(finding)
        scores.append(values)
    if not findings or not raw.n_rows:
        raise UnusableTable(
            f"{path.name} holds no predictions.",
            "It has no rows." if not raw.n_rows else "No column beside the names of images and people holds numbers.",
            "Give a table with one column of probabilities for each finding, named after the finding.",
        )
    return PredictionTable(
        raw.text(image),
        tuple(name or path.stem for name in raw.text(checkpoint)),
        raw.text(study),
        raw.text(patient),
        tuple(findings),
        np.column_stack(scores),
        raw.source,
        raw.sha256,
        tuple(warnings),
        _doubts(raw, findings),
    )


def _doubt_columns(raw: RawTable, findings: Iterable[str]) -> dict[str, tuple[MemberMeasure, str]]:
    """The columns that say how far members differ about one of the findings: which measure, which finding."""
    known = {folded(finding): finding for finding in findings}
    found: dict[str, tuple[MemberMeasure, str]] = {}
    for name in raw.columns:
        for prefix, measure in DOUBT_COLUMNS.items():
            finding = known.get(folded(name[len(prefix) :]))
            if name.lower().startswith(prefix) and finding is not None:
                found[name] = measure, finding
    return found


def _doubts(raw: RawTable, findings: Sequence[str]) -> Doubts:
    doubts = Doubts()
    for name, (measure, finding) in _doubt_columns(raw, findings).items():
        values = doubts.setdefault(measure, np.full((raw.n_rows, len(findings)), np.nan))
        values[:, findings.index(finding)] = raw.numbers(name)[0]
    return doubts


def holds_predictions(path: Path, findings: Sequence[str] = ()) -> bool:
    """A table is one of predictions, not of labels.

    It names checkpoints, has columns `prob_X`, has a column named like one of the `findings` with values that are no
    labels, or, whatever its name, one of scores between 0 and 1. Raises UnusableTable as `read_table`.
    """
    raw = read_table(path)
    if raw.find(CHECKPOINT_COLUMNS) or any(name.lower().startswith("prob_") for name in raw.columns):
        return True
    known = {folded(finding) for finding in findings}
    named = {raw.find(names) for names in (IMAGE_COLUMNS, STUDY_COLUMNS, PATIENT_COLUMNS)}
    for name in raw.columns:
        values, n_no_number = raw.numbers(name)
        stated = values[~np.isnan(values)]
        if name in named or n_no_number or np.isin(stated, (0, 1, -1)).all():
            continue
        if folded(name) in known or np.all((stated >= 0) & (stated <= 1)):
            return True
    return False


def write_predictions(path: Path, table: PredictionTable) -> None:
    """Write predictions as CSV, or as Parquet where the name ends so; in one step, so that no half file is ever seen.

    Each number is written with the digits that give back the same bits whether it is read as float32 or as float64.
    Raises UnusableFolder where the file cannot be written, ValueError for columns of different lengths.
    """
    if path.suffix.lower() in (".parquet", ".pq"):
        import pyarrow as pa
        from pyarrow import parquet

        buffer = pa.BufferOutputStream()
        parquet.write_table(_arrow_table(table), buffer)
        write_atomically(path, buffer.getvalue().to_pybytes())
    else:
        write_atomically(path, predictions_csv(table))


def predictions_csv(table: PredictionTable) -> bytes:
    """Predictions as the text of a CSV file. Raises ValueError for columns of different lengths."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    buffer = pa.BufferOutputStream()
    arrow_csv.write_csv(_arrow_table(table), buffer, arrow_csv.WriteOptions(quoting_style="needed"))
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _arrow_table(table: PredictionTable) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {
        "image": table.image, "checkpoint": table.checkpoint, "study": table.study, "patient": table.patient
    }  # fmt: skip
    for finding, scores in zip(table.findings, table.scores.T, strict=True):
        columns[finding] = pa.array(np.ascontiguousarray(scores, dtype=np.float64), from_pandas=True)
    for prefix, measure in DOUBT_COLUMNS.items():
        if measure in table.doubts:
            for finding, values in zip(table.findings, table.doubts[measure].T, strict=True):
                name = f"{prefix}{finding.removeprefix('prob_')}"
                columns[name] = pa.array(np.ascontiguousarray(values, dtype=np.float64), from_pandas=True)
    if table.flags:
        columns[INPUT_FLAGS] = table.flags
    try:
        return pa.table(columns)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error


def _image_column(raw: RawTable, units: tuple[Unit, ...]) -> str | None:
    """None where the rows are named by study or patient and may be."""
    name = raw.find(IMAGE_COLUMNS)
    coarser = [
        unit
        for unit, columns in (("study", STUDY_COLUMNS), ("patient", PATIENT_COLUMNS))
        if unit in units and raw.find(columns) is not None
    ]
    if name is None and not coarser:
        raise UnusableTable(
            f"{Path(raw.source).name} does not say which image a row is about.",
            f"Its columns are {', '.join(raw.columns)}; none is called image, Image Index, path or file.",
            "Rename the column with the images' names to image.",
        )
    return name


def _finest_named(table: PredictionTable | LabelTable) -> Unit:
    return "image" if any(table.image) else "study" if any(table.study) else "patient"


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Labels of images, with the other facts of the same rows; or of studies or patients, without images.

    image, study, patient  (n,) text; "" for what is not stated.
    vocabulary             which names mean the same finding
    """

    raw: RawTable
    image: tuple[str, ...]
    study: tuple[str, ...]
    patient: tuple[str, ...]
    vocabulary: Vocabulary = PUBLISHED

    @property
    def unit(self) -> Unit:
        """What its rows are about: the finest that they are named by."""
        return _finest_named(self)

    def names(self, unit: Unit) -> tuple[str, ...]:
        """The image, study or patient of each row, (n,)."""
        return {"image": self.image, "study": self.study, "patient": self.patient}[unit]

    def labels(self, finding: str) -> tuple[NDArray[np.float64], int] | None:
        """The labels of a finding as stated, (n,) float64 of 1, 0, -1 (uncertain) or NaN, and how many are not.

        From the column `label_X`, else X, spelt alike but for case, spaces and underscores; else from one whose name
        means the same finding. None if there is none of these.
        """
        name = self.raw.find((folded(f"label_{finding}"), folded(finding))) or self._synonym(finding)
        return None if name is None else self._labels_of(name)

    def _synonym(self, finding: str) -> str | None:
        named = {name: name[6:] if name.lower().startswith("label_") else name for name in self.raw.columns}
        marked = sorted(named, key=lambda name: name == named[name])  # label_X counts before X
        key = self.vocabulary.key(finding)
        return next((name for name in marked if self.vocabulary.key(named[name]) == key), None)

    def _labels_of(self, column: str) -> tuple[NDArray[np.float64], int]:
        values, n_no_number = self.raw.numbers(column)
        possible = np.isnan(values) | np.isin(values, (0, 1, -1))
        return np.where(possible, values, np.nan), int(np.count_nonzero(~possible)) + n_no_number

    def two_columns(self, finding: str) -> tuple[str, str, int] | None:
        """The column `label_X`, which counts, the column X, and in how many rows both state labels that differ.

        None unless the table has both and X holds labels, too, and not the scores of the same finding.
        """
        counted, other = (self.raw.find((folded(name),)) for name in (f"label_{finding}", finding))
        if counted is None or other is None:
            return None
        (a, _), (b, n_impossible) = self._labels_of(counted), self._labels_of(other)
        if n_impossible > np.count_nonzero(~np.isnan(b)):
            return None
        return counted, other, int(np.count_nonzero(~np.isnan(a) & ~np.isnan(b) & (a != b)))

    def column(self, name: str) -> tuple[str, ...]:
        """Any column as text, to group by. Raises UnusableTable if the table has none of that name."""
        found = self.raw.find((folded(name),))
        if found is None:
            raise UnusableTable(
                f"The labels cannot be grouped by {name}.",
                f"{Path(self.raw.source).name} has the columns {', '.join(self.raw.columns)}.",
                "Name one of these, or add the column.",
            )
        return self.raw.text(found)


def read_label_table(
    path: Path, units: tuple[Unit, ...] = ("image",), vocabulary: Vocabulary = PUBLISHED
) -> LabelTable:
    """Read a table of labels, by image or by what `units` says.

    Raises UnusableTable as `read_table`, and for a table without rows or whose rows name none of the units.
    """
    raw = read_table(path)
    image = _image_column(raw, units)
    if not raw.n_rows:
        raise UnusableTable(
            f"{path.name} holds no labels.", "It has no rows.", "Give a table with a row for each image."
        )
    study, patient = raw.find(STUDY_COLUMNS), raw.find(PATIENT_COLUMNS)
    return LabelTable(raw, _frame_names(raw, image), raw.text(study), raw.text(patient), vocabulary)


def _frame_names(raw: RawTable, image: str | None) -> tuple[str, ...]:
    """The image of each row; of a stack, whose frames a column `frame` counts, as `predict` names them."""
    names, frames = raw.text(image), raw.text(raw.find(("frame",)))
    stacks = {name for name, frame in zip(names, frames, strict=True) if frame not in ("", "0")}
    return tuple(f"{name}#{frame or 0}" if name in stacks else name for name, frame in zip(names, frames, strict=True))
