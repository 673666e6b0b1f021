"""Every method of saliency maps against pytorch-grad-cam, the fixture of maps, and its own definition."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_grad_cam.eigen_cam
import torch
from pytorch_grad_cam import AblationCAM, EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.engine.integrated_gradients import attributions
from xferviewer.engine.saliency import explain
from xferviewer.errors import EngineFailure
from xferviewer.networks.saliency_layers import channels_first, saliency_layers
from xferviewer.saliency_methods import METHODS, MapChoice

CPU = torch.device("cpu")
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "cam.json"
LIBRARY = {
    "gradcam": GradCAM,
    "gradcam++": GradCAMPlusPlus,
    "xgradcam": XGradCAM,
    "hirescam": HiResCAM,
    "layercam": LayerCAM,
    "eigencam": EigenCAM,
    "scorecam": ScoreCAM,
    "ablationcam": AblationCAM,
}
ONE_PASS = ("gradcam", "gradcam++", "xgradcam", "hirescam", "layercam", "eigencam")
NETWORKS = {  # one of each family
    "vgg11": (64, {}),
    "resnet18": (96, {}),
    "resnetv2_50x1_bit": (64, {}),
    "inception_v3": (160, {}),
    "inception_resnet_v2": (160, {}),
    "legacy_xception": (96, {}),
    "densenet121": (64, {}),
    "tf_efficientnet_lite0": (64, {}),
    "test_convnext": (96, {}),
    "vit_tiny_patch16_224": (64, {"img_size": 64}),
    "deit_tiny_distilled_patch16_224": (64, {"img_size": 64}),
    "swin_tiny_patch4_window7_224": (112, {"img_size": 112}),
}


def library_maps(loaded: LoadedCheckpoint, tensor: torch.Tensor, method: str, layers, **options) -> np.ndarray:
    """The same maps by pytorch-grad-cam's own loop over findings."""
    network = loaded.network
    reshape = lambda values: channels_first(values, network, layers[0])  # noqa: E731
    targets = [network.get_submodule(layer) for layer in layers]
    image = tensor[None].clone().requires_grad_(True)  # a graph for the library, and no gradients of weights
    with LIBRARY[method](network, targets, reshape_transform=reshape) as cam:
        maps = [cam(image, [ClassifierOutputTarget(k)], **options)[0] for k in range(len(loaded.checkpoint.findings))]
    return np.stack(maps)


@pytest.fixture
def _one_sign(monkeypatch):
    """The library takes whatever sign its singular vectors come with; ours make the larger extreme positive."""
    for module in (pytorch_grad_cam.eigen_cam, pytorch_grad_cam.base_cam):
        found = module.get_2d_projection

        def turned(values, found=found):
            return np.stack([-m if abs(m.min()) > abs(m.max()) else m for m in found(values)])

        monkeypatch.setattr(module, "get_2d_projection", turned)


