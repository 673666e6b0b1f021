"""Names that mean the same finding are one finding, others never are, wherever checkpoints are compared."""

from __future__ import annotations

import csv
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer import cli
from xferviewer.checkpoints.finding_lists import VOCABULARIES
from xferviewer.checkpoints.vocabulary import PUBLISHED, Vocabulary, own_equalities
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.common_findings import LeftOut, common_findings

CHEST = ("nih-14", "chexpert-14", "mimic-cxr-14", "torchxrayvision-18", "vindr-28")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Effusion", "Pleural Effusion"), ("Pleural_Thickening", "Pleural thickening"), ("Edema", "pulmonary edema"),
        ("Infiltration", "Infiltrate"), ("infiltrates", "Infiltration"), ("Fibrosis", "Pulmonary fibrosis"),
        ("Cardiomegaly", "Enlarged heart"), ("No Finding", "No_Finding"), ("ILD", "interstitial lung disease"),
    ],
)  # fmt: skip
def test_that_true_synonyms_are_one_finding(one, other):
    assert PUBLISHED.key(one) == PUBLISHED.key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Consolidation", "Pneumonia"), ("Lung Opacity", "Consolidation"), ("Infiltration", "Lung Opacity"),
        ("Cardiomegaly", "Enlarged Cardiomediastinum"), ("Nodule", "Mass"), ("Nodule", "Nodule/Mass"),
        ("Lung Lesion", "Nodule"), ("Fracture", "Rib fracture"), ("Effusion", "Pleural Other"),
        ("No Finding", "Normal"), ("Emphysema", "COPD"), ("Hernia", "Hiatal hernia"), ("Effusion", "Edema"),
    ],
)  # fmt: skip
def test_that_what_is_not_the_same_is_never_merged(one, other):
    assert PUBLISHED.key(one) != PUBLISHED.key(other)


@pytest.mark.parametrize("name", CHEST)
def test_that_no_published_list_holds_one_finding_twice(name):
    keys = [PUBLISHED.key(finding) for finding in VOCABULARIES[name]]
    assert len(set(keys)) == len(keys)


def test_that_published_lists_share_what_their_papers_share():
    nih, chexpert = ({PUBLISHED.key(f) for f in VOCABULARIES[name]} for name in ("nih-14", "chexpert-14"))
    shared = ["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion", "Pneumonia", "Pneumothorax"]
    assert nih & chexpert == {PUBLISHED.key(finding) for finding in shared}


def test_that_equalities_of_ones_own_join_groups_and_only_these():
    own = Vocabulary(own_equalities(["Opacity = Lung Opacity", "Airspace = opacity", "Wet lung = Pulmonary Edema"]))
    assert own.key("AIRSPACE") == own.key("Lung_Opacity") == own.key("Opacity")
    assert own.key("wet lung") == own.key("Oedema")
    assert own.key("Airspace") != own.key("Edema")
    assert PUBLISHED.key("Opacity") != PUBLISHED.key("Lung Opacity")


@pytest.mark.parametrize("text", ["Opacity", "A = B = C", "= B", "A ="])
def test_that_another_text_is_refused(text):
    with pytest.raises(UnusableChoice, match="does not say which findings"):
        own_equalities([text])


