"""Tables of labels and predictions as people really bring them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.errors import UnusableTable
from xferviewer.evaluation.tables import PredictionTable, read_label_table, read_predictions, write_predictions


def csv(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding)
    return path


def table(scores: np.ndarray) -> PredictionTable:
    n = len(scores)
    findings = tuple(f"finding {k}" for k in range(scores.shape[1]))
    images = tuple(f'films/ä "{i}", PA.png' for i in range(n))
    return PredictionTable(images, ("net, a",) * n, ("0042",) * n, ("",) * n, findings, scores)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 3), elements=st.floats(0, 1, width=32) | st.just(float("nan"))),
    st.sampled_from(["csv", "parquet"]),
)
def test_that_written_predictions_come_back_bit_by_bit(tmp_path_factory, scores: np.ndarray, ending: str) -> None:
    path = tmp_path_factory.mktemp("predictions") / f"written.{ending}"
    scores[0] = [0.1, np.float32(1e-30), 1]  # a table of nothing but gaps would hold no predictions
    write_predictions(path, table(scores))
    found = read_predictions(path)
    np.testing.assert_array_equal(found.scores.astype(np.float32), scores)
    np.testing.assert_array_equal(found.scores, scores.astype(np.float64))
    written = table(scores)
    assert (found.image, found.checkpoint, found.study) == (written.image, written.checkpoint, written.study)
    assert (found.patient, found.findings) == (written.patient, written.findings)


def test_that_a_table_starts_with_image_checkpoint_study_and_patient(tmp_path: Path) -> None:
    write_predictions(tmp_path / "out.csv", table(np.array([[0.5]], dtype=np.float32)))
    header = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert header == '"image","checkpoint","study","patient","finding 0"'


def test_that_a_table_made_elsewhere_is_read_by_its_prob_columns_under_its_own_name(tmp_path: Path) -> None:
    path = csv(tmp_path / "lab.csv", "Image Index,Patient ID,Patient Age,prob_Edema,label_Edema", "a.png,007,61,0.25,1")
    found = read_predictions(path)
    assert (found.image, found.checkpoint, found.findings) == (("a.png",), ("lab",), ("Edema",))
    assert found.patient == ("007",)
    assert found.scores.tolist() == [[0.25]]
    labels = read_label_table(path)
    values, n_impossible = labels.labels("Edema")
    assert (values.tolist(), n_impossible) == ([1], 0)
    assert labels.labels("Mass") is None
    assert labels.column("patient_age") == ("61",)


def test_that_words_are_no_scores_and_a_few_bad_cells_are_counted(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "file,sex,Edema,Mass", "a,F,0.5,", "b,M,oops,0.1", "c,F,.25,1e-3")
    found = read_predictions(path)
    assert found.findings == ("Edema", "Mass")
    np.testing.assert_array_equal(found.scores, [[0.5, np.nan], [np.nan, 0.1], [0.25, 0.001]])
    assert found.warnings == ("p.csv: 1 cells of Edema are no numbers and count as missing.",)


def test_that_semicolons_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes("\ufeffImage;Édema\r\nb.png;1\r\nc.png;0\r\n".encode())
    labels = read_label_table(path)
    assert labels.image == ("b.png", "c.png")
    values, _ = labels.labels("Édema")
    assert values.tolist() == [1, 0]


def test_that_rows_with_another_number_of_cells_are_left_out_and_counted(tmp_path: Path) -> None:
    path = csv(tmp_path / "p.csv", "image,Edema", "a,0.5", "b,0.5,9", "c", "d,0.75")
    found = read_predictions(path)
    assert found.image == ("a", "d")
    assert found.warnings == ("p.csv: 2 rows have another number of cells than the header and are left out.",)


def test_that_labels_may_be_numbers_or_true_and_false_and_others_are_counted(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "l.csv", "image,Edema,Mass,Pleural Thickening", "a,1.0,True,0", "b,-1,FALSE,1", "c,2,,0", "d,,maybe,"
    )
    labels = read_label_table(path)
    values, n_impossible = labels.labels("Edema")
    np.testing.assert_array_equal(values, [1, -1, np.nan, np.nan])
    assert n_impossible == 1
    values, n_impossible = labels.labels("Mass")
    np.testing.assert_array_equal(values, [1, 0, np.nan, np.nan])
    assert n_impossible == 1
    assert labels.labels("pleural_thickening")[0].tolist()[:3] == [0, 1, 0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "no table"),
        ("no_rows.csv", b"image,Edema\n", "no predictions"),
        ("no_image.csv", b"name,Edema\na,0.5\n", "which image"),
        ("no_score.csv", b"image,sex\na,F\n", "no predictions"),
        ("twice.csv", b"image,Edema,Edema\na,0.5,0.5\n", "twice"),
        ("latin.csv", "image,Œdème\na,0.5\n".encode("utf-16"), "no table"),
        ("no.parquet", b"PAR1 but not really", "no table"),
    ],
)
def test_that_a_table_of_no_use_is_refused_in_three_sentences(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnusableTable, match=says) as refused:
        read_predictions(tmp_path / name)
    assert name in refused.value.what
    assert all(part.endswith(".") for part in (refused.value.what, refused.value.why, refused.value.todo))


def test_that_a_missing_table_is_named() -> None:
    with pytest.raises(UnusableTable, match=r"nowhere\.csv"):
        read_label_table(Path("nowhere.csv"))


def test_that_the_images_of_a_cohort_folder_are_labels_frame_by_frame(tmp_path: Path) -> None:
    table = tmp_path / "images.csv"
    table.write_text(
        "image,frame,patient,study,site,view,sex,age,split,tumor\n"
        "x.h5,,a,,,,,,train,1\nx.h5,1,a,,,,,,train,0\nx.h5,12,b,,,,,,test,-1\nfilm.png,,c,,,,,,test,\n"
    )
    read = read_label_table(table)
    assert read.image == ("x.h5#0", "x.h5#1", "x.h5#12", "film.png")
    labels, impossible = read.labels("tumor") or (None, -1)
    np.testing.assert_array_equal(labels, [1, 0, -1, np.nan])
    assert impossible == 0