@pytest.mark.usefixtures("_one_sign")
@pytest.mark.parametrize("architecture", NETWORKS)
def test_that_the_maps_of_each_family_equal_those_of_pytorch_grad_cam(make_checkpoint, architecture):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a", "b"), **options), CPU)
    # One bright quarter: where random weights see nothing but noise, a map hardly varies, and stretching it to [0, 1]
    # stretches what float32 rounds (and the 1e-7 that the library adds to its divisor) several hundred times.
    tensor = torch.randn(3, size, size)
    tensor[:, : size // 2, : size // 2] += 8
    for method in ONE_PASS:
        explanation = explain(loaded, tensor, None, method)

        assert np.array_equal(explanation.logits, loaded.logits(tensor[None])[0]), method
        expected = library_maps(loaded, tensor, method, [explanation.layer])
        # The weights of Grad-CAM++ have a pole, near which float32 has few digits on both sides.
        tolerance = 1e-3 if method == "gradcam++" else 1e-4
        np.testing.assert_allclose(explanation.maps, expected, atol=tolerance, err_msg=method)
        assert explanation.maps.max() > 0.999, method


@pytest.mark.usefixtures("_one_sign")
@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_that_maps_averaged_over_two_layers_equal_those_of_pytorch_grad_cam(make_checkpoint, architecture):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a", "b"), **options), CPU)
    tensor = torch.randn(3, size, size)
    layers = saliency_layers(loaded.network, "last-two")
    for method in ONE_PASS:
        explanation = explain(loaded, tensor, None, method, "last-two")

        assert explanation.layer == " + ".join(layers)
        np.testing.assert_allclose(
            explanation.maps, library_maps(loaded, tensor, method, layers), atol=1e-4, err_msg=method
        )


class TinyNetwork(nn.Module):
    """The network of the fixture; its parameters are formulas (make_reference_cam.py)."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(3, 4, 3, padding=1, stride=2)
        self.relu2 = nn.ReLU()
        self.fc = nn.Linear(4, 3)
        for number, parameter in enumerate(self.parameters()):
            values = 0.5 * np.sin(1.3 * np.arange(parameter.numel()) + shift + number)
            parameter.data = torch.tensor(values, dtype=torch.float32).reshape(parameter.shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.fc(self.relu2(self.conv2(self.relu1(self.conv1(image)))).mean((2, 3)))


def tiny_checkpoint(network: nn.Module, findings=("0", "1", "2")) -> LoadedCheckpoint:
    checkpoint = SimpleNamespace(findings=findings, name="tiny")
    return LoadedCheckpoint(checkpoint, network.eval().requires_grad_(False), CPU, "fp32")


@pytest.mark.parametrize("layers", ["relu2", "relu1", "relu1,relu2"])
@pytest.mark.parametrize("method", ["GradCAM", "GradCAMPlusPlus", "XGradCAM", "HiResCAM", "LayerCAM", "EigenCAM"])
def test_that_maps_of_the_tiny_network_are_those_of_the_fixture(method, layers):
    if not REFERENCE.exists():
        pytest.skip("the reference values are not here")
    reference = json.loads(REFERENCE.read_text())
    row, column = np.mgrid[0:8, 0:8]
    shift = reference["shift"]
    image = np.sin(0.7 * row + shift) * np.cos(0.5 * column) + 0.1 * row
    loaded = tiny_checkpoint(TinyNetwork(shift))
    name = method.lower().replace("plusplus", "++")

    explanation = explain(loaded, torch.tensor(image, dtype=torch.float32)[None], None, name, layers)

    np.testing.assert_allclose(explanation.logits, reference["logits"], atol=1e-6)
    for finding in range(3):
        expected = reference["maps"][f"{method}/{layers.replace(',', '_')}/class{finding}"]
        # The fixture is rounded to six decimals, and the library adds 1e-7 before it divides.
        np.testing.assert_allclose(explanation.maps[finding], expected, atol=1e-6)


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_that_score_cam_is_that_of_pytorch_grad_cam(make_checkpoint, architecture):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a", "b"), **options), CPU)
    tensor = torch.randn(3, size, size)

    explanation = explain(loaded, tensor, None, "scorecam")

    assert np.array_equal(explanation.logits, loaded.logits(tensor[None])[0])
    expected = library_maps(loaded, tensor, "scorecam", [explanation.layer])
    np.testing.assert_allclose(explanation.maps, expected, atol=1e-4)


def test_that_ablation_cam_is_that_of_pytorch_grad_cam_where_the_logit_is_positive(make_checkpoint):
    """A layer that ends with a ReLU: the library ablates others to a large negative number, the paper to zero."""
    loaded = load(make_checkpoint("resnet18", size=96, findings=("a", "b")), CPU)
    tensor = torch.randn(3, 96, 96)
    loaded.network.fc.bias.data += 1 - torch.tensor(loaded.logits(tensor[None])[0])

    explanation = explain(loaded, tensor, None, "ablationcam")

    expected = library_maps(loaded, tensor, "ablationcam", [explanation.layer])
    np.testing.assert_allclose(explanation.maps, expected, atol=1e-4)


def test_that_ablation_cam_of_a_negative_logit_shows_what_speaks_for_the_finding(make_checkpoint):
    """Behind the last layer of a ResNet all is linear: what a channel takes away with it is its Grad-CAM weight."""
    loaded = load(make_checkpoint("resnet18", size=96, findings=("a", "b")), CPU)
    tensor = torch.randn(3, 96, 96)
    loaded.network.fc.bias.data -= 50.0

    ablation, gradient = (explain(loaded, tensor, None, method).maps for method in ("ablationcam", "gradcam"))

    activation = []
    with loaded.network.layer4.register_forward_hook(lambda *given: activation.append(given[-1])):
        loaded.logits(tensor[None])
    share = loaded.network.fc.weight * activation[0][0].mean((1, 2))
    expected = torch.relu(torch.einsum("fc,chw->fhw", share, activation[0][0]))
    rough = torch.nn.functional.interpolate(expected[None], size=(96, 96), mode="bilinear")[0]
    for finding in range(2):
        assert np.corrcoef(ablation[finding].ravel(), rough[finding].ravel())[0, 1] > 0.999
    assert ablation.shape == gradient.shape


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_that_ablation_from_the_layer_up_equals_whole_passes(make_checkpoint, architecture, monkeypatch):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a", "b"), **options), CPU)
    tensor = torch.randn(3, size, size)
    short = explain(loaded, tensor, None, "ablationcam").maps
    monkeypatch.setattr("xferviewer.engine.perturbed_maps._goes_through", lambda passed: False)
    np.testing.assert_allclose(short, explain(loaded, tensor, None, "ablationcam").maps, atol=1e-3)


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_that_integrated_gradients_add_up_to_the_difference_of_the_logits(make_checkpoint, architecture):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a", "b"), **options), CPU)
    tensor = torch.randn(3, size, size)

    shares = attributions(loaded.network, tensor[None], [0, 1], lambda done, total: None)

    image, even = loaded.logits(torch.stack([tensor, torch.zeros_like(tensor)]))
    np.testing.assert_allclose(shares.sum((1, 2, 3)), image - even, atol=0.02 * np.abs(image - even).max())
    explanation = explain(loaded, tensor, None, "integrated-gradients")
    positive = torch.relu(shares.sum(1)).numpy()
    np.testing.assert_allclose(explanation.maps * explanation.peaks[:, None, None], positive, atol=1e-6)


def naive_rollout(network: nn.Module, image: torch.Tensor) -> np.ndarray:
    """With timm's own attention, its fused kernel switched off, and loops."""
    kept: list[np.ndarray] = []
    for block in network.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda *given: kept.append(given[-1][0].numpy()))
    with torch.inference_mode():
        network(image[None])
    flow = np.eye(kept[0].shape[-1])
    for attention in kept:
        mixed = attention.mean(axis=0) + np.eye(len(flow))
        flow = (mixed / mixed.sum(axis=1, keepdims=True)) @ flow
    return flow


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224"])
def test_that_attention_rollout_is_what_the_definition_gives(make_checkpoint, architecture):
    loaded = load(make_checkpoint(architecture, img_size=64, findings=("a", "b")), CPU)
    tensor = torch.randn(3, 64, 64)

    explanation = explain(loaded, tensor, None, "attention-rollout")

    assert np.array_equal(explanation.logits, loaded.logits(tensor[None])[0])
    assert np.array_equal(explanation.maps[0], explanation.maps[1])
    prefix = loaded.network.num_prefix_tokens
    patches = naive_rollout(loaded.network, tensor)[:prefix].mean(axis=0)[prefix:]
    np.testing.assert_allclose(explanation.peaks, patches.max(), rtol=1e-5)
    resized = torch.nn.functional.interpolate(
        torch.tensor(patches, dtype=torch.float32).reshape(1, 1, 4, 4), size=(64, 64), mode="bilinear"
    )[0, 0]
    expected = (resized - resized.min()) / (resized.max() - resized.min())
    np.testing.assert_allclose(explanation.maps[0], expected, atol=1e-4)


