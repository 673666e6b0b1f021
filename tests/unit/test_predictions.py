"""The prediction store: what was put comes back, also after a kill, beside another writer."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xferviewer.errors import UnusableFolder, UnusableTable
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
from xferviewer.evaluation.scores import scores_from_logits

KEY = PredictionKey(weights="ab" * 32, preprocessing="cd" * 32, n_findings=3)

WRITE_FOR_EVER = """
import sys, numpy as np
from pathlib import Path
from xferviewer.evaluation.predictions import PredictionKey, PredictionStore
key = PredictionKey("ab" * 32, "cd" * 32, 3)
with PredictionStore(Path(sys.argv[1])) as store:
    for batch in range(1_000_000):
        identities = [f"sha256:{batch}-{i}" for i in range(8)]
        store.put_many(key, identities, np.full((8, 3), batch, dtype=np.float32))
        print(batch, flush=True)
"""


def writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path], stdout=subprocess.PIPE, text=True)


def test_that_logits_come_back_bit_by_bit_in_the_order_asked_for_with_nan_where_missing(tmp_path: Path) -> None:
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with PredictionStore(tmp_path / "predictions.sqlite") as store:
        store.put_many(KEY, ["1.2.3#0", "1.2.3#1", "sha256:ff", "é/ü"], logits)
    with PredictionStore(tmp_path / "predictions.sqlite") as store:
        found = store.get(KEY, ["sha256:ff", "nobody", "1.2.3#0", "sha256:ff", "é/ü"])
        np.testing.assert_array_equal(found[[0, 2, 3, 4]], logits[[2, 0, 2, 3]])
        assert found.dtype == np.float32
        assert np.isnan(found[1]).all()
        assert store.missing(KEY, ["b", "1.2.3#0", "a", "b"]) == ["b", "a"]


def test_that_other_weights_and_other_preprocessing_are_other_predictions(tmp_path: Path) -> None:
    with PredictionStore(tmp_path / "p.sqlite") as store:
        store.put_many(KEY, ["a"], [[1, 2, 3]])
        for other in (PredictionKey("00" * 32, KEY.preprocessing, 3), PredictionKey(KEY.weights, "00" * 32, 3)):
            assert store.missing(other, ["a"]) == ["a"]
            assert np.isnan(store.get(other, ["a"])).all()


def test_that_a_second_prediction_of_an_image_replaces_the_first(tmp_path: Path) -> None:
    with PredictionStore(tmp_path / "p.sqlite") as store:
        store.put_many(KEY, ["a", "b"], [[1, 2, 3], [4, 5, 6]])
        store.put_many(KEY, ["a"], [[7, 8, 9]])
        assert store.get(KEY, ["a", "b"]).tolist() == [[7, 8, 9], [4, 5, 6]]


def test_that_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    with PredictionStore(tmp_path / "p.sqlite") as store:
        with pytest.raises(ValueError):
            store.put_many(KEY, ["a", "b"], [[1, 2, 3], [4, 5, np.nan]])
        with pytest.raises(ValueError):
            store.put_many(KEY, ["a", "b"], [[1, 2, 3]])
        with pytest.raises(UnusableTable):
            store.put_many(KEY, ["a", None], [[1, 2, 3], [4, 5, 6]])  # type: ignore[list-item]
        assert store.missing(KEY, ["a", "b"]) == ["a", "b"]
        store.put_many(KEY, ["a"], [[1, 2, 3]])
        assert store.missing(KEY, ["a", "b"]) == ["b"]


def test_that_a_killed_writer_loses_at_most_the_batch_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    process = writer(path)
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    last_said = max(int(next(lines)) for _ in range(20))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with PredictionStore(path) as store:
        kept = [f"sha256:{batch}-{i}" for batch in range(last_said + 1) for i in range(8)]
        assert store.missing(KEY, kept) == []
        for batch in range(last_said + 3):
            whole = store.missing(KEY, [f"sha256:{batch}-{i}" for i in range(8)])
            assert len(whole) in (0, 8)


def test_that_the_store_is_read_while_another_process_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "p.sqlite"
    process = writer(path)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        with PredictionStore(path) as store:
            while store.missing(KEY, ["sha256:10-7"]):
                assert process.poll() is None
            assert store.get(KEY, ["sha256:10-0"]).tolist() == [[10, 10, 10]]
            store.put_many(KEY, ["mine"], [[1, 2, 3]])  # waits for its turn
            assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_that_four_threads_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with PredictionStore(tmp_path / "p.sqlite") as store:
                store.put_many(KEY, [f"{number}"], [[number] * 3])
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with PredictionStore(tmp_path / "p.sqlite") as store:
        assert store.missing(KEY, ["0", "1", "2", "3"]) == []


def test_that_a_newer_store_and_a_strangers_file_are_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    newer = tmp_path / "newer.sqlite"
    with PredictionStore(newer) as store:
        store.put_many(KEY, ["a"], [[1, 2, 3]])
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(UnusableTable, match="format 2"):
        PredictionStore(newer)

    stranger = tmp_path / "stranger.sqlite"
    with sqlite3.connect(stranger) as connection:
        connection.execute("CREATE TABLE cat (name TEXT)")
    connection.close()
    before = stranger.read_bytes()
    with pytest.raises(UnusableTable, match="something else"):
        PredictionStore(stranger)
    assert stranger.read_bytes() == before

    text = tmp_path / "text.sqlite"
    text.write_text("This is not a database, and it is longer than the header of one." * 4)
    before = text.read_bytes()
    with pytest.raises(UnusableTable):
        PredictionStore(text)
    assert text.read_bytes() == before


def test_that_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableFolder, match=r"p\.sqlite"):
        PredictionStore(tmp_path / "file" / "p.sqlite")


def test_that_a_checkpoint_that_changes_its_number_of_findings_is_refused(tmp_path: Path) -> None:
    with PredictionStore(tmp_path / "p.sqlite") as store:
        store.put_many(KEY, ["a"], [[1, 2, 3]])
        with pytest.raises(ValueError, match="3 logits"):
            store.get(PredictionKey(KEY.weights, KEY.preprocessing, 4), ["a"])


@settings(deadline=None)
@given(hnp.arrays(np.float32, (5, 3), elements=st.floats(-700, 700, width=32)))
def test_that_probabilities_do_not_depend_on_what_is_converted_beside_them(logits: np.ndarray) -> None:
    for task in ("multi-label", "multi-class"):
        together = scores_from_logits(logits, task)
        alone = np.concatenate([scores_from_logits(row[np.newaxis], task) for row in logits])
        strided = scores_from_logits(np.asfortranarray(np.repeat(logits, 2, axis=0))[::2], task)
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(together, strided)
        assert np.all((together >= 0) & (together <= 1))


def test_that_each_task_has_its_own_way_from_logits_to_probabilities() -> None:
    logits = np.array([[0, np.log(3), -np.log(3)], [np.nan, np.nan, np.nan]], dtype=np.float32)
    assert scores_from_logits(logits, "multi-label")[0] == pytest.approx([0.5, 0.75, 0.25])
    assert scores_from_logits(logits, "binary")[0] == pytest.approx([0.5, 0.75, 0.25])
    assert scores_from_logits(logits, "multi-class")[0] == pytest.approx([3 / 13, 9 / 13, 1 / 13])
    assert np.isnan(scores_from_logits(logits, "multi-class")[1]).all()
    np.testing.assert_array_equal(scores_from_logits(logits, "multi-label", "logit"), logits)
