"""Numbers that take longer than a frame, in a thread of their own: numpy releases Python's lock where it counts."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Signal, Slot

Answer = TypeVar("Answer")
_Key = tuple[object, Hashable]


class Calculator(QObject):
    """Answers questions one after the other; the same question is not asked twice while it waits.

    A question is a function of arrays that nobody changes: it touches no widget and nothing that the window computes.
    """

    answered = Signal()
    _arrived = Signal(object, object)  # key and future: a signal, so that the window's thread takes it in

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="numbers")
        self._waiting: dict[_Key, tuple[Future[Any], Callable[[Any], object]]] = {}
        self._arrived.connect(self._take_in)

    def ask(
        self, owner: object, topic: Hashable, question: Callable[[], Answer], take: Callable[[Answer], object]
    ) -> None:
        """Compute this and give the answer to `take`, in the window's thread."""
        key = owner, topic
        if key not in self._waiting:
            future = self._pool.submit(question)
            self._waiting[key] = future, take
            future.add_done_callback(partial(self._arrived.emit, key))

    def forget(self, owner: object) -> None:
        """What this owner asked is of no use any more."""
        for key in [key for key in self._waiting if key[0] is owner]:
            self._waiting.pop(key)[0].cancel()

    @property
    def busy(self) -> bool:
        """Some question waits for its answer."""
        return bool(self._waiting)

    def close(self) -> None:
        """Stop; waits for the number in hand."""
        self._waiting.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    @Slot(object, object)
    def _take_in(self, key: _Key, future: Future[Any]) -> None:
        waiting = self._waiting.get(key)
        if waiting is None or waiting[0] is not future:
            return  # it was forgotten, or asked anew
        del self._waiting[key]
        waiting[1](future.result())  # raises here what the question raised there
        self.answered.emit()
