"""What the engine was asked and has not answered: a new engine is asked the rest, and only that."""

from __future__ import annotations

import pytest

from xferviewer import protocol
from xferviewer.gui.engine_requests import EngineRequests

IMAGES = tuple(protocol.ImageReference(name, f"/{name}.png") for name in "abc")


def predicted(request: int, image: str, checkpoint: str) -> protocol.Failed:
    """An answer, for it does not matter which."""
    return protocol.Failed(request, image, checkpoint, "", "", "")


@pytest.fixture
def asked() -> tuple[EngineRequests, int]:
    requests = EngineRequests()
    requests.open_checkpoints(["/one", "/two"], "cpu", "fp32")
    return requests, requests.predict(IMAGES, ["one", "two"]).request


def test_that_a_new_engine_is_asked_for_what_one_checkpoint_still_owes(asked):
    requests, batch = asked
    for image, checkpoint in (("a", "one"), ("a", "two"), ("b", "two")):
        requests.note_answer(predicted(batch, image, checkpoint))
    opening, rest = requests.unanswered()
    assert isinstance(opening, protocol.OpenCheckpoints)
    assert [image.identity for image in rest.images] == ["b", "c"]
    assert requests.n_images_left() == 2


def test_that_the_end_of_a_batch_counts_what_all_engines_answered(asked):
    requests, batch = asked
    for image in "ab":
        for checkpoint in ("one", "two"):
            requests.note_answer(predicted(batch, image, checkpoint))
    end = requests.note_end(protocol.Finished(batch, 1, 1, cancelled=False))
    assert (end.done, end.total) == (2, 3)
    assert requests.n_images_left() == 0
    assert not requests.can_be_cancelled(batch)


def test_that_one_image_is_given_up_and_the_others_stay_asked_for(asked):
    requests, batch = asked
    given_up = requests.give_up_first()
    assert given_up is not None
    assert (given_up.failure.request, given_up.failure.identity, given_up.measuring) == (batch, "a", False)
    assert [image.identity for image in requests.unanswered()[1].images] == ["b", "c"]


def test_that_checkpoints_that_were_given_up_are_not_opened_again(asked):
    requests, batch = asked
    assert requests.give_up_opening() is not None
    assert requests.give_up_opening() is None
    assert [message.request for message in requests.unanswered()] == [batch]


def test_that_opening_may_take_longer_than_an_image(asked):
    requests, batch = asked
    opening = requests.unanswered()[0]
    assert requests.most_seconds(opening.request) > requests.most_seconds(batch) > 0
