"""What the engine answers to the wish for maps: as far as it goes, and no further once something newer is wanted."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer import protocol
from xferviewer.engine.server import Engine, Inbox
from xferviewer.networks.preprocessing import to_tensor
from xferviewer.studies.images import read_image


class Recorder:
    """Takes messages in place of a pipe; `then` is called with each."""

    def __init__(self) -> None:
        self.said: list[protocol.Message] = []
        self.worked_on: list[int] = []
        self.then = lambda message: None

    def __call__(self, message: protocol.Message) -> None:
        protocol.encode(message)
        self.said.append(message)
        self.then(message)

    def working_on(self, request: int, seconds: float = 0.0) -> None:
        self.worked_on.append(request)

    def of(self, kind: type) -> list:
        return [message for message in self.said if isinstance(message, kind)]


@pytest.fixture
def asked(make_checkpoint, pictures, monkeypatch):
    """An engine with a small network of convolutions and a small transformer, its inbox, and how to ask for maps."""
    monkeypatch.setattr("xferviewer.engine.explaining._SECONDS_BETWEEN_WORDS", 0.0)
    checkpoints = [
        make_checkpoint("resnet18", findings=("a", "b")),
        make_checkpoint("vit_tiny_patch16_224", img_size=64, findings=("b", "c")),
    ]
    recorder, inbox = Recorder(), Inbox()
    engine = Engine(recorder)
    inbox.put(protocol.OpenCheckpoints(1, tuple(str(c.folder) for c in checkpoints), "cpu", "fp32"))
    engine.work(inbox)
    digests = tuple(c.weights_sha256 for c in checkpoints)

    def request(number: int, method: str, findings=(), checkpoints=digests, picture=0, **options):
        path = pictures[picture]
        image = protocol.ImageReference(read_image(path, 0).identity, str(path))
        return protocol.ExplainImage(number, number, image, checkpoints, method, findings=findings, **options)

    recorder.said.clear()
    return engine, inbox, recorder, request


def test_that_the_chosen_method_layers_and_smoothing_reach_the_map(asked):
    engine, inbox, recorder, request = asked
    inbox.put(request(2, "layercam", layers="last-two", smoothing="augmented"))
    engine.work(inbox)
    inbox.put(request(3, "gradcam"))
    engine.work(inbox)

    chosen, standard = recorder.of(protocol.Explained)[::2]
    assert (chosen.method, chosen.layer, chosen.findings) == ("layercam", "layer3.1 + layer4.1", ("a", "b"))
    assert np.array_equal(chosen.logits, standard.logits)
    assert not np.array_equal(chosen.maps, standard.maps)
    assert not recorder.of(protocol.ExplainProgress)


def test_that_the_input_is_the_very_tensor_of_the_preprocessing_and_comes_only_when_asked_for(asked, pictures):
    engine, inbox, recorder, request = asked
    inbox.put(request(2, "gradcam"))
    engine.work(inbox)
    assert not recorder.of(protocol.NetworkInput)
    inbox.put(request(3, "gradcam", with_input=True))
    engine.work(inbox)

    sent = recorder.of(protocol.NetworkInput)
    assert [message.checkpoint for message in sent] == list(request(3, "gradcam").checkpoints)
    for message, explained in zip(sent, recorder.of(protocol.Explained)[2:], strict=True):
        preprocessing = engine._loaded[message.checkpoint].checkpoint.preprocessing
        assert np.array_equal(message.tensor, to_tensor(read_image(pictures[0]), preprocessing).numpy())
        assert (message.identity, message.crop) == (explained.identity, explained.crop)
        assert recorder.said.index(message) < recorder.said.index(explained)


def test_that_a_checkpoint_without_such_a_map_says_why_beside_its_logits(asked):
    engine, inbox, recorder, request = asked
    inbox.put(request(2, "attention-rollout"))
    engine.work(inbox)

    cnn, vit = recorder.of(protocol.Explained)
    assert "no vision transformer" in cnn.refused
    assert cnn.findings == ()
    assert cnn.logits.shape == (2,)
    assert (vit.refused, vit.findings) == ("", ("b", "c"))
    assert recorder.said[-1] == protocol.Finished(2, 2, 2, False)


def test_that_only_the_findings_asked_for_are_explained(asked):
    engine, inbox, recorder, request = asked
    inbox.put(request(2, "integrated-gradients", ("c",)))
    engine.work(inbox)
    assert [explained.findings for explained in recorder.of(protocol.Explained)] == [(), ("c",)]


def test_that_a_slow_method_gives_probabilities_first_and_says_how_far_it_is(asked):
    engine, inbox, recorder, request = asked
    inbox.put(request(2, "scorecam"))
    engine.work(inbox)

    kinds = [type(message) for message in recorder.said]
    assert kinds.index(protocol.Predicted) < kinds.index(protocol.ExplainProgress)
    done = [message.done for message in recorder.of(protocol.ExplainProgress)]
    assert len(done) > 8
    assert recorder.worked_on.count(2) > 8  # or the window would take it for hanging
    first, *_ = recorder.of(protocol.Explained)
    assert np.array_equal(first.logits, recorder.of(protocol.Predicted)[0].logits)


@pytest.mark.parametrize("method", ["scorecam", "ablationcam", "integrated-gradients"])
@pytest.mark.parametrize("by", ["newer image", "cancel", "other checkpoints"])
def test_that_a_slow_map_gives_way_at_once(asked, method, by):
    engine, inbox, recorder, request = asked
    newer = request(3, "gradcam", picture=1)
    other = {
        "newer image": newer,
        "cancel": protocol.CancelRequest(2),
        "other checkpoints": protocol.OpenCheckpoints(4, (), "cpu", "fp32"),
    }[by]
    recorder.then = lambda message: inbox.put(other) if isinstance(message, protocol.ExplainProgress) else None
    inbox.put(request(2, method))

    engine.work(inbox)

    assert len(recorder.of(protocol.ExplainProgress)) == 1
    assert not recorder.of(protocol.Explained)
    assert recorder.said[-1] == protocol.Finished(2, 0, 2, True)
    recorder.then = lambda message: None
    if by == "newer image":
        engine.work(inbox)
        assert [explained.generation for explained in recorder.of(protocol.Explained)] == [3, 3]
