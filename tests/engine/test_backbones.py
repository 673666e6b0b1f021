"""Every backbone of the four studies: its size, its layer groups, and its way from random weights to a map."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torchvision import models

from xferviewer.engine.inference import load
from xferviewer.engine.saliency import explain
from xferviewer.errors import EngineFailure
from xferviewer.networks import backbones
from xferviewer.networks.channel_adaptation import adapt
from xferviewer.networks.families import family_of
from xferviewer.networks.importing.torchvision_names import timm_equal

CPU = torch.device("cpu")
PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"
TORCHVISION_BEGIN = "<!-- torchvision: made by `make backbones` -->\n"
TORCHVISION_END = "<!-- end of torchvision -->\n"
BEGIN, END = "<!-- backbones: made by `make backbones` -->\n", "<!-- end of backbones -->\n"
# Larger ones take too long for every run of the tests; `make backbones` tries them all.
LARGEST = 25_000_000


@dataclass(frozen=True)
class Backbone:
    """A row of the table. `parameters`: with 1,000 outputs, as published; `tried`: side of the input in the test."""

    title: str
    architecture: str
    parameters: int
    features: int
    tried: int = 64
    options: dict[str, Any] = field(default_factory=dict)


VIT = {"img_size": 64}
SWIN = {"img_size": 112}
BACKBONES = [
    Backbone("VGG16", "vgg16", 138_357_544, 4096),
    Backbone("VGG19", "vgg19", 143_667_240, 4096),
    Backbone("ResNet50", "resnet50", 25_557_032, 2048),
    Backbone("ResNet101", "resnet101", 44_549_160, 2048),
    Backbone("ResNet152", "resnet152", 60_192_808, 2048),
    Backbone("Inception v3", "inception_v3", 23_834_568, 2048, 160),
    Backbone("Inception-ResNet v2", "inception_resnet_v2", 55_843_464, 1536, 160),
    Backbone("Xception", "legacy_xception", 22_855_952, 2048, 96),
    Backbone("DenseNet121", "densenet121", 7_978_856, 1024),
    Backbone("DenseNet169", "densenet169", 14_149_480, 1664),
    Backbone("DenseNet201", "densenet201", 20_013_928, 1920),
    Backbone("ViT-S/16", "vit_small_patch16_224", 22_050_664, 384, options=VIT),
    Backbone("ViT-B/16", "vit_base_patch16_224", 86_567_656, 768, options=VIT),
    Backbone("DeiT-S/16", "deit_small_patch16_224", 22_050_664, 384, options=VIT),
    Backbone("Swin-T", "swin_tiny_patch4_window7_224", 28_288_354, 768, 112, SWIN),
    Backbone("Swin-B", "swin_base_patch4_window7_224", 87_768_224, 1024, 112, SWIN),
    Backbone("ConvNeXt-T", "convnext_tiny", 28_589_128, 768),
    Backbone("EfficientNet-B0", "efficientnet_b0", 5_288_548, 1280),
    Backbone("EfficientNet-Lite0", "tf_efficientnet_lite0", 4_652_008, 1280),
    Backbone("BiT R50x1", "resnetv2_50x1_bit", 25_549_352, 2048),
    Backbone("BiT R101x1", "resnetv2_101x1_bit", 44_541_480, 2048),
    Backbone("BiT R101x3", "resnetv2_101x3_bit", 387_934_888, 6144),
    Backbone("DeiT-Ti, distilled", "deit_tiny_distilled_patch16_224", 5_910_800, 192, options=VIT),
    Backbone("AlexNet", "torchvision/alexnet", 61_100_840, 4096),
    Backbone("GoogLeNet", "torchvision/googlenet", 6_624_904, 1024),
    Backbone("MaxViT-T", "torchvision/maxvit_t", 30_919_624, 512, 224),
    Backbone("MNASNet 1.3", "torchvision/mnasnet1_3", 6_282_256, 1280),
    Backbone("ShuffleNet v2 0.5", "torchvision/shufflenet_v2_x0_5", 1_366_792, 1024),
    Backbone("ShuffleNet v2 1.0", "torchvision/shufflenet_v2_x1_0", 2_278_604, 1024),
    Backbone("ShuffleNet v2 1.5", "torchvision/shufflenet_v2_x1_5", 3_503_624, 1024),
    Backbone("ShuffleNet v2 2.0", "torchvision/shufflenet_v2_x2_0", 7_393_996, 2048),
    Backbone("SqueezeNet 1.0", "torchvision/squeezenet1_0", 1_248_424, 512),
    Backbone("SqueezeNet 1.1", "torchvision/squeezenet1_1", 1_235_496, 512),
]
OTHERS = [  # not described by us: groups and layer as timm states them
    Backbone("NFNet", "test_nfnet", 0, 0),
    Backbone("ByobNet", "test_byobnet", 0, 0),
    Backbone("MaxViT", "test_maxvit", 0, 0, 160),
    Backbone("MambaOut, channels last", "test_mambaout", 0, 0),
    Backbone("ViT with relative positions", "test_vit_relpos", 0, 0, 160),
    Backbone("XCiT", "xcit_nano_12_p8_224", 0, 0, 64, {"img_size": 64}),
    Backbone("CaiT", "cait_xxs24_224", 0, 0, 64, {"img_size": 64}),
    Backbone("EVA", "vit_pe_spatial_tiny_patch16_512", 0, 0, 64, {"img_size": 64}),
    Backbone("BEiT", "beit_base_patch16_224", 0, 0, 64, {"img_size": 64, "depth": 2}),
    Backbone("EfficientFormer", "efficientformer_l1", 0, 0, 224),
    Backbone("RegNet", "regnety_002", 0, 0),
    Backbone("Swin v2, channels last", "swinv2_cr_tiny_ns_224", 0, 0, 224, {"depths": (1, 1, 1, 1)}),
]


def of(backbone: Backbone) -> Any:
    return pytest.param(backbone, id=backbone.architecture)


def without_memory(architecture: str, outputs: int = 1000) -> torch.nn.Module:
    with torch.device("meta"):
        return backbones.create(architecture, outputs)


def row(backbone: Backbone) -> str:
    network = without_memory(backbone.architecture)
    count = sum(parameter.numel() for parameter in network.parameters())
    family = family_of(network)
    groups = [group.name for group in backbones.layer_groups(network)]
    shown = groups if len(groups) < 8 else [groups[0], "…", groups[-1]]
    own: Any = network.pretrained_cfg
    published = " + ".join(f"`{layer}`" for layer in family.published_layers) or "–"
    return (
        f"| {backbone.title} | `{backbone.architecture}` | {family.name} | {own['input_size'][-1]} | {count:,} | "
        f"{backbones.classifier_features(network)} | {len(groups)}: {', '.join(shown)} | "
        f"`{family.saliency_layer(network)}` | `{family.earlier_layer(network)}` | {published} | {backbone.tried} |"
    )


def table_of_backbones() -> str:
    head = (
        "| backbone | name | family | input | parameters | features | layer groups | maps at | "
        "and, by `last-two`, at | by `published` at | tried at |"
    )
    return "\n".join([head, "|---" * 11 + "|", *(row(backbone) for backbone in BACKBONES)]) + "\n"


def table_of_torchvision() -> str:
    lines = ["| torchvision's name | network here | built with |", "|---|---|---|"]
    for name in models.list_models(module=models):
        equal = timm_equal(f"torchvision/{name}")
        options = ", ".join(f"{option} = {value:g}" for option, value in equal.options.items())
        if (name, options) != (equal.architecture, ""):
            lines.append(f"| `{name}` | `{equal.architecture}` | {options} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("begin", "end", "table"),
    [(BEGIN, END, table_of_backbones), (TORCHVISION_BEGIN, TORCHVISION_END, table_of_torchvision)],
)
def test_that_the_page_on_checkpoints_shows_every_backbone_as_it_is(request, begin, end, table):
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if request.config.getoption("--every-backbone"):
        PAGE.write_text(before + begin + table() + end + after, "utf-8")
        return
    assert rest.startswith(table()), "docs/checkpoints.md is old; run `make backbones`"


@pytest.mark.parametrize("backbone", [of(one) for one in BACKBONES])
def test_that_a_backbone_has_the_published_size_and_every_parameter_one_group(backbone):
    network = without_memory(backbone.architecture)
    assert sum(parameter.numel() for parameter in network.parameters()) == backbone.parameters
    assert backbones.classifier_features(network) == backbone.features
    groups = backbones.layer_groups(network)
    classifier = tuple(f"{name}." for name in backbones.classifier_names(network))
    for name, _ in network.named_parameters():
        owners = [group.name for group in groups if name.startswith(group.prefixes)]
        assert len(owners) == (0 if name.startswith(classifier) else 1), name


@pytest.mark.parametrize("backbone", [of(one) for one in (*BACKBONES, *OTHERS)])
def test_that_a_backbone_is_built_saved_reloaded_predicts_and_explains(make_checkpoint, request, backbone):
    if backbone.parameters > LARGEST and not request.config.getoption("--every-backbone"):
        pytest.skip("large; --every-backbone tries it")
    size = backbone.tried
    made = make_checkpoint(backbone.architecture, size=size, findings=("a", "b"), **backbone.options)
    torch.manual_seed(0)
    network = backbones.create(backbone.architecture, 2, options=backbone.options).eval()
    tensor = torch.randn(3, size, size)

    loaded = load(made.folder, CPU)
    explanation = explain(loaded, tensor)

    with torch.inference_mode():
        assert np.array_equal(explanation.logits, network(tensor[None])[0].numpy())
    assert np.isfinite(explanation.logits).all()
    assert explanation.maps.shape == (2, size, size)
    assert explanation.maps.std() > 0
    if not backbone.architecture.startswith("torchvision/"):
        by_timm = timm.create_model(f"local-dir:{made.folder}", pretrained=True).eval()
        with torch.inference_mode():
            assert np.array_equal(by_timm(tensor[None])[0].numpy(), explanation.logits)


def test_that_a_mixer_whose_classifier_starts_at_zero_has_maps_once_it_learned(make_checkpoint):
    loaded = load(make_checkpoint("gmlp_ti16_224", findings=("a", "b"), img_size=64), CPU)
    tensor = torch.randn(3, 64, 64)
    assert explain(loaded, tensor).without_evidence == ("a", "b")
    torch.nn.init.normal_(loaded.network.head.weight)
    assert explain(loaded, tensor).maps.std() > 0


@pytest.mark.parametrize("architecture", ["hiera_tiny_224", "hrnet_w18_small", "twins_svt_small"])
def test_that_a_network_without_a_map_with_positions_predicts_and_is_refused_maps_in_words(
    make_checkpoint, architecture
):
    """Tokens of unknown order; several maps at once; a layer that timm states and the network has not."""
    loaded = load(make_checkpoint(architecture, size=224, findings=("a",)), CPU)
    tensor = torch.randn(3, 224, 224)
    assert np.isfinite(loaded.logits(tensor[None])).all()
    with pytest.raises(EngineFailure, match=r"no layer with positions|no single map|no rows and columns"):
        explain(loaded, tensor)


def test_that_freezing_is_refused_where_timm_states_no_groups():
    with pytest.raises(ValueError, match="no layer groups of MetaFormer"):
        backbones.freeze(without_memory("poolformer_s12"), 1)


def trainable(network: torch.nn.Module, groups: int, counting: backbones.Counting) -> int:
    backbones.freeze(network, groups, counting)
    head = sum(parameter.numel() for parameter in network.get_classifier().parameters())
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad) - head


def test_that_published_counting_of_resnet50_trains_what_the_published_runs_trained():
    """The topmost child is the pooling, and relu and max-pooling have no parameters: top 5, 6 and 7 are one."""
    network = without_memory("resnet50")
    counts = [trainable(network, groups, "as published") for groups in range(10)]
    assert counts == [
        *(0, 0, 14_964_736, 22_063_104, 23_282_688),
        *(23_498_496, 23_498_496, 23_498_496, 23_498_624, 23_508_032),
    ]


def test_that_published_counting_of_densenet121_knows_one_group_and_goes_once_around():
    network = without_memory("densenet121")
    assert [trainable(network, groups, "as published") for groups in (0, 1, 2)] == [0, 6_953_856, 6_953_856]
    with pytest.raises(ValueError, match="1 layer groups, not 3"):
        backbones.freeze(network, 3, "as published")


def test_that_published_counting_of_inception_v3_has_the_twenty_children_of_torchvisions_network():
    network = without_memory("inception_v3")
    groups = backbones.layer_groups(network, "as published")
    assert len(groups) == 20
    owners = [name for name, _ in network.named_parameters() if any(name.startswith(g.prefixes) for g in groups)]
    assert len(owners) == len(list(network.named_parameters())) - 2
    assert trainable(network, 3, "as published") == trainable(network, 2, "as published") + sum(
        parameter.numel() for parameter in network.Mixed_7c.parameters()
    )


def test_that_counting_as_published_is_refused_where_nothing_was_published():
    with pytest.raises(ValueError, match="VGG"):
        backbones.layer_groups(without_memory("vgg16"), "as published")


@pytest.mark.parametrize(("counting", "moved"), [("corrected", {"layer4"}), ("as published", None)])
def test_that_frozen_statistics_move_only_as_published(counting, moved):
    network = backbones.create("resnet18", 2)
    backbones.freeze(network, 1 if counting == "corrected" else 2, counting)
    before = {name: values.clone() for name, values in network.state_dict().items() if "running" in name}
    backbones.train_mode(network, "eval" if counting == "corrected" else "train")
    network(torch.randn(4, 3, 64, 64))
    after = network.state_dict()
    changed = {name.split(".")[0] for name, values in before.items() if not torch.equal(values, after[name])}
    assert changed == (moved or {name.split(".")[0] for name in before})


def test_that_channels_are_adapted_as_published_and_exactly():
    weight = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert adapt(weight, 1, "mean").flatten().tolist() == [4, 5, 6, 7]
    assert adapt(weight, 1, "sum").flatten().tolist() == [12, 15, 18, 21]
    grey = torch.arange(4.0).reshape(1, 1, 2, 2)
    assert torch.equal(adapt(grey, 3, "repeat"), grey.expand(1, 3, 2, 2))
    torch.testing.assert_close(adapt(grey, 3, "repeat/3").sum(1), grey[:, 0])
    assert adapt(weight, 3, "mean") is weight


@pytest.mark.parametrize(("channels", "adaptation"), [(1, "sum"), (3, "repeat/3")])
def test_that_the_exact_adaptations_leave_the_answer_to_a_grey_image_as_it_was(channels, adaptation):
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(4 - channels, 8, 3, bias=False)
    grey = torch.randn(2, 1, 9, 9)
    adapted = adapt(convolution.weight, channels, adaptation)
    computed = torch.nn.functional.conv2d(grey.expand(-1, channels, -1, -1), adapted)
    torch.testing.assert_close(computed, convolution(grey.expand(-1, 4 - channels, -1, -1)))


@pytest.mark.parametrize(
    ("has", "wants", "adaptation", "advice"),
    [(3, 1, "repeat", "sum or mean can"), (1, 3, "mean", "repeat or repeat/3 can"), (4, 1, "sum", "channels of 4.$")],
)
def test_that_an_adaptation_for_other_channels_is_refused_and_a_fitting_one_named(has, wants, adaptation, advice):
    with pytest.raises(ValueError, match=advice):
        adapt(torch.zeros(2, has, 3, 3), wants, adaptation)


def sample_of_timm(count: int, largest: int) -> list[str]:
    """Architectures drawn from all that timm has, of at most so many parameters; always the same."""
    drawn, names = [], timm.list_models()
    random.Random(4).shuffle(names)
    for name in names:
        try:
            network = without_memory(name, 2)
        except (NotImplementedError, ValueError):  # it computes while it is built
            continue
        if sum(parameter.numel() for parameter in network.parameters()) <= largest:
            drawn.append(name)
        if len(drawn) == count:
            break
    return drawn


def why_without_maps(make_checkpoint: Any, name: str) -> str:
    """From random weights to a prediction and maps of its own size; else why there are none, naming it."""
    stated: Any = without_memory(name, 2).pretrained_cfg
    size = stated["input_size"][1]
    loaded = load(make_checkpoint(name, size=size, findings=("a", "b")).folder, CPU)
    tensor = torch.randn(3, size, size)
    assert np.isfinite(loaded.logits(tensor[None])).all()
    try:
        explanation = explain(loaded, tensor)
    except EngineFailure as error:
        return error.why
    assert explanation.maps.shape == (2, size, size)
    assert np.isfinite(explanation.maps).all()
    return ""


def test_that_timms_own_small_networks_all_work_and_have_maps(make_checkpoint):
    names = timm.list_models("test_*")
    assert len(names) >= 18
    assert {name: why for name in names if (why := why_without_maps(make_checkpoint, name))} == {}


def test_that_of_forty_architectures_of_timm_drawn_by_chance_each_works_or_says_why_it_has_no_maps(
    make_checkpoint, request
):
    if not request.config.getoption("--every-backbone"):
        pytest.skip("takes minutes; --every-backbone tries it")
    names = sample_of_timm(40, 30_000_000)
    without = {name: why for name in names if (why := why_without_maps(make_checkpoint, name))}
    assert len(names) == 40
    assert len(without) <= 8, without
    assert all(name in why for name, why in without.items())
