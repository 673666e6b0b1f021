"""Grad-CAM cut at the target layer is Grad-CAM."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.saliency import explain
from xferviewer.errors import EngineFailure

CPU = torch.device("cpu")
NETWORKS = [
    ("tf_efficientnet_lite0", 96, {}),
    ("densenet121", 96, {}),
    ("resnet50", 96, {}),
    ("vit_tiny_patch16_224", 96, {"img_size": 96}),
    ("swin_tiny_patch4_window7_224", 112, {"img_size": 112}),
]


def library_maps(loaded: LoadedCheckpoint, tensor: torch.Tensor, layer: str) -> np.ndarray:
    """The same maps by pytorch-grad-cam's own loop over findings."""
    network = loaded.network
    reshape = None
    if layer.endswith("norm1") and hasattr(network, "num_prefix_tokens"):
        side = network.patch_embed.grid_size[0]
        reshape = lambda tokens: tokens[:, 1:].reshape(len(tokens), side, side, -1).permute(0, 3, 1, 2)  # noqa: E731
    elif layer.endswith("norm1"):
        reshape = lambda values: values.permute(0, 3, 1, 2)  # noqa: E731
    network.requires_grad_(True)
    with GradCAM(network, [network.get_submodule(layer)], reshape_transform=reshape) as cam:
        maps = [cam(tensor[None], [ClassifierOutputTarget(k)])[0] for k in range(len(loaded.checkpoint.findings))]
    network.requires_grad_(False)
    return np.stack(maps)


@pytest.mark.parametrize(("architecture", "size", "options"), NETWORKS)
def test_that_maps_equal_those_of_pytorch_grad_cam(make_checkpoint, architecture, size, options):
    loaded = load(make_checkpoint(architecture, size=size, **options), CPU)
    tensor = torch.randn(3, size, size)

    explanation = explain(loaded, tensor)

    assert explanation.maps.dtype == np.float32
    assert explanation.maps.max() == 1.0
    np.testing.assert_allclose(explanation.maps, library_maps(loaded, tensor, explanation.layer), atol=1e-4)


@pytest.mark.parametrize(("architecture", "size", "options"), NETWORKS)
def test_that_the_logits_beside_a_map_are_those_of_inference_to_the_bit(make_checkpoint, architecture, size, options):
    loaded = load(make_checkpoint(architecture, size=size, **options), CPU)
    tensor = torch.randn(3, size, size)
    assert np.array_equal(explain(loaded, tensor).logits, loaded.logits(tensor[None])[0])


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


def test_that_no_hook_is_left_behind_also_after_a_failure(make_checkpoint):
    loaded = load(make_checkpoint("resnet18"), CPU)
    explain(loaded, torch.randn(3, 64, 64))
    with pytest.raises(RuntimeError):
        explain(loaded, torch.randn(5, 64, 64))
    assert not any(module._forward_hooks for module in loaded.network.modules())


def test_that_a_family_without_known_layer_is_refused_in_words(make_checkpoint):
    loaded = load(make_checkpoint("mixer_s32_224", size=224), CPU)
    with pytest.raises(EngineFailure, match="mixer_s32_224"):
        explain(loaded, torch.randn(3, 224, 224))
