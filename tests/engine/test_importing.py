"""Weights in the layouts of other programs compute here what they computed there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.errors import UnusableCheckpoint
from xferviewer.networks import backbones, torchvision_networks
from xferviewer.networks.importing.layouts import under_timms_names
from xferviewer.networks.importing.reading import read_network
from xferviewer.networks.importing.recognition import Fit, candidates, fit
from xferviewer.networks.importing.state_dicts import find_state_dict
from xferviewer.networks.importing.torchvision_names import EQUALS, Equal, timm_equal, timm_name
from xferviewer.networks.importing.weight_files import read_content
from xferviewer.networks.initialisation import load_backbone


def lively(network: nn.Module, size: int = 64) -> nn.Module:
    """The network with running statistics of noise, as after training: random ones let signals fade to nothing."""
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = 1.0
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.1)
    if norms:
        network.train()
        with torch.no_grad():
            network(torch.randn(4, 3, size, size))
    return network.eval()


def rebuilt(found: Fit) -> nn.Module:
    network = backbones.create(found.architecture, found.head.outputs, found.channels, found.options, found.head.head)
    classifier, own = backbones.classifier_name(network), network.state_dict()
    head = {f"{classifier}.{name}": values for name, values in found.head.tensors.items()}
    head = {name: values.reshape(own[name].shape) for name, values in head.items() if name in own}
    network.load_state_dict({**found.backbone, **head, **found.head.further}, strict=True)
    return network.eval()


def assert_same(found: Fit, original: nn.Module, size: int = 64) -> None:
    inputs = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        expected, computed = original(inputs), rebuilt(found)(inputs)
    assert expected.std() > 1e-3
    torch.testing.assert_close(computed, expected, rtol=1e-5, atol=1e-5)


# torchvision draws random numbers for minutes without the first, and has a second classifier without the second.
BARE = {name: {"init_weights": False, "aux_logits": False} for name in ("inception_v3", "googlenet")}


@pytest.mark.parametrize("name", EQUALS)
def test_that_every_torchvision_name_has_timms_tensors_one_to_one(name):
    equal = EQUALS[name]
    with torch.device("cpu" if "regnet" in name else "meta"):  # torchvision counts the widths of a RegNet with tensors
        theirs = torchvision.models.get_model(name, num_classes=3, **BARE.get(name, {})).state_dict()
    with torch.device("meta"):
        network = backbones.create(equal.architecture, 3, options=equal.options)
    theirs = {key: v for key, v in theirs.items() if not key.endswith(("position_index", "coords_table"))}
    renamed = under_timms_names(equal.architecture, theirs, network)
    own = network.state_dict()
    assert set(renamed.tensors) == set(own)
    assert all(renamed.tensors[key].shape == own[key].shape for key in own)
    assert equal.architecture in candidates(theirs)
    assert renamed.options == equal.options


def test_that_every_network_for_images_of_torchvision_is_timms_or_built_by_itself():
    names = torchvision.models.list_models(module=torchvision.models)
    assert set(names) == {*EQUALS, *torchvision_networks.NAMES}
    assert timm_equal("efficientnet_b5") == Equal("efficientnet_b5")
    assert timm_equal("torchvision/efficientnet_b5").options == {"bn_eps": 0.001}
    assert timm_name("alexnet") == "torchvision/alexnet"


# One of each kind; the others with --every-backbone.
TRIED = (
    *("resnet18", "densenet121", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "convnext_tiny"),
    *("mnasnet0_5", "mnasnet1_3", "regnet_x_400mf", "regnet_y_800mf", "shufflenet_v2_x0_5", "squeezenet1_0"),
    *("efficientnet_v2_s", "swin_v2_t", "googlenet"),
)
SIZES = {"inception_v3": 160, "vit_h_14": 56}


def size_for(name: str) -> int:
    if name.startswith(("vgg", "maxvit")) or name in ("swin_t", "swin_s", "swin_b"):
        return 224
    return 256 if name.startswith("swin") else SIZES.get(name, 64)


@pytest.mark.parametrize("name", torchvision.models.list_models(module=torchvision.models))
def test_that_networks_of_torchvision_are_recognised_and_compute_the_same(tmp_path, request, name):
    if name not in TRIED and not request.config.getoption("--every-backbone"):
        pytest.skip("one of each kind; --every-backbone tries it")
    torch.manual_seed(0)
    size = size_for(name)
    options = {"image_size": size} if name.startswith("vit") else BARE.get(name, {})
    original = torchvision.models.get_model(name, num_classes=3, **options)
    if name.startswith("vit"):
        nn.init.normal_(original.heads.head.weight)
    lively(original, size)
    torch.save(original.state_dict(), tmp_path / "weights.pth")

    found = read_network(tmp_path / "weights.pth")

    assert found.architecture == timm_name(f"torchvision/{name}")
    assert_same(found, original, size)


class Wrapper(nn.Module):
    """torchvision's network without its last child, as the files of RadImageNet have it."""

    def __init__(self, network: nn.Module, *, activates: bool = False) -> None:
        super().__init__()
        self.backbone = nn.Sequential(*list(network.children())[:-1])
        self.activates = activates

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        values = self.backbone(values)
        return torch.flatten(values.relu().mean((2, 3)) if self.activates else values, 1)