@pytest.mark.usefixtures("_one_sign")
@pytest.mark.parametrize("method", ["gradcam", "layercam"])
def test_that_smoothed_maps_are_those_of_pytorch_grad_cam(make_checkpoint, method):
    loaded = load(make_checkpoint("resnet18", size=96, findings=("a", "b")), CPU)
    tensor = torch.randn(3, 96, 96)
    layers = ["layer4.1"]

    augmented = explain(loaded, tensor, None, method, smoothing="augmented").maps
    eigen = explain(loaded, tensor, None, method, smoothing="eigen").maps

    mean = library_maps(loaded, tensor, method, layers, aug_smooth=True)
    span = mean.max((1, 2), keepdims=True) - mean.min((1, 2), keepdims=True)
    np.testing.assert_allclose(augmented, (mean - mean.min((1, 2), keepdims=True)) / span, atol=1e-4)
    np.testing.assert_allclose(eigen, library_maps(loaded, tensor, method, layers, eigen_smooth=True), atol=1e-4)


def test_that_the_published_layers_are_the_last_two_of_a_resnet_averaged(make_checkpoint):
    loaded = load(make_checkpoint("resnet50", size=64, findings=("a",)), CPU)
    tensor = torch.randn(3, 64, 64)

    explanation = explain(loaded, tensor, None, "gradcam", "published")

    assert explanation.layer == "layer3 + layer4"
    np.testing.assert_allclose(
        explanation.maps, library_maps(loaded, tensor, "gradcam", ["layer3", "layer4"]), atol=1e-4
    )


@pytest.mark.parametrize(
    ("architecture", "method", "layers", "why"),
    [
        ("resnet18", "attention-rollout", "standard", "no vision transformer"),
        ("swin_tiny_patch4_window7_224", "attention-rollout", "standard", "no vision transformer"),
        ("vit_tiny_patch16_224", "gradcam", "published", "no maps of a network of the family ViT"),
        ("resnet18", "gradcam", "layer5", "no layer layer5"),
        ("resnet18", "layercam", "fc", "no rows and columns"),
        ("vit_tiny_patch16_224", "scorecam", "head", "no rows and columns"),
    ],
)
def test_that_what_a_network_has_no_map_by_is_refused_with_the_reason(
    make_checkpoint, architecture, method, layers, why
):
    size, options = NETWORKS[architecture]
    loaded = load(make_checkpoint(architecture, size=size, findings=("a",), **options), CPU)
    with pytest.raises(EngineFailure, match=why):
        explain(loaded, torch.randn(3, size, size), None, method, layers)


