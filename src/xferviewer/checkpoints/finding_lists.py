"""Names of findings in the order of the logits: published vocabularies, pasted text, files."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from xferviewer.errors import UnusableChoice
from xferviewer.studies.label_table import NIH_FINDINGS

if TYPE_CHECKING:
    from pathlib import Path

FINDING_LIST_SUFFIXES = (".txt", ".csv", ".json")
_LONGEST = 2**20
# What the first cell of a column of names is called where it is no name.
_HEADERS = ("finding", "findings", "label", "labels", "class", "classes", "name", "names", "pathology")

# In the order in which the published code numbers its outputs.
VOCABULARIES: dict[str, tuple[str, ...]] = {
    "nih-14": NIH_FINDINGS,
    "chexpert-14": (
        "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
        "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
        "Support Devices",
    ),
    "chexpert-5": ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"),
    "mimic-cxr-14": (
        "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture",
        "Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax",
        "Support Devices",
    ),
    "torchxrayvision-18": (
        "Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema", "Fibrosis", "Effusion",
        "Pneumonia", "Pleural_Thickening", "Cardiomegaly", "Nodule", "Mass", "Hernia", "Lung Lesion", "Fracture",
        "Lung Opacity", "Enlarged Cardiomediastinum",
    ),
    "vindr-28": (
        "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation",
        "Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst",
        "Mediastinal shift", "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax",
        "Pulmonary fibrosis", "Rib fracture", "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis",
        "Other diseases", "No finding",
    ),
    "covidx-ct-3": ("Normal", "Pneumonia", "COVID-19"),
    "busi-3": ("benign", "malignant", "normal"),
    "kermany-oct-4": ("CNV", "DME", "DRUSEN", "NORMAL"),
    "ham10000-7": ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"),
}  # fmt: skip


def names_in(text: str) -> tuple[str, ...]:
    """Names one to a line, or with commas, semicolons or tabs between them; quotes as in CSV. Blank ones are left out.

    A leading number that counts from 0 or 1, as in "1,Edema", says the place and is taken off where every line has one.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    rows = [_cells(line) for line in lines]
    if len(rows) > 1 and all(len(row) == 2 for row in rows):
        numbered = sorted(((int(a), b) for a, b in rows if a.isdecimal()), key=lambda pair: pair[0])
        begin = len(rows) - len(numbered)  # a header has no number
        if begin <= 1 and [number for number, _ in numbered] in _counts(len(numbered)):
            return tuple(name for _, name in numbered)
    if len(rows) > 1 and all(len(row) == 1 for row in rows) and rows[0][0].lower() in _HEADERS:
        rows = rows[1:]
    return tuple(cell for row in rows for cell in row if cell)


def _counts(length: int) -> tuple[list[int], list[int]]:
    return list(range(length)), list(range(1, length + 1))


def _cells(line: str) -> list[str]:
    separator = next((mark for mark in ("\t", ";", ",") if mark in line), ",")
    cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    return cells if cells[-1] else cells[:-1]


def read_names(path: Path) -> tuple[str, ...]:
    """The names in a .txt, .csv or .json file: a list, a table of numbers and names, or timm's config with label_names.

    Raises UnusableChoice.
    """
    try:
        if path.stat().st_size > _LONGEST:
            raise ValueError("It is longer than a list of names.")
        text = path.read_text(encoding="utf-8-sig")
        names = _in_json(json.loads(text)) if path.suffix.lower() == ".json" else names_in(text)
        if not names:
            raise ValueError("It holds no names.")
    except (OSError, UnicodeDecodeError, ValueError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UnusableChoice(
            f"{path.name} gives no findings.",
            f"{why.rstrip('.')}.",
            "Name a text file in UTF-8, one finding to a line.",
        ) from error
    return names


def _in_json(content: object) -> tuple[str, ...]:
    if isinstance(content, dict):
        for key in ("label_names", "findings", "labels", "classes", "id2label"):
            if content.get(key):
                return _in_json(content[key])
        if isinstance(content.get("pretrained_cfg"), dict):
            return _in_json(content["pretrained_cfg"])
        if content and all(str(key).isdecimal() for key in content):  # {"0": "Atelectasis", …}
            return _in_json([content[key] for key in sorted(content, key=int)])
        if content and all(isinstance(value, int) for value in content.values()):  # {"Atelectasis": 0, …}
            return _in_json(sorted(content, key=lambda name: content[name]))
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return tuple(name.strip() for name in content if name.strip())
    raise ValueError("It holds no list of names")


def named_findings(text: str) -> tuple[str, ...]:
    """What --findings says: a vocabulary's name, a file of names, or the names. Raises UnusableChoice."""
    from pathlib import Path

    if text in VOCABULARIES:
        return VOCABULARIES[text]
    if text.lower().endswith(FINDING_LIST_SUFFIXES):
        return read_names(Path(text))
    buffer = io.StringIO(text)
    return tuple(cell.strip() for row in csv.reader(buffer, skipinitialspace=True) for cell in row if cell.strip())