class Classifier(nn.Module):
    def __init__(self, trunk: Wrapper, features: int, outputs: int) -> None:
        super().__init__()
        self.backbone = trunk.backbone
        self.classifier = nn.Linear(features, outputs)
        self.activates = trunk.activates

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.classifier(Wrapper.forward(self, values))


RADIMAGENET = [
    ("resnet50", "resnet50", {}, 2048, 318, 64),
    ("densenet121", "densenet121", {}, 1024, 725, 64),
    ("inception_v3", "inception_v3", {"aux_logits": False, "init_weights": False}, 2048, 564, 128),
]


@pytest.mark.parametrize(("name", "architecture", "options", "features", "tensors", "size"), RADIMAGENET)
def test_that_the_three_files_of_radimagenet_load_and_their_fine_tuned_networks_compute_the_same(
    tmp_path, name, architecture, options, features, tensors, size
):
    torch.manual_seed(0)
    trunk = Wrapper(torchvision.models.get_model(name, **options), activates=name == "densenet121")
    assert len(trunk.state_dict()) == tensors
    tuned = lively(Classifier(trunk, features, 2), size)
    torch.save(trunk.state_dict(), tmp_path / "RadImageNet.pt")
    torch.save(tuned.state_dict(), tmp_path / "tuned.pt")

    backbone, found = read_network(tmp_path / "RadImageNet.pt"), read_network(tmp_path / "tuned.pt")

    assert (backbone.architecture, found.architecture) == (architecture, architecture)
    assert backbone.head is None
    assert_same(found, tuned, size)
    start = backbones.create(architecture, 5)
    load_backbone(start, tmp_path / "RadImageNet.pt")
    assert all(torch.equal(values, start.state_dict()[key]) for key, values in found.backbone.items())


