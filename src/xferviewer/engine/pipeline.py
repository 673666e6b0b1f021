"""Work in two steps that go on at once: items are prepared in some threads and computed, in groups, in others.

The answers come in the order of the sources. Only so many items are under way as the threads need, so that memory does
not grow with the number of sources.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Source = TypeVar("Source")
Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Pipeline(Generic[Source, Item, Answer]):
    """Starts at once; to be closed.

    sources    may be taken from any thread, one at a time
    prepare    makes an item of a source; called by `preparing` threads
    compute    makes as many answers of a group of items; called by `computing` threads
    group      how many items make a group; the last one may be smaller
    eager      a smaller group goes at once to a thread that has nothing to compute: groups then grow only where
               computing is what takes the time
    """

    def __init__(
        self,
        sources: Iterable[Source],
        prepare: Callable[[Source], Item],
        compute: Callable[[Sequence[Item]], Sequence[Answer]],
        *,
        group: int,
        preparing: int,
        computing: int,
        eager: bool = False,
    ) -> None:
        self._sources = iter(sources)
        self._prepare, self._compute, self._group = prepare, compute, group
        self._at_a_time, self._eager = computing, eager
        self._preparing = ThreadPoolExecutor(preparing, "prepare")
        self._computing = ThreadPoolExecutor(computing, "compute")
        # While a group is computed the next one is prepared, and one waits for whoever comes first.
        self._most_under_way = preparing + group * (computing + 2)
        self._changed = threading.Condition()
        self._coming: deque[Future[Item]] = deque()
        self._waiting: list[Item] = []
        self._groups: deque[Future[Sequence[Answer]]] = deque()
        self._ready: deque[Answer] = deque()
        self._under_way = 0
        self._all_started = False
        self._closed = False
        self._advance()

    def take(self, seconds: float | None = None) -> Answer | None:
        """The next answer; None where it is not there after `seconds`, or where there is no more (see `finished`).

        Raises what `prepare` or `compute` raised.
        """
        given_up = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while not self._ready and not self._finished():
                if self._groups and self._groups[0].done():
                    self._ready.extend(self._groups.popleft().result())
                elif not self._groups and self._coming and self._coming[0].done() and self._coming[0].exception():
                    self._coming[0].result()
                elif not self._changed.wait(None if given_up is None else given_up - time.monotonic()):
                    return None
            if not self._ready:
                return None
            self._under_way -= 1
            answer = self._ready.popleft()
        self._advance()
        return answer

    @property
    def finished(self) -> bool:
        """Every answer has been taken."""
        with self._changed:
            return not self._ready and self._finished()

    @property
    def computing(self) -> bool:
        """The next answer waits for `compute`, not for `prepare`."""
        with self._changed:
            return bool(self._groups) and not self._groups[0].done()

    def close(self) -> None:
        """Forget what is not taken; waits for what the threads are at."""
        with self._changed:
            self._closed = True
        self._preparing.shutdown(cancel_futures=True)
        self._computing.shutdown(cancel_futures=True)

    def _finished(self) -> bool:
        return self._all_started and not (self._coming or self._waiting or self._groups)

    def _advance(self, _: object = None) -> None:
        """Start whatever can be started. Called whenever something has ended, by the thread in which it has."""
        with self._changed:
            if not self._closed:
                self._gather()
                self._start()
            self._changed.notify_all()

    def _start(self) -> None:
        while not self._all_started and self._under_way < self._most_under_way:
            try:
                source = next(self._sources)
            except StopIteration:
                self._all_started = True
                self._gather()  # there may have been nothing at all, or nothing after the last group
                return
            self._under_way += 1
            coming = self._preparing.submit(self._prepare, source)
            self._coming.append(coming)
            coming.add_done_callback(self._advance)

    def _gather(self) -> None:
        """Put what is prepared, in order, into groups."""
        while self._coming and self._coming[0].done() and not self._coming[0].exception():
            self._waiting.append(self._coming.popleft().result())
            if len(self._waiting) == self._group:
                self._send_group()
        all_here = self._all_started and not self._coming
        if self._waiting and (all_here or (self._eager and self._a_thread_is_idle())):
            self._send_group()

    def _a_thread_is_idle(self) -> bool:
        return sum(not group.done() for group in self._groups) < self._at_a_time

    def _send_group(self) -> None:
        items, self._waiting = self._waiting, []
        computed = self._computing.submit(self._compute, items)
        self._groups.append(computed)
        computed.add_done_callback(self._advance)