NAMES = st.lists(st.sampled_from([f for name in CHEST for f in VOCABULARIES[name]]), unique=True, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_that_common_names_keep_every_finding_of_every_list_apart(lists):
    for findings, names in zip(lists, PUBLISHED.alike(lists), strict=True):
        assert list(names) == findings
        assert len(set(names.values())) == len(findings)
        assert all(PUBLISHED.key(a) == PUBLISHED.key(b) for a, b in names.items())


def test_that_the_first_list_gives_the_name_and_twins_of_one_list_stay_two():
    assert PUBLISHED.alike([["Pleural Effusion"], ["Effusion", "Mass"]]) == [
        {"Pleural Effusion": "Pleural Effusion"},
        {"Effusion": "Pleural Effusion", "Mass": "Mass"},
    ]
    twins = ["Effusion", "Pleural Effusion"]
    assert PUBLISHED.alike([["Pleural Effusion"], twins])[1] == dict(zip(twins, twins, strict=True))


def test_that_what_is_left_out_is_named_with_those_that_lack_it():
    found = common_findings({"a": ["Edema", "Mass"], "b": ["Edema"], "c": ["Hernia", "Edema"]})
    assert found.common == ("Edema",)
    assert found.left_out == (LeftOut("Mass", ("b", "c")), LeftOut("Hernia", ("a", "b")))
    assert found.sentences() == [
        "Not every checkpoint has scores for Mass (not of b, c); Hernia (not of a, b). All are compared over Edema."
    ]
    assert common_findings({"a": ["Edema", "Mass"]}).sentences() == []


N = 60


@pytest.fixture
def tables(tmp_path):
    """Labels, one table of two checkpoints that name things differently, and the same two under one name."""
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, (N, 3))
    scores = np.round(np.clip(labels[:, None] * 0.3 + random.random((N, 2, 3)) * 0.7, 0, 1), 6)

    def write(name, header, rows):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return tmp_path / name

    images = [f"{i:03}.png" for i in range(N)]
    write("labels.csv", ["image", "Pulmonary Edema", "Pleural_Effusion", "Mass"],
          [[image, *row] for image, row in zip(images, labels.tolist(), strict=True)])  # fmt: skip
    write("two.csv", ["image", "checkpoint", "Edema", "Effusion", "Mass", "Pleural Effusion"], [
        [image, "ab"[c], s[0], s[1] if c == 0 else "", s[2] if c == 0 else "", s[1] if c else ""]
        for (i, image), c in itertools.product(enumerate(images), (0, 1)) for s in [scores[i, c].tolist()]
    ])  # fmt: skip
    write("one.csv", ["image", "checkpoint", "Edema", "Effusion", "Mass"], [
        [image, "ab"[c], s[0], s[1], s[2] if c == 0 else ""]
        for (i, image), c in itertools.product(enumerate(images), (0, 1)) for s in [scores[i, c].tolist()]
    ])  # fmt: skip
    return tmp_path


def evaluated(folder, predictions, *words):
    """metrics.json of a run."""
    out = folder / f"out-{predictions}-{len(words)}"
    code = cli.main(["evaluate", "--labels", str(folder / "labels.csv"), "--predictions", str(folder / predictions),
                     "--out", str(out), "--reference=a", *words])  # fmt: skip
    assert code == 0
    return json.loads((out / "metrics.json").read_text()), (out / "report.html").read_text()


def test_that_evaluate_gives_the_same_numbers_whatever_a_finding_is_called(tables):
    (two, report), (one, _) = evaluated(tables, "two.csv"), evaluated(tables, "one.csv")
    assert two["findings"] == one["findings"]
    assert two["reference"] == one["reference"]
    assert {pair["finding"] for pair in two["pairs"]} == {"Edema", "Effusion"}
    assert two["common_findings"] == ["Edema", "Effusion"]
    assert two["left_out"] == [{"finding": "Mass", "without": ["b"]}]
    areas = [two["findings"][finding]["a"]["auc"] for finding in two["common_findings"]]
    assert two["common_means"]["a"] == pytest.approx(sum(areas) / 2, abs=1e-15)
    assert two["means"]["a"]["n_findings"] == 3
    said = "Not every checkpoint has scores for Mass (not of b). All are compared over Edema, Effusion."
    assert said in two["warnings"]
    assert said in report
    assert any("Pleural Effusion as Effusion: no row has both" in warning for warning in two["warnings"])


def test_that_two_columns_of_one_checkpoint_stay_two_findings(tables):
    path = tables / "two.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1] + "0.5", *lines[2:]]) + "\n")
    found, _ = evaluated(tables, "two.csv")
    assert {"Effusion", "Pleural Effusion"} <= set(found["findings"])


def test_that_an_option_joins_what_is_not_published(tables):
    path = tables / "one.csv"
    path.write_text(path.read_text().replace("Mass", "Tumour", 1))
    assert "Tumour" not in evaluated(tables, "one.csv")[0]["findings"]
    assert "Tumour" in evaluated(tables, "one.csv", "--same=Tumour = Mass")[0]["findings"]
