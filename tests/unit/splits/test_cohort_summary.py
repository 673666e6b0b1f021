"""What a cohort consists of, by part."""

from __future__ import annotations

import csv
import io
import json

import pytest

from xferviewer.studies.cohort import CohortRow
from xferviewer.studies.cohort_folder import read_cohort
from xferviewer.studies.cohort_summary import as_csv, as_json, as_lines, summarise
from xferviewer.studies.leakage import leakage_receipt
from xferviewer.studies.split_file import freeze
from xferviewer.studies.split_making import groups_of


@pytest.fixture
def summary(folder):
    rows = [
        CohortRow("1.png", (1, None), patient="p", study="s", site="A", view="PA", sex="F", age=60.0),
        CohortRow("2.png", (0, -1), patient="p", study="s", site="A", view="LL", sex="F", age=60.0),
        CohortRow("3.png", (0, 1), patient="q", study="t", site="B", view="PA", sex="M", age=30.0),
        CohortRow("4.png", (None, 0), patient="r", site="A"),
    ]
    cohort = read_cohort(folder(rows, ("Edema", "Mass")))
    parts = ("training", "training", "validation", "")
    receipt = leakage_receipt(parts, groups_of(cohort), cohort.images)
    return summarise(cohort, freeze(cohort, "s", parts, "by hand", {}, receipt))


def test_that_every_part_is_counted(summary):
    whole, training, validation, unused = summary.parts
    assert [part.part for part in summary.parts] == ["all", "training", "validation", "in no part"]
    assert (whole.images, whole.groups, whole.studies) == (4, 3, 2)
    assert (training.images, training.groups, training.studies) == (2, 1, 1)
    assert (unused.images, validation.images) == (1, 1)
    assert (whole.ages.stated, whole.ages.mean, whole.ages.median) == (3, 50.0, 60.0)
    assert whole.ages.sd == pytest.approx(300**0.5)
    assert validation.ages.sd is None
    assert unused.ages.mean is None
    assert dict(whole.sexes) == {"F": 2, "M": 1, "not stated": 1}
    assert list(whole.views) == ["PA", "LL", "not stated"]
    assert dict(whole.sites) == {"A": 3, "B": 1}


def test_that_prevalences_say_of_what(summary):
    edema, mass = summary.parts[0].findings.values()
    assert (edema.positive, edema.negative, edema.uncertain, edema.not_stated) == (1, 2, 0, 1)
    assert (mass.positive, mass.negative, mass.uncertain, mass.not_stated) == (1, 1, 1, 1)
    assert edema.prevalence == 0.25
    assert edema.prevalence_of_stated == pytest.approx(1 / 3)
    assert edema.majority_accuracy == pytest.approx(2 / 3)
    assert summary.parts[3].findings["Edema"].majority_accuracy is None


def test_that_the_table_the_json_and_the_csv_say_the_same(summary):
    lines = as_lines(summary)
    assert lines[0].split() == ["all", "training", "validation", "in", "no", "part"]
    assert any(line.startswith("Edema ") and "1 (25.0 %)" in line for line in lines)
    assert any(line.startswith("  uncertain") and "1 (25.0 %)" in line for line in lines)
    assert any(line.startswith("age, mean (SD)") and "50.0 (17.3)" in line for line in lines)
    written = json.loads(json.dumps(as_json(summary), allow_nan=False))
    assert written["parts"][0]["findings"]["Edema"]["prevalence"] == 0.25
    rows = {(row["part"], row["measure"], row["value"]): row for row in csv.DictReader(io.StringIO(as_csv(summary)))}
    assert rows["all", "Edema", "positive"] | {"part": ""} == {
        "part": "", "measure": "Edema", "value": "positive", "n": "1", "of": "4"
    }  # fmt: skip
    assert rows["training", "sex", "F"]["n"] == "2"
    assert rows["all", "age", "median"]["n"] == "60"
