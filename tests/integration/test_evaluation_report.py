"""The report: self-contained, complete, and the same whenever it is made."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from xferviewer import RESEARCH_NOTICE
from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.evaluation.tables import PredictionTable, write_predictions
from xferviewer.exchange.checkpoint_styles import checkpoint_styles
from xferviewer.exchange.evaluate import run_evaluate
from xferviewer.exchange.evaluate_options import EvaluateOptions

BY_SEX = EvaluateOptions(by=("sex",))
COMMAND = ["xferviewer", "evaluate", "--labels", "my labels.csv", "--predictions", "a.csv"]


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, list[Path]]:
    random = np.random.default_rng(0)
    labels = random.random((90, 2)) < 0.3
    images = tuple(f"{i}.png" for i in range(90))
    lines = [f"{i},{s},{a:d},{b:d}" for i, s, (a, b) in zip(images, ["F", "M"] * 45, labels, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["image,sex,Edema,Höhle <b>", *lines]), encoding="utf-8")
    files = []
    for name in ("a <script>alert(1)</script>", "b & c"):
        scores = 1 / (1 + np.exp(-(random.normal(size=labels.shape) + labels)))
        table = PredictionTable(
            images, (name,) * 90, ("",) * 90, ("",) * 90, ("Edema", "Höhle <b>"), scores.astype(np.float32)
        )
        files.append(tmp_path / f"{len(files)}.csv")
        write_predictions(files[-1], table)
    return tmp_path / "labels.csv", files


class Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parts(path: Path) -> Parts:
    parser = Parts()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def test_that_the_report_needs_no_other_file_and_runs_nothing(tables: tuple[Path, list[Path]], tmp_path: Path) -> None:
    run_evaluate(tables[0], tables[1], tmp_path / "out", BY_SEX, COMMAND)
    report = parts(tmp_path / "out" / "report.html")
    assert "script" not in report.tags
    assert "link" not in report.tags
    assert all(address.startswith("#") for address in report.addresses)
    assert report.tags.count("figure") == 3  # the overview and one for each finding
    assert len(report.ids) == len(set(report.ids))


def test_that_names_from_files_are_text_and_every_svg_is_well_formed(
    tables: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    run_evaluate(tables[0], tables[1], tmp_path / "out", command=COMMAND)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert "a &lt;script&gt;" in html
    assert "Höhle <b>" not in html
    for element in re.findall(r"<figure.*?(<svg.*?</svg>)", html, flags=re.DOTALL):
        ET.fromstring(element)


def test_that_the_report_says_notice_command_digests_counts_and_intervals(
    tables: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    found = run_evaluate(tables[0], tables[1], tmp_path / "out", BY_SEX, COMMAND)
    text = " ".join(" ".join(parts(tmp_path / "out" / "report.html").text).split())
    assert text.count(RESEARCH_NOTICE) == 2
    assert "xferviewer evaluate --labels 'my labels.csv' --predictions a.csv" in text
    assert [row["role"] for row in found["inputs"]] == ["labels", "predictions", "predictions"]
    for row in found["inputs"]:
        assert row["sha256"] in text
    row = found["findings"]["Edema"]["b & c"]
    assert f"{row['auc']:.3f} [{row['auc_lower']:.3f}, {row['auc_upper']:.3f}]" in text
    assert f"{row['n_positive']} present, {row['n_negative']} absent" in text
    assert "By sex" in text
    assert found["command"] == COMMAND


def test_that_the_same_inputs_give_the_same_files_to_the_byte(tables: tuple[Path, list[Path]], tmp_path: Path) -> None:
    for out in ("one", "two"):
        run_evaluate(tables[0], tables[1], tmp_path / out, BY_SEX, COMMAND)
    for name in ("metrics.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_that_the_returned_numbers_are_those_of_the_file(tables: tuple[Path, list[Path]], tmp_path: Path) -> None:
    found = run_evaluate(tables[0], tables[1], tmp_path / "out", command=COMMAND)
    written = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert found == {**written, "failed": []}


def test_that_a_predictions_file_of_no_use_is_named_and_the_rest_goes_on(
    tables: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text("image\na.png\n")
    found = run_evaluate(tables[0], [tmp_path / "bad.csv", *tables[1]], tmp_path / "out")
    assert [failed["what"] for failed in found["failed"]] == ["bad.csv holds no predictions."]
    assert found["failed"][0]["path"] == str(tmp_path / "bad.csv")
    assert found["checkpoints"] == ["a <script>alert(1)</script>", "b & c"]
    with pytest.raises(UnusableTable):
        run_evaluate(tables[0], [tmp_path / "bad.csv"], tmp_path / "out")


def test_that_a_finding_without_any_number_still_has_its_place_in_the_report(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "image,label_Edema,prob_Edema,label_Mass,prob_Mass\na,0,.2,,7\nb,0,.3,,8\nc,0,.1,1,9\n"
    )
    found = run_evaluate(tmp_path / "t.csv", [tmp_path / "t.csv"], tmp_path / "out")
    assert found["findings"]["Edema"]["t"]["auc"] is None
    assert "n/a" in (tmp_path / "out" / "report.html").read_text()


def test_that_an_output_folder_that_cannot_be_made_is_named(tables: tuple[Path, list[Path]], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UnusableFolder):
        run_evaluate(tables[0], tables[1], tmp_path / "out")


def test_that_28_checkpoints_are_told_apart_and_the_first_ones_by_colour_and_by_dash() -> None:
    styles = checkpoint_styles(f"net {i}" for i in range(28))
    assert len({(style.colour, style.dash) for style in styles.values()}) == 28
    first = list(styles.values())[:4]
    assert len({style.colour for style in first}) == len({style.dash for style in first}) == 4


def test_that_the_published_predictions_have_their_published_areas(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "cxr_nih14"
    if not folder.exists():
        pytest.skip(f"{folder} is not on this machine")
    table = folder / "published_predictions.csv"
    found = run_evaluate(table, [table], tmp_path)
    expected = json.loads((folder / "published_predictions_auc.json").read_text())
    rows = {finding: row["published_predictions"] for finding, row in found["findings"].items()}
    assert {finding: round(row["auc"], 6) for finding, row in rows.items()} == expected["auc"]
    assert {finding: row["n_positive"] for finding, row in rows.items()} == expected["pos"]
    assert json.loads((tmp_path / "metrics.json").read_text())["n_cases"] == expected["n"]
    assert found["warnings"] == []
