"""The published heads have the published sizes, and a checkpoint with one predicts and explains like any other."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn

from xferviewer.checkpoints import Head, read_checkpoint
from xferviewer.engine.inference import load
from xferviewer.engine.saliency import explain
from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks import backbones, heads

CPU = torch.device("cpu")
F16, R1, K4 = {"filters": 16.0}, {"ratio": 1.0}, {"kernel_size": 4.0}

# (kind, parameters, features) and the number of parameters with two outputs, computed from the published code.
COUNTS = [
    ("linear", {}, 2048, 4_098),
    ("non-linear", {}, 2048, 2_101_250),
    ("non-linear", R1, 2048, 4_202_498),
    ("conv", {}, 2048, 33_538_066),
    ("conv-skip", {}, 2048, 50_323_466),
    ("conv-skip", F16, 2048, 603_553_922),
    ("conv-skip", F16 | R1, 2048, 1_139_966_178),
    ("conv-skip", F16 | K4, 2048, 602_440_738),
    ("linear", {}, 1024, 2_050),
    ("non-linear", {}, 1024, 526_338),
    ("conv-skip", {}, 1024, 12_578_826),
    ("conv-skip", F16, 1024, 150_782_082),
    # kernel, ratio and dropout never reached the published heads
    ("conv-skip as published", F16 | R1 | K4 | {"dropout": 0.0}, 2048, 603_553_922),
    ("conv as published", R1 | K4, 2048, 33_538_066),
]

SMALL = [
    Head("non-linear", {"ratio": 0.25}),
    Head("conv", {"filters": 2.0, "kernel_size": 3.0}),
    Head("conv-skip", {"filters": 2.0, "ratio": 0.1}),
    Head("conv-skip as published", {"filters": 1.0, "ratio": 1.0}),
]


@pytest.mark.parametrize(("kind", "parameters", "features", "count"), COUNTS)
def test_that_a_head_has_the_published_number_of_parameters(kind, parameters, features, count):
    with torch.device("meta"):
        head = heads.build(Head(kind, parameters), features, 2)
    assert sum(parameter.numel() for parameter in head.parameters()) == count


def test_that_a_head_as_published_ignores_all_but_its_filters():
    published = heads.build(Head("conv as published", K4 | R1 | {"dropout": 0.1}), 32, 2)
    assert published.convolution.kernel_size == (2,)
    assert published.rest.hidden.out_features == 4 * 31 // 2
    assert {module.p for module in published.modules() if isinstance(module, nn.Dropout)} == {0.5}


@pytest.mark.parametrize(
    ("kind", "parameters", "fault"),
    [
        ("linear", {"ratio": 0.5}, "no parameter ratio"),
        ("non-linear", {"filters": 4.0}, "no parameter filters"),
        ("conv", {"dropout": 1.0}, "dropout"),
        ("conv", {"filters": 2.5}, "whole number"),
        ("conv-skip", {"ratio": 0.0}, "ratio"),
    ],
)
def test_that_impossible_arguments_are_refused_by_name(kind, parameters, fault):
    with pytest.raises(ValueError, match=fault):
        Head(kind, parameters)


def test_that_the_conv_skip_head_computes_what_its_definition_says():
    """Written out with the weights of the head: convolution along the features plus the skip, then two lines."""
    torch.manual_seed(0)
    head = heads.build(Head("conv-skip", {"filters": 3.0, "kernel_size": 4.0}), 20, 2)
    for module in head.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    head.eval()
    values = torch.randn(5, 20)

    def norm(inputs: torch.Tensor, layer: nn.BatchNorm1d) -> torch.Tensor:
        return (inputs - layer.running_mean) / (layer.running_var + 1e-5).sqrt()

    windows = values.unfold(1, 4, 1)  # (5, 17, 4)
    convolved = torch.einsum("npk,fk->npf", windows, head.convolution.weight[:, 0])
    convolved = nn.functional.leaky_relu(norm(convolved, head.convolution_norm), 0.01).transpose(1, 2).flatten(1)
    skipped = norm(values @ head.skip[0].weight.T, head.skip[1]).clamp(min=0)
    hidden = norm((convolved + skipped) @ head.rest.hidden.weight.T, head.rest.hidden_norm)
    expected = nn.functional.leaky_relu(hidden, 0.01) @ head.rest.output.weight.T + head.rest.output.bias
    torch.testing.assert_close(head(values), expected)


@pytest.mark.parametrize("head", SMALL, ids=lambda head: head.kind)
@pytest.mark.parametrize("architecture", ["resnet18", "test_efficientnet", "test_convnext"])
def test_that_a_checkpoint_with_a_head_comes_back_with_the_same_logits(make_checkpoint, architecture, head):
    made = make_checkpoint(architecture, head=head)
    torch.manual_seed(0)
    network = backbones.create(architecture, 5, head=head).eval()

    checkpoint = read_checkpoint(made.folder)

    assert checkpoint.head == head
    inputs = torch.randn(2, 3, 64, 64)
    assert np.array_equal(load(checkpoint, CPU).logits(inputs), network(inputs).detach().numpy())


def test_that_timm_opens_a_linear_checkpoint_with_equal_logits_in_colour_and_in_grey(make_checkpoint):
    for channels in (3, 1):
        checkpoint = make_checkpoint("resnet18", channels=channels, seed=channels)
        inputs = torch.randn(2, channels, 64, 64)
        by_timm = timm.create_model(f"local-dir:{checkpoint.folder}", pretrained=True).eval()
        assert np.array_equal(
            load(read_checkpoint(checkpoint.folder), CPU).logits(inputs), by_timm(inputs).detach().numpy()
        )


def test_that_a_card_with_another_head_than_the_weights_is_refused_naming_the_first_tensor(make_checkpoint):
    made = make_checkpoint("resnet18", head=SMALL[0])
    readme = made.folder / "README.md"
    readme.write_text(
        readme.read_text("utf-8").replace("kind: non-linear", "kind: conv").replace("ratio: 0.25", "ratio: 0.2"),
        "utf-8",
    )
    with pytest.raises(UnusableCheckpoint, match=r"fc\.convolution\.weight"):
        load(readme.parent, CPU)


@pytest.mark.parametrize("head", SMALL, ids=lambda head: head.kind)
def test_that_maps_under_a_head_are_those_of_plain_autograd(make_checkpoint, head):
    loaded = load(make_checkpoint("test_resnet", head=head), CPU)
    tensor = torch.randn(3, 64, 64)

    explanation = explain(loaded, tensor)

    kept = []
    with loaded.network.get_submodule(explanation.layer).register_forward_hook(lambda *given: kept.append(given[-1])):
        logits = loaded.network(tensor[None].requires_grad_(True))[0]
    for row, logit in enumerate(logits):
        (slope,) = torch.autograd.grad(logit, kept[0], retain_graph=True)
        raw = torch.relu((slope.mean((2, 3), keepdim=True) * kept[0]).sum(1, keepdim=True))
        fine = nn.functional.interpolate(raw, (64, 64), mode="bilinear")[0, 0].detach()
        fine = (fine - fine.min()) / (fine.max() - fine.min()) if fine.max() > fine.min() else 0 * fine
        np.testing.assert_allclose(explanation.maps[row], fine.numpy(), atol=1e-4)
        np.testing.assert_allclose(explanation.peaks[row], float(raw.max().detach()), rtol=1e-4)