class NonLinear(nn.Module):
    """The head of the BUSI and MRNet study under its own names."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(features, hidden, bias=False), nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, 2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.fc2(nn.functional.leaky_relu(self.bn1(self.fc1(values)), 0.01))


class Conv(nn.Module):
    def __init__(self, features: int, filters: int, kernel_size: int, hidden: int) -> None:
        super().__init__()
        width = filters * (features - kernel_size + 1)
        self.conv, self.bn_conv = nn.Conv1d(1, filters, kernel_size, bias=False), nn.BatchNorm1d(filters)
        self.fc1, self.bn_fc1 = nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden)
        self.fc2 = nn.Linear(hidden, 2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        values = nn.functional.leaky_relu(self.bn_conv(self.conv(values[:, None])), 0.01).flatten(1)
        return self.fc2(nn.functional.leaky_relu(self.bn_fc1(self.fc1(values)), 0.01))


@pytest.mark.parametrize(
    ("head", "kind", "parameters"),
    [
        (lambda: NonLinear(512, 256), "non-linear", {"ratio": 0.5}),
        (lambda: Conv(512, 2, 3, 77), "conv", {"filters": 2.0, "kernel_size": 3.0, "ratio": 77.5 / 1020}),
    ],
)
def test_that_networks_of_the_busi_and_mrnet_study_come_with_their_head(tmp_path, head, kind, parameters):
    torch.manual_seed(0)
    original = lively(nn.Sequential(Wrapper(torchvision.models.resnet18()), head()))
    torch.save(original.state_dict(), tmp_path / "best_model.pth")

    found = read_network(tmp_path / "best_model.pth")

    assert (found.head.head.kind, found.head.head.parameters) == (kind, parameters)
    assert_same(found, original)


@pytest.mark.parametrize("whole", [False, True], ids=["its weights", "the whole of it"])
def test_that_a_network_in_a_sequence_with_a_sigmoid_gives_its_logits(tmp_path, whole):
    torch.manual_seed(0)
    original = lively(torchvision.models.resnet18(num_classes=3))
    sequence = nn.Sequential(original, nn.Sigmoid())
    torch.save(sequence if whole else sequence.state_dict(), tmp_path / "s.pth")
    found = read_network(tmp_path / "s.pth")
    assert any("“0.” was taken off" in said for said in found.decisions)
    assert_same(found, original)


def old_densenet(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", key): values for key, values in state.items()}


def test_that_a_densenet_of_2017_in_dataparallel_with_a_sigmoid_inside_gives_its_logits(tmp_path):
    """CheXNet's layout; its sigmoid would be applied twice if it were taken for a part of the network."""
    torch.manual_seed(0)
    original = torchvision.models.densenet121()
    original.classifier = nn.Sequential(nn.Linear(1024, 14), nn.Sigmoid())
    lively(original)
    state = {f"module.densenet121.{key}": values for key, values in old_densenet(original.state_dict()).items()}
    torch.save({"epoch": 3, "state_dict": state, "best_loss": 0.1}, tmp_path / "m.pth.tar")

    found = read_network(tmp_path / "m.pth.tar")

    original.classifier = original.classifier[0]
    assert_same(found, original)
    assert any("sigmoid" in said for said in found.decisions)


def small(architecture: str = "test_resnet") -> nn.Module:
    torch.manual_seed(0)
    return lively(backbones.create(architecture, 3, options={"img_size": 64} if "vit" in architecture else None))


