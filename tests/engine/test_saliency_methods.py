"""Every method of saliency maps against pytorch-grad-cam, the fixture of maps, and its own definition."""

from __future__ import annotations

import json
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
from xferviewer.engine.saliency import explain
from xferviewer.errors import EngineFailure
from xferviewer.networks.saliency_layers import channels_first, saliency_layers
from xferviewer.saliency_methods import METHODS

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
        maps = [
            cam(image, [ClassifierOutputTarget(k)], **options)[0] for k in range(len(loaded.checkpoint.findings))
        ]
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
    tensor = torch.randn(3, size, size)
    for method in ONE_PASS:
        explanation = explain(loaded, tensor, None, method)

        assert np.array_equal(explanation.logits, loaded.logits(tensor[None])[0]), method
        expected = library_maps(loaded, tensor, method, [explanation.layer])
        np.testing.assert_allclose(explanation.maps, expected, atol=1e-4, err_msg=method)
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