def test_that_a_layer_whose_patches_reach_no_logit_has_an_empty_map(make_checkpoint):
    """Behind the last attention of a vision transformer only the class token counts."""
    loaded = load(make_checkpoint("vit_tiny_patch16_224", img_size=64, findings=("a",)), CPU)
    explanation = explain(loaded, torch.randn(3, 64, 64), None, "gradcam", "blocks.11.norm2")
    assert explanation.without_evidence == ("a",)


def test_that_a_choice_that_there_is_not_is_refused():
    for wrong in (("gradcamm",), ("gradcam", "standard", "soft"), ("eigencam", "standard", "eigen")):
        with pytest.raises(ValueError, match=r"here is no|no weighted channels"):
            MapChoice(*wrong)


def state(network: nn.Module) -> tuple:
    """All that a map could leave behind in a network."""
    return (
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
        [(parameter.requires_grad, parameter.grad is None) for parameter in network.parameters()],
        [(module.training, getattr(module, "fused_attn", None)) for module in network.modules()],
        [type(module) for module in network.modules()],
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224"])
def test_that_a_network_is_left_as_it_was_also_when_it_fails_or_is_interrupted(make_checkpoint, architecture, method):
    if method == "attention-rollout" and architecture == "resnet18":
        pytest.skip("there is none")
    loaded = load(make_checkpoint(architecture, findings=("a", "b"), **NETWORKS[architecture][1]), CPU)
    before, tensor = state(loaded.network), torch.randn(3, 64, 64)

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int) -> None:
        raise Interrupted

    if METHODS[method].slow:
        with pytest.raises(Interrupted):
            explain(loaded, tensor, None, method, progress=interrupt)
        assert state(loaded.network) == before
    else:
        explain(loaded, tensor, None, method)
        assert state(loaded.network) == before
    with pytest.raises((RuntimeError, AssertionError)):
        explain(loaded, torch.randn(5, 64, 64), None, method)
    assert state(loaded.network) == before


@pytest.mark.parametrize("method", ["gradcam", "ablationcam"])
def test_that_a_map_leaves_passes_in_other_threads_alone(make_checkpoint, method):
    """The batch in the background may be under way in the same network (engine/server.py)."""
    loaded = load(make_checkpoint("resnet18", findings=("a", "b")), CPU)
    tensor, other = torch.randn(3, 64, 64), torch.randn(1, 3, 64, 64)
    expected, alone = loaded.logits(other), explain(loaded, tensor, None, method)
    beside: list[np.ndarray] = []
    inside = loaded.network.layer4[0].register_forward_hook(
        lambda *given: (
            threads.submit(lambda: beside.append(loaded.logits(other))).result()
            if threading.current_thread() is threading.main_thread() and len(beside) < 3
            else None
        )
    )
    with ThreadPoolExecutor(1) as threads, inside:
        explanation = explain(loaded, tensor, None, method)
    assert len(beside) >= 1
    assert all(np.array_equal(logits, expected) for logits in beside)
    assert np.array_equal(explanation.maps, alone.maps)


def test_that_memory_stays_flat_over_a_thousand_images():
    """Each image leaves more than a megabyte of graph and maps behind where they are kept."""
    torch.manual_seed(0)
    network = nn.Sequential(OrderedDict(c=nn.Conv2d(1, 8, 3), r=nn.ReLU(), p=nn.AdaptiveAvgPool2d(1), f=nn.Flatten()))
    loaded = tiny_checkpoint(network, tuple("abcdefgh"))
    images = torch.randn(4, 1, 64, 64)
    methods = [method for method in ONE_PASS if method != "eigencam"]

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not say how much memory is used")
    before = 0
    for number in range(1000):
        explain(loaded, images[number % 4], None, methods[number % len(methods)], "r")
        if number == 100:
            before = resident()
    assert resident() - before < 30e6


def test_that_a_slow_method_says_how_far_it_is(make_checkpoint):
    loaded = load(make_checkpoint("resnet18", findings=("a", "b")), CPU)
    for method in ("scorecam", "ablationcam", "integrated-gradients"):
        told: list[tuple[int, int]] = []
        explain(loaded, torch.randn(3, 64, 64), None, method, progress=lambda *done, told=told: told.append(done))
        assert len(told) > 4
        assert [done for done, _ in told] == sorted({done for done, _ in told})
        assert {total for _, total in told} == {told[-1][0]}