def prefixed(network: nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{key}": values for key, values in network.state_dict().items()}


def halved(values: torch.Tensor) -> torch.Tensor:
    return values.half() if values.is_floating_point() else values


WRAPPED = {
    "plain": lambda net: net.state_dict(),
    "DataParallel": lambda net: nn.DataParallel(net).state_dict(),
    "compiled": lambda net: prefixed(net, "_orig_mod."),
    "module in net": lambda net: {"net": prefixed(net, "module."), "acc": 0.5, "epoch": 7},
    "Lightning": lambda net: {
        "epoch": 1, "global_step": 9, "pytorch-lightning_version": "2.0", "hyper_parameters": {"lr": 1e-3},
        "state_dict": prefixed(net, "model.") | {"criterion.pos_weight": torch.ones(3), "val_auroc.x": torch.ones(1)},
        "optimizer_states": [{"state": {}, "param_groups": []}], "callbacks": {},
    },
    "backbone and head in Lightning": lambda net: {
        "state_dict": {
            f"model.{'' if name.startswith('fc.') else 'backbone.'}{name}": v for name, v in net.state_dict().items()
        } | {"loss_fn.pos_weight": torch.ones(3)},
    },
    "options beside": lambda net: {"model": net.state_dict(), "args": argparse.Namespace(lr=0.1), "b": np.float64(0.5)},
    "half": lambda net: {name: halved(values) for name, values in net.state_dict().items()},
    "convolution as head": lambda net: net.state_dict() | {"fc.weight": net.fc.weight.detach()[:, :, None, None]},
    "head of another name": lambda net: {name.replace("fc.", "head.1."): v for name, v in net.state_dict().items()},
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPED)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_weights_are_found_under_the_names_around_them(tmp_path, wrapping, legacy):
    original = small()
    torch.save(WRAPPED[wrapping](original), tmp_path / "w.pth", _use_new_zipfile_serialization=not legacy)
    found = read_network(tmp_path / "w.pth", "test_resnet")
    if wrapping == "half":
        original.load_state_dict(WRAPPED["half"](original))
    assert_same(found, original)


WHOLE = {
    "torchvision's": lambda: torchvision.models.resnet18(num_classes=3),
    "timm's": lambda: timm.create_model("vit_tiny_patch16_224", num_classes=3, img_size=64),
    "DataParallel": lambda: nn.DataParallel(torchvision.models.mobilenet_v3_small(num_classes=3)),
    "beside the epoch": lambda: {"epoch": 3, "model": torchvision.models.squeezenet1_1(num_classes=3)},
}


@pytest.mark.parametrize("kind", WHOLE)
def test_that_of_a_whole_network_of_a_known_library_the_tensors_are_read_and_no_object_is_made(
    tmp_path, monkeypatch, kind
):
    torch.manual_seed(0)
    content = WHOLE[kind]()
    original = lively(content["model"] if isinstance(content, dict) else content)
    if kind == "timm's":
        nn.init.normal_(original.head.weight)
    torch.save(content, tmp_path / "whole.pt")

    def never(*_arguments):
        raise AssertionError("an object of the file was made")

    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "__setstate__", never)
        patch.setattr(nn.Module, "state_dict", never)
        content = read_content(tmp_path / "whole.pt")
        state = find_state_dict(tmp_path / "whole.pt", content)
    found = read_network(tmp_path / "whole.pt")

    assert any("whole network" in said and type(original).__name__ in said for said in found.decisions)
    expected = original.module if isinstance(original, nn.DataParallel) else original
    assert state.tensors.keys() == expected.state_dict().keys()
    assert_same(found, original)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_that_weights_saved_on_another_device_come_to_the_cpu(tmp_path, monkeypatch, legacy):
    original = small()
    monkeypatch.setattr(torch.serialization, "location_tag", lambda _storage: "mps")
    torch.save(original.state_dict(), tmp_path / "mac.pt", _use_new_zipfile_serialization=not legacy)
    monkeypatch.undo()
    assert b"mps" in (tmp_path / "mac.pt").read_bytes()
    assert_same(read_network(tmp_path / "mac.pt", "test_resnet"), original)


def test_that_safetensors_are_read_whatever_their_ending(tmp_path):
    original = small()
    save_file(original.state_dict(), tmp_path / "model.bin")
    assert_same(read_network(tmp_path / "model.bin", "test_resnet"), original)


def test_that_of_dino_the_teachers_backbone_is_taken_and_its_projection_left_out(tmp_path):
    student, teacher = small("test_vit"), small("test_vit")
    teacher.patch_embed.proj.bias.data.fill_(7.0)
    head = {"head.mlp.0.weight": torch.ones(2, 2), "head.last_layer.weight_v": torch.ones(2, 2)}
    content = {
        name: prefixed(net, "module.backbone.") | {f"module.{key}": values for key, values in head.items()}
        for name, net in (("student", student), ("teacher", teacher))
    }
    for side in content.values():
        for key in ("module.backbone.head.weight", "module.backbone.head.bias"):
            del side[key]
    torch.save(content, tmp_path / "checkpoint.pth")

    found = read_network(tmp_path / "checkpoint.pth", "test_vit")

    assert found.head is None
    assert (found.backbone["patch_embed.proj.bias"] == 7.0).all()
    assert found.options == {"img_size": 64}
    assert any("teacher" in said for said in found.decisions)


def test_that_of_simmim_the_encoder_is_taken(tmp_path):
    original = small("test_vit")
    state = {
        key: values for key, values in prefixed(original, "encoder.").items() if not key.startswith("encoder.head")
    }
    state |= {"encoder.mask_token": torch.zeros(1, 1, 64), "decoder.0.weight": torch.ones(4, 64, 1, 1)}
    torch.save({"model": state}, tmp_path / "simmim.pth")
    found = read_network(tmp_path / "simmim.pth", "test_vit")
    assert torch.equal(found.backbone["norm.weight"], original.norm.weight)


