"""Two steps at once, in order, with no more under way than there is work for."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.engine.pipeline import Pipeline


def drained(pipeline: Pipeline) -> list:
    try:
        answers = []
        while (answer := pipeline.take()) is not None:
            answers.append(answer)
        assert pipeline.finished
        return answers
    finally:
        pipeline.close()


@settings(deadline=None, max_examples=60)
@given(
    count=st.integers(0, 60), group=st.integers(1, 9), preparing=st.integers(1, 4), computing=st.integers(1, 4),
    slow=st.sets(st.integers(0, 60), max_size=3), eager=st.booleans(),
)  # fmt: skip
def test_that_the_answers_come_in_order_whoever_is_slow(count, group, preparing, computing, slow, eager):
    groups = []

    def prepare(number: int) -> int:
        time.sleep(0.003 if number in slow else 0)
        return number

    def compute(items: list[int]) -> list[tuple[int, int]]:
        groups.append(len(items))
        time.sleep(0.003 if items[0] + 1 in slow else 0)
        return [(item, item * item) for item in items]

    pipeline = Pipeline(
        range(count), prepare, compute, group=group, preparing=preparing, computing=computing, eager=eager
    )

    assert drained(pipeline) == [(number, number * number) for number in range(count)]
    if eager:
        assert max(groups, default=0) <= group
    else:
        assert sorted(groups, reverse=True) == [group] * (count // group) + [count % group] * (count % group > 0)


def test_that_no_more_sources_are_taken_than_are_under_way():
    taken = []

    def sources():
        for number in range(1000):
            taken.append(number)
            yield number

    pipeline = Pipeline(sources(), lambda n: n, list, group=4, preparing=2, computing=1)
    time.sleep(0.2)
    at_rest = len(taken)
    for _ in range(100):
        pipeline.take()
    time.sleep(0.2)
    pipeline.close()

    assert at_rest <= 2 + 4 * 3
    assert len(taken) <= 100 + 2 + 4 * 3


def test_that_whoever_waits_for_a_moment_is_let_go_and_nothing_is_lost():
    gate = threading.Event()
    pipeline = Pipeline(
        range(3), lambda n: n, lambda items: [gate.wait(30), *items][1:], group=1, preparing=1, computing=1
    )

    assert pipeline.take(0.05) is None
    assert not pipeline.finished
    assert pipeline.computing
    gate.set()
    assert drained(pipeline) == [0, 1, 2]


@pytest.mark.parametrize("step", ["prepare", "compute"])
def test_that_an_error_of_a_step_is_raised_where_its_answer_is_due(step):
    def failing(value):
        if 2 in (value if isinstance(value, list) else [value]):
            raise ZeroDivisionError
        return value

    steps = {"prepare": lambda n: n, "compute": list, step: failing}
    pipeline = Pipeline(range(5), steps["prepare"], steps["compute"], group=1, preparing=2, computing=2)

    assert [pipeline.take(), pipeline.take()] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        pipeline.take()
    pipeline.close()


def test_that_closing_in_the_middle_leaves_no_thread():
    before = set(threading.enumerate())
    pipeline = Pipeline(range(1000), lambda n: n, list, group=1, preparing=3, computing=2)
    pipeline.take()
    pipeline.close()

    assert set(threading.enumerate()) == before


def test_that_an_eager_pipeline_waits_for_more_only_while_its_threads_compute():
    groups, gate = [], threading.Event()

    def compute(items: list[int]) -> list[int]:
        groups.append(len(items))
        gate.wait(30)
        return items

    pipeline = Pipeline(range(9), lambda n: n, compute, group=4, preparing=2, computing=1, eager=True)
    deadline = time.monotonic() + 30
    while not groups and time.monotonic() < deadline:
        time.sleep(0.005)
    assert groups == [1]  # the first one found a thread that had nothing to do
    time.sleep(0.1)  # the next ones gather behind it
    gate.set()

    assert drained(pipeline) == list(range(9))
    assert groups == [1, 4, 4]
