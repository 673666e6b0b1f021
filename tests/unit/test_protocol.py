"""What one process writes, the other reads, in whatever portions the pipe delivers it."""

import dataclasses
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer import protocol


def equal(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name))
        and np.shape(getattr(a, f.name)) == np.shape(getattr(b, f.name))
        if isinstance(getattr(a, f.name), np.ndarray)
        else getattr(a, f.name) == getattr(b, f.name)
        for f in dataclasses.fields(a)  # type: ignore[arg-type]
    )


MESSAGES = [
    protocol.OpenCheckpoints(1, ("/a/ä", "/b"), "cpu", "fp32"),
    protocol.ExplainImage(2, 7, protocol.ImageReference("1.2.3#0", "/x.dcm", 0), ("c0ffee",), "gradcam"),
    protocol.ExplainImage(3, 8, protocol.ImageReference("i", "p"), ("a",), "scorecam", "a,b", "eigen", ("E",)),
    protocol.ExplainImage(4, 9, protocol.ImageReference("i", "p"), ("a",), "gradcam", with_input=True),
    protocol.NetworkInput(4, 9, "i", "a", (0.0, 0.1, 1.0, 0.9), np.ones((3, 2, 4), np.float32)),
    protocol.ExplainProgress(3, 8, "i", "a", 16, 512),
    protocol.PredictImages(3, (protocol.ImageReference("i", "p"), protocol.ImageReference("j", "q", 4)), ("a", "b")),
    protocol.InputMeasured(3, "i", "d1935", np.array([0.5, 0.25], np.float32), "DX", "CHEST"),
    protocol.Predicted(3, "i", "a", np.array([1.5, -2.25], np.float32)),
    protocol.Explained(
        2, 7, "1.2.3#0", "c0ffee", "gradcam", "bn2", ("Edema", "Mass"), "", (0.0, 0.0, 1.0, 1.0),
        np.zeros(2, np.float32), np.random.default_rng(0).random((2, 5, 4), np.float32), np.ones(2, np.float32),
    ),
    protocol.Failed(3, "i", "", "What.", "Why.", "Todo."),
    protocol.Finished(3, 1, 2, True),
]  # fmt: skip


@given(st.lists(st.sampled_from(range(len(MESSAGES))), max_size=6), st.integers(1, 4000))
def test_that_messages_come_back_equal_however_the_pipe_cuts_them(order: list[int], portion: int) -> None:
    sent = [MESSAGES[index] for index in order]
    stream = b"".join(protocol.encode(message) for message in sent)
    decoder = protocol.Decoder()
    received = [m for at in range(0, len(stream), portion) for m in decoder.feed(stream[at : at + portion])]
    assert len(received) == len(sent)
    assert all(equal(a, b) for a, b in zip(sent, received, strict=True))


def test_that_a_non_contiguous_big_endian_array_arrives_with_its_values() -> None:
    logits = np.arange(10, dtype=">f4")[::2]
    [message] = protocol.Decoder().feed(protocol.encode(protocol.Predicted(1, "i", "c", logits)))
    assert isinstance(message, protocol.Predicted)
    assert message.logits.tolist() == [0, 2, 4, 6, 8]


def framed(header: bytes) -> bytes:
    return struct.pack(">4sI", b"XFV1", len(header)) + header


@pytest.mark.parametrize(
    "garbage",
    [
        b"Traceback (most recent call last):\n",
        b"XFV1\xff\xff\xff\xff",
        framed(b"{]"),
        framed(b'{"type": "Nobody", "values": {}, "arrays": []}'),
        framed(b'{"type": "Finished", "values": {"surprise": 1}, "arrays": []}'),
        framed(b'{"type": "Predicted", "values": {}, "arrays": [{"name": "logits", "dtype": "|O", "shape": [1]}]}'),
        framed(b'{"type": "Predicted", "values": {}, "arrays": [{"name": "logits", "dtype": "<f4", "shape": [-1]}]}'),
        framed(
            b'{"type": "Predicted", "values": {}, "arrays": [{"name": "a", "dtype": "<f4", "shape": [99999, 99999]}]}'
        ),
    ],
)
def test_that_bytes_which_are_no_frame_are_refused(garbage: bytes) -> None:
    with pytest.raises(protocol.ProtocolError):
        list(protocol.Decoder().feed(garbage))


def test_that_whole_messages_before_nonsense_are_delivered() -> None:
    coming = protocol.Decoder().feed(protocol.encode(MESSAGES[0]) + b"Segmentation fault")
    assert next(coming) == MESSAGES[0]
    with pytest.raises(protocol.ProtocolError):
        next(coming)