def test_that_the_small_transformer_of_moco_v3_has_twelve_heads(tmp_path):
    with torch.device("meta"):
        names = backbones.create("vit_small_patch16_224", 1).state_dict()
    state = {
        f"module.base_encoder.{key}": torch.zeros(1).expand(v.shape) for key, v in names.items() if "head" not in key
    }
    extra = {"module.momentum_encoder.cls_token": torch.zeros(1), "module.predictor.0.weight": torch.zeros(1)}
    state |= {"module.base_encoder.head.0.weight": torch.zeros(1), **extra}
    state = {key: values.half() for key, values in state.items()}
    del state["module.base_encoder.head.0.weight"]
    torch.save({"state_dict": {key: values.clone() for key, values in state.items()}}, tmp_path / "vit-s.pth.tar")

    found = read_network(tmp_path / "vit-s.pth.tar")

    assert (found.architecture, found.options, found.head) == ("vit_small_patch16_224", {"num_heads": 12}, None)


def test_that_of_a_distilled_transformer_both_heads_come_and_are_averaged(tmp_path):
    torch.manual_seed(0)
    original = backbones.create("deit_tiny_distilled_patch16_224", 3, options={"img_size": 64}).eval()
    for head in (original.head, original.head_dist):
        nn.init.normal_(head.weight)
    torch.save({"model": original.state_dict()}, tmp_path / "deit.pth")

    found = read_network(tmp_path / "deit.pth")

    assert (found.architecture, found.options) == ("deit_tiny_distilled_patch16_224", {"img_size": 64})
    assert any("averaged" in said for said in found.decisions)
    assert_same(found, original)
    inputs = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        tokens = original.forward_features(inputs)
        average = (original.head(tokens[:, 0]) + original.head_dist(tokens[:, 1])) / 2
        torch.testing.assert_close(rebuilt(found)(inputs), average)
    state = original.state_dict()
    del state["head_dist.weight"]
    torch.save(state, tmp_path / "one.pth")
    with pytest.raises(UnusableCheckpoint, match=r"has no head_dist\.weight"):
        read_network(tmp_path / "one.pth", "deit_tiny_distilled_patch16_224")


