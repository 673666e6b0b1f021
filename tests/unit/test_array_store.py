"""Arrays that jobs keep for one another: whole ones only, whatever happens to the process or the disk."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from xferviewer.errors import UnusableFolder
from xferviewer.training import array_store
from xferviewer.training.array_store import ABSENT, ArrayStore, make_room


def key(number: int) -> bytes:
    return number.to_bytes(16, "big")


def values(number: int) -> np.ndarray:
    return np.full((3, 5), number, dtype=np.float32)


def test_that_arrays_come_back_in_any_order_also_from_a_later_process_and_from_two_at_once(tmp_path):
    one, two = ArrayStore(tmp_path, np.float32, (3, 5)), ArrayStore(tmp_path, np.float32, (3, 5))
    for number in range(6):
        (one if number % 2 else two).put(key(number), values(number))
    one.put(key(1), values(99))  # it is there already
    np.testing.assert_array_equal(one.take(one.places([key(3), key(1)])), [values(3), values(1)])
    one.close()
    two.close()

    later = ArrayStore(tmp_path, np.float32, (3, 5))
    later.put(key(6), values(6))
    wanted = [5, 0, 6, 2, 2]
    np.testing.assert_array_equal(later.take(later.places([key(n) for n in wanted])), [values(n) for n in wanted])
    assert later.places([key(7)]).tolist() == [ABSENT]
    later.close()


def test_that_a_process_killed_while_it_writes_leaves_whole_arrays_only(tmp_path, monkeypatch):
    code = (
        "import sys, numpy as np; from pathlib import Path; from xferviewer.training import array_store;"
        "array_store._SYNC_SECONDS = 0.01; store = array_store.ArrayStore(Path(sys.argv[1]), np.float32, (3, 5))\n"
        "n = 0\n"
        "while True: store.put(n.to_bytes(16, 'big'), np.full((3, 5), n)); n += 1"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size > 16_000 for path in tmp_path.glob("*.keys")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()

    store = ArrayStore(tmp_path, np.float32, (3, 5))
    (values_file,) = tmp_path.glob("*.values")
    kept = values_file.with_suffix(".keys").stat().st_size // 16
    assert kept >= 1000
    places = store.places([key(number) for number in range(kept)])
    assert (store.take(places)[:, 0, 0] == np.arange(kept)).all()


def test_that_a_full_disk_costs_the_array_in_flight_and_no_other(tmp_path):
    store = ArrayStore(tmp_path, np.float32, (3, 5))
    store.put(key(0), values(0))
    file = store._writing._values

    class Full:
        """Takes half of an array, then nothing."""

        def __getattr__(self, name: str) -> object:
            return getattr(file, name)

        def write(self, content: memoryview) -> int:
            if len(content) < 60:
                raise OSError(28, "No space left on device")
            return int(file.write(content[:40]))

    store._writing._values = Full()
    with pytest.raises(UnusableFolder, match="No space left"):
        store.put(key(1), values(1))
    store._writing._values = file
    store.put(key(2), values(2))
    store.close()

    again = ArrayStore(tmp_path, np.float32, (3, 5))
    assert again.places([key(1)]).tolist() == [ABSENT]
    np.testing.assert_array_equal(again.take(again.places([key(0), key(2)])), [values(0), values(2)])


def test_that_the_least_recently_used_stores_make_room_and_too_large_a_need_removes_nothing(tmp_path):
    stores = []
    for number in range(3):
        stores.append(tmp_path / f"{number}")
        store = ArrayStore(stores[-1], np.float32, (3, 5))
        store.put(key(number), values(number))
        store.close()
        array_store.os.utime(stores[-1], (number, number))
    size = 60 + 16
    assert not make_room(stores, 1, size, stores[0])
    assert all(store.is_dir() for store in stores)
    assert make_room(stores, 10, 2 * size + 10, stores[0])
    assert [store.is_dir() for store in stores] == [True, False, True]


def test_that_a_key_whose_values_are_not_there_is_not_believed(tmp_path):
    store = ArrayStore(tmp_path, np.float32, (3, 5))
    for number in range(3):
        store.put(key(number), values(number))
    store.close()
    (file,) = tmp_path.glob("*.values")
    with file.open("rb+") as cut:
        cut.truncate(100)
    assert (ArrayStore(tmp_path, np.float32, (3, 5)).places([key(n) for n in range(3)]) == ABSENT).tolist() == [
        False,
        True,
        True,
    ]
