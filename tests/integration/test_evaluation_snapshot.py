"""A copied command: the folder reads back bit by bit, and the command makes the numbers that were on screen."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.aggregation import aggregate
from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule
from xferviewer.evaluation.cohort import Cohort, join, select
from xferviewer.evaluation.cohort_metrics import evaluate
from xferviewer.evaluation.metrics_json import metrics_dict
from xferviewer.evaluation.tables import read_label_table, read_predictions
from xferviewer.exchange.evaluation_snapshot import write_snapshot


@pytest.fixture
def cohort() -> Cohort:
    """Names of every kind; B lacks images and a finding; Study has no label and C not even a score for it."""
    random = np.random.default_rng(23)
    n = 150
    labels = (random.random((n, 3)) < 0.35).astype(float)
    labels[random.random(labels.shape) < 0.05] = np.nan
    labels[:, 2] = np.nan
    scores = 1 / (1 + np.exp(1 - random.normal(size=(3, n, 3)) - np.nan_to_num(labels)))
    scores = scores.astype(np.float32).astype(np.float64)
    scores[1, 120:] = np.nan
    scores[1, :, 1] = np.nan
    scores[2] = random.random((n, 3)).round(1)  # ties, and as many digits as float64 has
    scores[2, :, 2] = np.nan
    images = tuple(f'siteö/"{i % 7}"/film {i:03d}, PA.png' for i in range(n))
    return Cohort(
        "image", images, tuple(f"s{i // 2}" for i in range(n)), tuple(f"{i // 4:04d}" for i in range(n)),
        ("Edema", "Mass, other", "Study"), labels, ("vit", "NA", "a:b=c"), scores,
        {"site": tuple("NA" if i % 8 < 4 else "B" for i in range(n)), "sex": tuple("FM"[i // 4 % 2] for i in range(n)),
         "patient": tuple(f"{i // 4:04d}" for i in range(n))},
    )  # fmt: skip


def read_back(folder: Path, columns: Mapping[str, Any]) -> Cohort:
    predictions = read_predictions(folder / "predictions.csv")
    return join(read_label_table(folder / "labels.csv"), [predictions], list(columns))


def without_origin(described: dict[str, Any]) -> dict[str, Any]:
    return {key: of for key, of in described.items() if key not in ("inputs", "command", "versions", "notice")}


def run_elsewhere(folder: Path, arguments: tuple[str, ...]) -> dict[str, Any]:
    """The command in a process of its own, inside the folder; what it writes."""
    assert arguments[0] == "xferviewer"
    command = [sys.executable, "-m", "xferviewer", *arguments[1:]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=dict(os.environ))
    out = folder / arguments[arguments.index("--out") + 1]
    return json.loads((out / "metrics.json").read_text(encoding="utf-8"))


CHOICES = [
    EvaluationChoices(
        unit="study", aggregation="mean", level=0.9, by=(("site", "sex"), ("sex",)), where=(("sex", "F"), ("sex", "M")),
        cases="common", reference="NA", adjust="bh", referral_rate=0.15, uncertainty="case",
        thresholds={("a:b=c", "Mass, other"): 0.1 + 0.2, ("vit", "Edema"): 0.317, ("", "Study"): 0.25},
    ),
    EvaluationChoices(
        findings=("Mass, other", "Edema"), by=None, uncertainty="spread", referral_rate=0.3,
        point=OperatingRule("sensitivity", 0.9), reference="a:b=c", where=(("site", "NA"),),
    ),
    EvaluationChoices(
        unit="patient", by=(("site",),), uncertainty="entropy", referral_rate=0.25, point=OperatingRule("youden")
    ),
]  # fmt: skip


@pytest.mark.parametrize("choices", CHOICES, ids=["study", "image", "patient"])
def test_that_the_command_makes_the_numbers_of_the_screen_in_another_process(
    cohort: Cohort, choices: EvaluationChoices, tmp_path: Path
) -> None:
    snapshot = write_snapshot(tmp_path / "my exports", cohort, choices)
    shown = aggregate(select(cohort, choices.where), choices.unit, choices.aggregation)
    expected = without_origin(metrics_dict(evaluate(shown, choices)))
    found = without_origin(run_elsewhere(snapshot.folder, snapshot.arguments))
    # What the tables lack is said by who reads them, which the window does not do.
    assert set(expected.pop("warnings")) <= set(found.pop("warnings"))
    assert found == json.loads(json.dumps(expected))


def test_that_the_folder_reads_back_as_the_same_cohort_bit_by_bit(cohort: Cohort, tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path, cohort, EvaluationChoices())
    found = read_back(snapshot.folder, cohort.columns)
    assert found.scores.tobytes() == cohort.scores.tobytes()
    assert found.labels.tobytes() == cohort.labels.tobytes()
    for part in ("cases", "studies", "patients", "findings", "checkpoints", "columns"):
        assert getattr(found, part) == getattr(cohort, part)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(np.float64, (2, 3, 2), elements=st.floats(allow_nan=False, allow_infinity=False) | st.just(np.nan)),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1), min_size=3, max_size=3),
    st.sampled_from(["NA", "", "0042", 'a"b', " x ", "null", "not stated"]),
)
def test_that_any_scores_and_names_come_back(tmp_path: Path, scores: np.ndarray, names: list[str], value: str) -> None:
    images = tuple(f"{place}/{name}" for place, name in enumerate(names))
    scores[:, :, 0] = np.nan_to_num(scores[:, :, 0], nan=0.5)  # a case without any score would not come back
    labels = np.array([[0, 1], [np.nan, 0], [1, np.nan]])
    cohort = Cohort(
        "image", images, (value,) * 3, tuple(names), ("F 0", "prob_F1"), labels, ("A", names[0]), scores,
        {"site": (value or "not stated",) * 3},
    )  # fmt: skip
    if names[0] == "A":
        return
    found = read_back(write_snapshot(tmp_path, cohort, EvaluationChoices()).folder, cohort.columns)
    # -0.0 and 0.0 are one number of two bit patterns; both are written as they are.
    assert found.scores.tobytes() == cohort.scores.tobytes()
    assert found.labels.tobytes() == cohort.labels.tobytes()
    for part in ("cases", "studies", "patients", "findings", "checkpoints", "columns"):
        assert getattr(found, part) == getattr(cohort, part)


def test_that_a_folder_is_named_by_its_content_and_never_written_twice(cohort: Cohort, tmp_path: Path) -> None:
    first = write_snapshot(tmp_path, cohort, EvaluationChoices())
    labels = first.folder / "labels.csv"
    before = labels.stat().st_mtime_ns, labels.stat().st_ino
    other_view = write_snapshot(tmp_path, cohort, EvaluationChoices(referral_rate=0.1, reference="vit"))
    assert other_view.folder == first.folder
    assert (labels.stat().st_mtime_ns, labels.stat().st_ino) == before
    assert first.arguments != other_view.arguments
    changed = cohort.scores.copy()
    changed[0, 0, 0] = np.nextafter(changed[0, 0, 0], 1)
    assert write_snapshot(tmp_path, replace(cohort, scores=changed), EvaluationChoices()).folder != first.folder
    (first.folder / "predictions.csv").unlink()
    assert write_snapshot(tmp_path, cohort, EvaluationChoices()).folder == first.folder
    assert (first.folder / "predictions.csv").exists()


def test_that_the_text_is_the_command_for_a_shell(cohort: Cohort, tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "my exports", cohort, CHOICES[0], ("svg",), ("csv",))
    where, command = snapshot.text.splitlines()
    assert shlex.split(where) == ["cd", str(snapshot.folder)]
    assert tuple(shlex.split(command)) == snapshot.arguments
    assert not [word for word in snapshot.arguments if str(tmp_path) in word]
    assert {"--figures=svg", "--tables=csv", "--threshold=a:b=c:Mass, other=0.30000000000000004"} <= set(
        snapshot.arguments
    )


def test_that_two_machines_write_the_same_file(cohort: Cohort, tmp_path: Path) -> None:
    written = []
    for machine in ("one", "two"):
        snapshot = write_snapshot(tmp_path / machine, cohort, CHOICES[2])
        found = run_elsewhere(snapshot.folder, snapshot.arguments)
        out = snapshot.folder / snapshot.arguments[snapshot.arguments.index("--out") + 1]
        written.append((out / "metrics.json").read_bytes())
        assert found["inputs"][0]["path"] == "labels.csv"
    assert written[0] == written[1]


def test_that_what_no_table_can_hold_is_refused(cohort: Cohort, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="of images"):
        write_snapshot(tmp_path, aggregate(cohort, "study"), EvaluationChoices())
    with pytest.raises(ValueError, match="one name"):
        write_snapshot(tmp_path, replace(cohort, checkpoints=("A", "A", "B")), EvaluationChoices())
    with pytest.raises(UnusableTable, match="line break"):
        write_snapshot(tmp_path, replace(cohort, cases=("a\nb", *cohort.cases[1:])), EvaluationChoices())
    with pytest.raises(UnusableTable, match="nothing to evaluate"):
        write_snapshot(tmp_path, replace(cohort, scores=np.full((3, 150, 3), np.nan)), EvaluationChoices())
    odd = replace(cohort, columns={"Study": ("x",) * 150})
    with pytest.raises(ValueError, match="another column"):
        write_snapshot(tmp_path, odd, EvaluationChoices(by=(("Study",),)))
    assert not list(tmp_path.iterdir())