# timm's names of the layers in a block of EfficientNet, and those of its first port; the first stage expands nothing.
PORTED = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
PORTED |= {"conv_pwl": "_project_conv", "bn3": "_bn2", "se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
PORTED_FIRST = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
PORTED_AROUND = {
    "conv_stem": "_conv_stem",
    "bn1": "_bn0",
    "conv_head": "_conv_head",
    "bn2": "_bn1",
    "classifier": "_fc",
}


def of_the_first_port(network: nn.Module) -> dict[str, torch.Tensor]:
    places = [(stage, block) for stage, blocks in enumerate(network.blocks) for block in range(len(blocks))]
    state = {}
    for key, values in network.state_dict().items():
        layer, _, tensor = key.rpartition(".")
        inside = re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(.*)", layer)
        if inside is None:
            state[f"{PORTED_AROUND[layer]}.{tensor}"] = values
            continue
        stage, block = int(inside[1]), int(inside[2])
        names = {**PORTED, **(PORTED_FIRST if stage == 0 else {})}
        state[f"_blocks.{places.index((stage, block))}.{names[inside[3]]}.{tensor}"] = values
    return state


@pytest.mark.parametrize("architecture", ["tf_efficientnet_lite0", "tf_efficientnet_b0"])
def test_that_efficientnets_of_the_first_port_to_pytorch_are_told_and_compute_the_same(tmp_path, architecture):
    torch.manual_seed(0)
    original = lively(backbones.create(architecture, 3))
    state = of_the_first_port(original)
    assert len(state) == len(original.state_dict())
    torch.save(state, tmp_path / "port.pth")
    found = read_network(tmp_path / "port.pth")
    assert found.architecture == architecture
    assert_same(found, original)


def test_that_of_moco_the_query_encoder_is_taken_and_queue_and_key_encoder_left_out(tmp_path):
    torch.manual_seed(0)
    query, key = torchvision.models.resnet18(), torchvision.models.resnet18()
    state = prefixed(query, "module.encoder_q.") | prefixed(key, "module.encoder_k.")
    state = {name: values for name, values in state.items() if ".fc." not in name}
    state |= {"module.queue": torch.randn(4, 8), "module.queue_ptr": torch.zeros(1)}
    torch.save({"epoch": 200, "arch": "resnet18", "state_dict": state}, tmp_path / "moco.pth.tar")

    found = read_network(tmp_path / "moco.pth.tar")

    assert (found.architecture, found.head) == ("resnet18", None)
    assert torch.equal(found.backbone["layer4.1.conv2.weight"], query.layer4[1].conv2.weight)
    assert any("encoder_q" in said for said in found.decisions)


def test_that_weights_that_two_architectures_take_are_refused_until_one_is_named(tmp_path):
    torch.manual_seed(0)
    original = lively(backbones.create("efficientnet_b0", 2))
    torch.save(original.state_dict(), tmp_path / "b0.pth")
    with pytest.raises(UnusableCheckpoint, match=r"fit efficientnet_b0, tf_efficientnet_b0.*--architecture"):
        read_network(tmp_path / "b0.pth")
    assert_same(read_network(tmp_path / "b0.pth", "efficientnet_b0"), original)


def test_that_a_look_alike_is_refused_naming_the_first_tensor_that_does_not_fit(tmp_path):
    original = torchvision.models.resnet18(num_classes=2)
    original.layer4[1].conv2 = nn.Conv2d(512, 511, 3, bias=False)
    torch.save(original.state_dict(), tmp_path / "odd.pth")
    with pytest.raises(
        UnusableCheckpoint, match=r"looks like resnet18, but its layer4\.1\.conv2\.weight has the shape"
    ):
        read_network(tmp_path / "odd.pth")


def test_that_a_wrong_architecture_is_refused_naming_the_tensor_and_the_one_that_fits(tmp_path):
    torch.save(torchvision.models.resnet18(num_classes=2).state_dict(), tmp_path / "r.pth")
    with pytest.raises(UnusableCheckpoint, match=r"has no layer1\.2\.conv1\.weight; resnet34 .* It fits resnet18"):
        read_network(tmp_path / "r.pth", "resnet34")
    with pytest.raises(UnusableCheckpoint, match="knows no architecture named resnet19"):
        read_network(tmp_path / "r.pth", "resnet19")


def test_that_a_layer_that_the_architecture_has_not_is_named(tmp_path):
    torch.save(small().state_dict() | {"attention.weight": torch.ones(2)}, tmp_path / "w.pth")
    with pytest.raises(UnusableCheckpoint, match=r"test_resnet has no attention\.weight"):
        read_network(tmp_path / "w.pth", "test_resnet")


def test_that_grey_networks_and_other_image_sizes_are_told_from_shapes():
    with torch.device("meta"):
        grey = backbones.create("vit_small_patch16_224", 2, 1, {"img_size": 96}).state_dict()
    found = fit(grey, "vit_small_patch16_224")
    assert (found.channels, found.options) == (1, {"img_size": 96})


def test_that_the_page_on_checkpoints_names_every_preprocessing():
    page = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]*) \|", page.partition("| `--preprocessing` |")[2], re.M)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == {"timm", *PRESETS}


SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "checkpoints"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared checkpoints are not beside the checkout")


@needs_shared
def test_that_a_transformer_of_nobodys_library_is_refused_naming_its_first_tensor():
    with pytest.raises(UnusableCheckpoint, match=r"could not be told .* first is pos_embedding.*--architecture"):
        read_network(SHARED / "vit_pneumoniamnist_custom.pth")
    with pytest.raises(UnusableCheckpoint, match=r"vit_tiny_patch16_224"):
        read_network(SHARED / "vit_pneumoniamnist_custom.pth", "vit_tiny_patch16_224")
