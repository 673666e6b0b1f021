"""Grad-CAM cut at the target layer is Grad-CAM."""

from __future__ import annotations

import numpy as np
import torch

from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.saliency import explain

CPU = torch.device("cpu")


def test_that_bfloat16_maps_are_near_those_of_float32(make_checkpoint):
    checkpoint = make_checkpoint("tf_efficientnet_lite0", size=96)
    tensor = torch.randn(3, 96, 96)

    exact, coarse = (explain(load(checkpoint, CPU, precision), tensor).maps for precision in ("fp32", "bf16"))

    assert 0 < np.abs(exact - coarse).mean() < 0.05


def with_linear_head(loaded: LoadedCheckpoint, weight: torch.Tensor) -> LoadedCheckpoint:
    """The checkpoint with another classifier weight and no bias."""
    classifier = loaded.network.get_classifier()
    classifier.weight.copy_(weight)
    classifier.bias.zero_()
    return loaded


def test_that_a_network_of_mean_and_line_has_the_map_that_paper_and_pencil_give(make_checkpoint):
    """Logit = w · mean(A), so that the map is the positive part of w · A / (H·W)."""
    loaded = load(make_checkpoint("resnet18", findings=("only",)), CPU)
    weight = torch.zeros(1, 512)
    weight[0, 7] = 3.0
    with_linear_head(loaded, weight)
    tensor = torch.randn(3, 64, 64)

    explanation = explain(loaded, tensor)

    kept = []
    with loaded.network.layer4.register_forward_hook(lambda *given: kept.append(given[-1])):
        loaded.logits(tensor[None])
    channel = kept[0][0, 7].numpy()
    np.testing.assert_allclose(explanation.peaks[0], 3.0 * channel.max() / channel.size, rtol=1e-5)
    brightest = np.unravel_index(explanation.maps[0].argmax(), (64, 64))
    assert tuple(place // 32 for place in brightest) == np.unravel_index(channel.argmax(), channel.shape)


def test_that_a_finding_without_positive_evidence_has_an_empty_map_and_is_named(make_checkpoint):
    loaded = load(make_checkpoint("resnet18", findings=("for", "against")), CPU)
    with_linear_head(loaded, torch.stack([torch.ones(512), -torch.ones(512)]))  # the last layer ends with a ReLU

    explanation = explain(loaded, torch.randn(3, 64, 64))

    assert explanation.without_evidence == ("against",)
    assert explanation.maps[1].max() == 0
    assert explanation.maps[0].max() == 1
    assert np.isfinite(explanation.maps).all()


def test_that_chosen_findings_come_in_the_order_asked_for(make_checkpoint):
    loaded = load(make_checkpoint("resnet18"), CPU)
    tensor = torch.randn(3, 64, 64)

    everything, two = explain(loaded, tensor), explain(loaded, tensor, ["Effusion", "Atelectasis"])

    assert two.findings == ("Effusion", "Atelectasis")
    np.testing.assert_allclose(two.maps, everything.maps[[4, 0]], atol=1e-6)
    assert np.array_equal(two.logits, everything.logits)
