"""The parts that a recipe is made of, against their sources: losses, optimisers, mixing, sampling, selection."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from xferviewer.checkpoints import Head
from xferviewer.errors import UnusableTable
from xferviewer.jobs.loss_spec import AveragingSpec, LossSpec, MixingSpec
from xferviewer.jobs.optimiser_spec import LayerSpec, OptimiserSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.schedule_spec import ScheduleSpec
from xferviewer.networks import backbones
from xferviewer.training.averaging import WeightAverage
from xferviewer.training.epoch_metrics import SameAnswers, epoch_metrics
from xferviewer.training.head_start import start_head
from xferviewer.training.layer_rates import layer_numbers, layer_shares, unfreeze
from xferviewer.training.losses import check_classes, class_weights, loss_of, positive_weights
from xferviewer.training.mixing import mix, mixes
from xferviewer.training.optimisers import make_optimiser, parameter_groups, set_rate
from xferviewer.training.sampling import batch_starts, epoch_order, row_weights
from xferviewer.training.schedules import make_schedule, timm_cosine
from xferviewer.training.selection import Selection
from xferviewer.training.uncertain_loss import check_differences, one_logit_each, uncertain_weights

NAN = float("nan")


def recipe(**fields: object) -> Recipe:
    return Recipe(**{"epochs": 4, "batch_size": 8, "learning_rate": 0.1, "warmup_epochs": 0.0, **fields})


def loss(task: str, labels: torch.Tensor, **fields: object):
    return loss_of(task, recipe(loss=LossSpec(**fields)), labels.numpy())


# Losses


def test_that_a_positive_counts_as_many_times_as_there_are_negatives_at_most_a_hundred():
    labels = np.array([[1, 1, 0], [0, NAN, 0], [0, 0, 0], [0, 1, 0]] + [[0, NAN, 1]] * 0, dtype=np.float32)
    assert positive_weights(labels).tolist() == [3, 0.5, 4]
    assert positive_weights(np.array([[1.0]] + [[0.0]] * 500, dtype=np.float32)).tolist() == [100]
    logits, truth = torch.tensor([[0.3, -1.0, 2.0]]), torch.tensor([[1.0, 0.0, NAN]])
    found = loss("multi-label", torch.from_numpy(labels), weights="balanced")(logits, truth)
    weights = torch.tensor([3.0, 0.5])
    each = functional.binary_cross_entropy_with_logits(logits[:, :2], truth[:, :2], pos_weight=weights)
    torch.testing.assert_close(found, each)


def test_that_the_loss_of_classes_is_torchs_with_weights_and_smoothing():
    random = torch.Generator().manual_seed(0)
    truth = torch.tensor([0, 1, 2, 2, 2, 1, 2, 2])
    labels, logits = functional.one_hot(truth, 3).float(), torch.randn(8, 3, generator=random)
    weights = torch.from_numpy(class_weights(labels.numpy()))
    torch.testing.assert_close(weights, torch.tensor([8 / 3, 8 / 6, 8 / 15]))
    for fields, expected in (
        ({}, functional.cross_entropy(logits, truth)),
        ({"weights": "balanced"}, functional.cross_entropy(logits, truth, weight=weights)),
        ({"smoothing": 0.1}, functional.cross_entropy(logits, truth, label_smoothing=0.1)),
        (
            {"weights": "balanced", "smoothing": 0.1},
            functional.cross_entropy(logits, truth, weight=weights, label_smoothing=0.1),
        ),
    ):
        torch.testing.assert_close(loss("multi-class", labels, **fields)(logits, labels), expected)
    some = functional.cross_entropy(logits[:3], truth[:3], weight=weights)  # a batch is not as balanced as the whole
    torch.testing.assert_close(loss("multi-class", labels, weights="balanced")(logits[:3], labels[:3]), some)


def test_that_a_smoothed_label_of_a_finding_is_half_as_far_from_either_side():
    logits = torch.tensor([[0.7], [-1.2]])
    found = loss("multi-label", torch.tensor([[1.0], [0.0]]), smoothing=0.2)(logits, torch.tensor([[1.0], [0.0]]))
    expected = functional.binary_cross_entropy_with_logits(logits, torch.tensor([[0.9], [0.1]]))
    torch.testing.assert_close(found, expected)


def test_that_an_image_whose_class_is_not_stated_teaches_nothing():
    logits = torch.randn(3, 2, requires_grad=True)
    labels = torch.tensor([[1.0, 0.0], [NAN, NAN], [0.0, 1.0]])
    mean = loss("multi-class", labels)
    found = mean(logits, labels)
    torch.testing.assert_close(found, functional.cross_entropy(logits[[0, 2]], torch.tensor([0, 1])))
    found.backward()
    assert torch.equal(logits.grad[1], torch.zeros(2))
    assert mean(logits, torch.full((3, 2), NAN)) == 0


def test_that_the_focal_loss_is_torchvisions_and_without_gamma_the_cross_entropy_of_classes():
    random = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(6, 4, generator=random), torch.randint(0, 2, (6, 4), generator=random).float()
    found = loss("multi-label", labels, kind="focal")(logits, labels)
    torch.testing.assert_close(found, sigmoid_focal_loss(logits, labels, 0.25, 2.0, reduction="mean"))
    other = loss("multi-label", labels, kind="focal", gamma=3.0, alpha=0.6)(logits, labels)
    torch.testing.assert_close(other, sigmoid_focal_loss(logits, labels, 0.6, 3.0, reduction="mean"))
    classes = functional.one_hot(torch.randint(0, 4, (6,), generator=random), 4).float()
    flat = loss("multi-class", classes, kind="focal", gamma=0.0)(logits, classes)
    torch.testing.assert_close(flat, functional.cross_entropy(logits, classes))
    p = logits.softmax(1)[classes.bool()]
    focal = loss("multi-class", classes, kind="focal")(logits, classes)
    torch.testing.assert_close(focal, (-((1 - p) ** 2) * p.log()).mean())


def test_that_an_uncertain_label_is_a_class_of_its_own_by_torchs_loss():
    """Irvin et al. 2019: three outputs a finding; a blank is left out; the finding is judged by the first two."""
    labels = torch.tensor([[1.0, -1.0], [0.0, NAN], [-1.0, 0.0], [1.0, 1.0]])
    outputs = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    found = loss_of("multi-label", recipe(loss=LossSpec(smoothing=0.1)), labels.numpy(), three_classes=True)
    classes = torch.tensor([1, 2, 0, 2, 0, 1, 1])  # absent 0, present 1, uncertain 2, row by row
    stated = outputs.view(8, 3)[[0, 1, 2, 4, 5, 6, 7]]
    expected = functional.cross_entropy(stated, classes, label_smoothing=0.1)
    torch.testing.assert_close(found(outputs, found.targets(labels)), expected)
    halves = [found.total(outputs[rows], found.targets(labels[rows])) for rows in (slice(0, 2), slice(2, 4))]
    torch.testing.assert_close(sum(halves) / found.count(found.targets(labels)), expected)
    probability = torch.sigmoid(found.finding_logits(outputs))
    torch.testing.assert_close(probability, outputs.view(4, 2, 3)[..., :2].softmax(dim=2)[..., 1])


def test_that_rare_classes_of_a_finding_count_more_under_u_multiclass():
    labels = np.array([[1, 0], [0, 0], [0, 0], [-1, 1], [NAN, NAN]], dtype=np.float32)
    weights = uncertain_weights(labels)
    np.testing.assert_allclose(weights, [[2 / 3, 4 / 3, 4 / 3], [2 / 3, 2, 2]], rtol=1e-6)
    found = loss_of("multi-label", recipe(loss=LossSpec(weights="balanced")), labels, three_classes=True)
    outputs = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
    each, counted = torch.zeros(()), torch.zeros(())
    for finding, truth in enumerate(([1, 0, 0, 2], [0, 0, 0, 1])):
        of_finding, answers = torch.from_numpy(weights[finding]), torch.tensor(truth)
        ours = outputs.view(5, 2, 3)[:4, finding]
        each = each + functional.cross_entropy(ours, answers, of_finding, reduction="sum")
        counted = counted + of_finding[answers].sum()
    torch.testing.assert_close(found(outputs, found.targets(torch.from_numpy(labels))), each / counted)


@pytest.mark.parametrize("head", [Head(), Head("non-linear"), Head("conv-skip", {"filters": 2.0})])
def test_that_the_logit_of_a_checkpoint_is_present_less_absent(head):
    network = backbones.create("test_resnet", 6, head=head).eval()
    inputs = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    single = backbones.create("test_resnet", 2, head=head).eval()
    single.load_state_dict(one_logit_each(network, network.state_dict()))
    with torch.inference_mode():
        three = network(inputs).view(3, 2, 3)
        torch.testing.assert_close(single(inputs), three[..., 1] - three[..., 0], rtol=1e-4, atol=1e-5)
    check_differences(network, inputs)
    network.forward = lambda images: type(network).forward(network, images).relu()
    with pytest.raises(ValueError, match="outputs of a linear layer"):
        check_differences(network, inputs)


def test_that_a_network_with_more_behind_its_classifier_is_refused_u_multiclass():
    with pytest.raises(ValueError, match="ReLU"):
        backbones.output_layers(backbones.create("torchvision/squeezenet1_1", 6))


def test_that_uncertain_labels_are_drawn_as_often_as_others_by_the_balanced_sampler():
    weights = row_weights(np.array([[1], [0], [0], [-1], [-1], [-1]], dtype=np.float32), "multi-label")
    np.testing.assert_allclose(weights, [1, 1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("task", ["multi-label", "multi-class"])
@pytest.mark.parametrize("fields", [{}, {"kind": "focal"}, {"weights": "balanced", "smoothing": 0.1}])
def test_that_the_loss_of_mixed_labels_is_the_mean_of_two_losses_and_parts_add_up(task, fields):
    random = torch.Generator().manual_seed(2)
    logits = torch.randn(6, 3, generator=random)
    ones, others = (functional.one_hot(torch.randint(0, 3, (6,), generator=random), 3).float() for _ in range(2))
    if task == "multi-label":
        ones[0, 0], others[1, 1] = NAN, NAN
    mean = loss(task, ones, **fields)
    mixed = ones * 0.3 + others * 0.7
    # where a label of either is not stated, the mixed one is not
    stated = torch.where(torch.isnan(mixed), NAN, ones), torch.where(torch.isnan(mixed), NAN, others)
    expected = 0.3 * mean.total(logits, stated[0]) + 0.7 * mean.total(logits, stated[1])
    torch.testing.assert_close(mean.total(logits, mixed), expected)
    parts = sum(mean.total(logits[part], mixed[part]) for part in (slice(0, 2), slice(2, 6))) / mean.count(mixed)
    torch.testing.assert_close(parts, mean(logits, mixed))


def test_that_classes_that_do_not_exclude_each_other_are_refused():
    labels = np.array([[1, 0], [NAN, NAN], [0, 1]], dtype=np.float32)
    check_classes(labels, ["a", "b"], "cohort")
    with pytest.raises(UnusableTable, match="1 of its images do not have exactly one of a, b; the first has 2"):
        check_classes(np.vstack([labels, [[1, 1]]]).astype(np.float32), ["a", "b"], "cohort")


# Optimisers and their groups


@pytest.mark.parametrize("kind", ["Adam", "AdamW", "RAdam", "SGD", "LARS"])
@pytest.mark.parametrize("nesterov", [False, True])
def test_that_an_optimiser_steps_as_the_librarys_own(kind, nesterov):
    if nesterov and kind not in ("SGD", "LARS"):
        with pytest.raises(ValueError, match="nesterov"):
            OptimiserSpec(kind, nesterov=True)
        return
    told = recipe(optimiser=OptimiserSpec(kind, nesterov=nesterov, decays="all"), weight_decay=0.05)
    ours, theirs = (torch.nn.Linear(3, 2) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    names = {"SGD": "sgd" if nesterov else "momentum", "LARS": "nlars" if nesterov else "lars"}
    other = create_optimizer_v2(
        list(theirs.parameters()), names.get(kind, kind.lower()), lr=0.1, weight_decay=0.05, momentum=0.9
    )
    mine = make_optimiser(ours, told)
    random = torch.Generator().manual_seed(0)
    for _ in range(4):
        inputs = torch.randn(5, 3, generator=random)
        for network, optimiser in ((ours, mine), (theirs, other)):
            optimiser.zero_grad()
            network(inputs).square().mean().backward()
            optimiser.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


@pytest.mark.parametrize("architecture", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "resnet18"])
def test_that_weight_decay_spares_what_timm_spares_unless_it_is_for_all(architecture):
    with torch.device("meta"):
        network = backbones.create(architecture, 2)
    names = {id(parameter): name for name, parameter in network.named_parameters()}

    def spared(groups: list[dict]) -> set[str]:
        return {names[id(p)] for group in groups if not group["weight_decay"] for p in group["params"]}

    ours = parameter_groups(network, recipe(weight_decay=0.05))
    exempt = network.no_weight_decay() if hasattr(network, "no_weight_decay") else ()
    theirs = param_groups_weight_decay(network, 0.05, no_weight_decay_list=exempt)
    assert spared(ours) == spared(theirs)
    if architecture == "vit_tiny_patch16_224":
        assert {"pos_embed", "cls_token", "head.bias", "norm.weight"} <= spared(ours)
    if architecture == "swin_tiny_patch4_window7_224":
        assert "layers.0.blocks.0.attn.relative_position_bias_table" in spared(ours)
    (group,) = parameter_groups(network, recipe(weight_decay=0.05, optimiser=OptimiserSpec("SGD", decays="all")))
    assert len(group["params"]) == len(names)


def test_that_the_rates_fall_from_layer_to_layer_as_in_simmim():
    """γ 0.65 of a ViT of 12 blocks: embeddings 0, block i + 1, head 13."""
    with torch.device("meta"):
        network = backbones.create("vit_tiny_patch16_224", 2)
    shares = layer_shares(network, LayerSpec(decay=0.65))
    assert shares["head.weight"] == shares["norm.weight"] == 1
    assert shares["blocks.11.attn.qkv.weight"] == 0.65
    assert shares["blocks.0.norm1.bias"] == pytest.approx(0.65**12)
    assert shares["pos_embed"] == shares["cls_token"] == shares["patch_embed.proj.weight"] == pytest.approx(0.65**13)
    found = parameter_groups(network, recipe(layers=LayerSpec(decay=0.65)))
    assert len(found) == 2 * 14
    optimiser = make_optimiser(network, recipe(layers=LayerSpec(decay=0.65)))
    set_rate(optimiser, 0.5)
    assert {group["lr"] for group in optimiser.param_groups} == {0.5 * group["share"] for group in found}


def test_that_the_layers_of_a_swin_are_its_blocks_and_a_merging_belongs_to_the_stage_before():
    with torch.device("meta"):
        network = backbones.create("swin_tiny_patch4_window7_224", 2)
    numbers = layer_numbers(network)
    assert numbers["patch_embed.proj.weight"] == 0
    assert numbers["layers.0.blocks.1.mlp.fc1.weight"] == numbers["layers.1.downsample.reduction.weight"] == 2
    assert numbers["layers.2.blocks.0.norm1.weight"] == 5
    assert numbers["layers.3.downsample.norm.weight"] == 10
    assert numbers["norm.weight"] == numbers["head.fc.weight"] == 13


def test_that_other_networks_decay_by_layer_group_and_shares_go_from_the_head_down():
    with torch.device("meta"):
        network = backbones.create("resnet18", 2)
        convnext = backbones.create("test_convnext", 2)
    numbers = layer_numbers(network)
    assert (numbers["conv1.weight"], numbers["layer4.0.conv1.weight"], numbers["fc.bias"]) == (0, 4, 5)
    numbers = layer_numbers(convnext)
    assert numbers["head.norm.weight"] == numbers["head.fc.weight"] == max(numbers.values())
    shares = layer_shares(network, LayerSpec(shares=(1.0, 0.5, 0.1)))
    assert [shares[name] for name in ("fc.weight", "layer4.0.conv1.weight", "layer3.0.conv1.weight")] == [1, 0.5, 0.1]
    assert shares["layer1.0.conv1.weight"] == shares["conv1.weight"] == 0.1


def test_that_groups_join_the_head_one_by_one_but_no_further_than_the_setting():
    network = backbones.create("resnet18", 2)
    backbones.freeze(network, 2)
    learning = frozenset(name for name, parameter in network.named_parameters() if parameter.requires_grad)
    layers = LayerSpec(unfreeze_every=2)
    seen = []
    for epoch in range(6):
        waiting = unfreeze(network, layers, learning, epoch)
        learns = {name.split(".")[0] for name, parameter in network.named_parameters() if parameter.requires_grad}
        seen.append((waiting, learns))
    assert seen[0] == seen[1] == (["stage 3", "stage 4"], {"fc"})
    assert seen[2] == seen[3] == (["stage 3"], {"fc", "layer4"})
    assert seen[4] == seen[5] == ([], {"fc", "layer4", "layer3"})


def test_that_what_waits_keeps_its_weights_weight_decay_included():
    network = backbones.create("resnet18", 2)
    told = recipe(layers=LayerSpec(unfreeze_every=1), weight_decay=0.5)
    learning = frozenset(name for name, _ in network.named_parameters())
    optimiser = make_optimiser(network, told)
    unfreeze(network, told.layers, learning, 0)
    before = {name: values.clone() for name, values in network.named_parameters()}
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    optimiser.step()
    moved = {name for name, values in network.named_parameters() if not torch.equal(values, before[name])}
    assert moved == {"fc.weight", "fc.bias"}


def test_that_timms_own_cosine_has_the_same_rates_at_any_epoch():
    told = recipe(
        epochs=30,
        learning_rate=2.5e-6,
        minimum_learning_rate=5e-7,
        warmup_epochs=5.0,
        schedule=ScheduleSpec("timm cosine", warmup_from=1e-6),
    )
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.5e-6)
    theirs = CosineLRScheduler(optimiser, 30, 5e-7, warmup_t=5, warmup_lr_init=1e-6)
    for epoch in (0, 1, 4, 4.9, 5, 6, 0.15, 17.25, 29, 29.99, 30, 31):
        theirs.step(epoch)
        assert timm_cosine(told, epoch) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-12)


@given(st.lists(st.floats(0.01, 2.0), min_size=1, max_size=60), st.integers(0, 4), st.sampled_from([0.0, 0.02]))
def test_that_a_plateau_is_torchs(losses, patience, minimum):
    spec = ScheduleSpec("plateau", factor=0.5, patience=patience, threshold=1e-3)
    ours = make_schedule(recipe(schedule=spec, minimum_learning_rate=minimum), 1, 8)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=patience, threshold=1e-3, min_lr=minimum
    )
    for value in losses:
        ours.epoch_ended(value)
        theirs.step(value)
        assert ours.rate(0) == optimiser.param_groups[0]["lr"]


# Mixing


def test_that_mixup_has_one_share_for_the_batch_and_mixes_labels_as_images():
    images, told = torch.randn(6, 1, 4, 4), MixingSpec(mixup=0.4)
    mixed, linear = mix(images, torch.eye(6), told, torch.Generator().manual_seed(12))
    again, _ = mix(images, torch.eye(6), told, torch.Generator().manual_seed(12))
    assert torch.equal(mixed, again)
    partners = (linear - torch.diag(linear.diag())).argmax(1)
    (share,) = {round(float(linear[row, row]), 5) for row in range(6) if linear[row, partners[row]] > 0}
    assert 0 < share < 1
    assert len(set(partners.tolist())) == 6  # a permutation, here one without fixed points
    torch.testing.assert_close(mixed, share * images + (1 - share) * images[partners], rtol=1e-4, atol=1e-4)


def test_that_cutmix_takes_a_rectangle_and_labels_by_the_area_that_stays():
    rows = torch.arange(8.0).reshape(8, 1, 1, 1)
    images, labels = rows.expand(8, 3, 16, 12).clone(), torch.eye(8)
    for seed in range(20):
        mixed, linear = mix(images, labels, MixingSpec(cutmix=1.0), torch.Generator().manual_seed(seed))
        foreign = mixed != images
        changed = foreign.any(dim=(1, 2, 3))
        for row in changed.nonzero().flatten().tolist():
            where = foreign[row, 0]
            box = where[where.any(1)][:, where.any(0)]
            assert box.all()  # one rectangle, in all channels
            assert torch.equal(foreign[row, 0], foreign[row, 2])
            assert linear[row, row] == pytest.approx(1 - float(where.float().mean()), abs=1e-6)
        assert torch.allclose(linear.sum(1), torch.ones(8))


def test_that_with_both_each_batch_has_either_and_an_unstated_label_stays_so():
    images, labels = torch.zeros(4, 1, 8, 8), torch.tensor([[1.0], [NAN], [0.0], [1.0]])
    images += torch.tensor([0.0, 1.0, 2.0, 4.0]).reshape(4, 1, 1, 1)
    random = torch.Generator().manual_seed(0)
    by_cutmix = 0
    for _ in range(200):
        mixed, linear = mix(images, labels, MixingSpec(mixup=1.0, cutmix=1.0), random)
        by_cutmix += bool((mixed.amin(dim=(1, 2, 3)) < mixed.amax(dim=(1, 2, 3))).any())
        assert torch.isnan(linear[1]).all()
    assert 70 < by_cutmix < 130  # mixup leaves every image of one grey


def test_that_shares_are_drawn_from_the_beta_distribution_that_is_named():
    labels = torch.tensor([[0.0], [1.0]])
    random = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(400):
        _, linear = mix(torch.zeros(2, 1, 2, 2), labels, MixingSpec(mixup=0.1), random)
        if linear[0, 0] > 0:  # else each was its own partner
            shares.append(float(linear[1, 0]))
    shares = np.array(shares)
    assert np.mean((shares < 0.1) | (shares > 0.9)) > 0.75  # α 0.1: nearly always one of the two
    assert abs(shares.mean() - 0.5) < 0.1


def test_that_bit_mixes_from_twenty_thousand_images_on():
    told = MixingSpec(mixup=0.1, least_examples=20_000)
    assert not mixes(told, 19_999)
    assert mixes(told, 20_000)
    assert not mixes(MixingSpec(), 10**6)


# Averaging, sampling, selection, the head


def test_that_an_average_follows_the_weights_and_copies_counters():
    network = backbones.create("test_resnet", 2)
    average = WeightAverage(network, AveragingSpec(0.9), 10)
    expected = {name: values.clone() for name, values in network.state_dict().items()}
    for step in range(3):
        with torch.no_grad():
            for values in network.state_dict().values():
                values.add_(1)
        average.follow(network, step)
        for name, values in network.state_dict().items():
            expected[name] = 0.9 * expected[name] + 0.1 * values if values.is_floating_point() else values.clone()
    again = WeightAverage(network, AveragingSpec(0.9), 10)
    again.load_state_dict(average.state_dict())
    for name, values in again.network.state_dict().items():
        torch.testing.assert_close(values, expected[name])
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


def test_that_an_average_whose_decay_grows_ends_by_following_no_more():
    network = torch.nn.Linear(1, 1, bias=False)
    average = WeightAverage(network, AveragingSpec(0.5, 1.0), 4)
    decays = [0.5 + 0.5 * (1 - math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    value = network.weight.item()
    for step, decay in enumerate(decays):
        with torch.no_grad():
            network.weight += 1
        average.follow(network, step)
        value = decay * value + (1 - decay) * network.weight.item()
    assert average.network.weight.item() == pytest.approx(value, abs=1e-6)


def test_that_a_balanced_epoch_shows_rare_classes_as_often_as_common_ones():
    labels = np.array([[1, 0]] * 90 + [[0, 1]] * 10, dtype=np.float32)
    three = row_weights(np.eye(3, dtype=np.float32)[[0] * 6 + [1] * 3 + [2]], "multi-class")
    assert three[:6].sum() == pytest.approx(three[6:9].sum()) == pytest.approx(three[9])
    rows = np.arange(100)
    told = recipe(sampler="balanced")
    drawn = np.concatenate(
        [epoch_order(told, "multi-class", rows, labels, torch.Generator().manual_seed(seed)) for seed in range(30)]
    )
    assert np.mean(drawn >= 90) == pytest.approx(0.5, abs=0.05)
    assert len(drawn) == 3000


def test_that_a_balanced_epoch_leaves_out_what_teaches_nothing_and_favours_rare_findings():
    labels = np.array([[0, 0]] * 8 + [[1, 0], [NAN, NAN]], dtype=np.float32)
    weights = row_weights(labels, "multi-label")
    assert weights[9] == 0
    assert weights[8] == pytest.approx((1 + 1 / 9) / 2)
    assert weights[0] == pytest.approx((1 / 8 + 1 / 9) / 2)
    assert row_weights(np.full((3, 2), NAN, dtype=np.float32), "multi-label").tolist() == [1, 1, 1]


def test_that_a_set_smaller_than_the_batch_is_drawn_with_replacement_where_the_rule_says_so():
    rows, labels = np.arange(10, 15), np.zeros((20, 1), dtype=np.float32)
    filled = epoch_order(recipe(sampler="filled"), "multi-label", rows, labels, torch.Generator().manual_seed(0))
    assert len(filled) == 8
    assert set(filled) <= set(rows)
    shuffled = epoch_order(recipe(), "multi-label", rows, labels, torch.Generator().manual_seed(0))
    assert sorted(shuffled) == rows.tolist() != shuffled.tolist()
    assert batch_starts(recipe(sampler="filled"), 5) == [0]
    assert batch_starts(recipe(), 17) == [0, 8]
    assert batch_starts(recipe(), 18) == [0, 8, 16]


def test_that_an_epoch_must_be_strictly_better_and_patience_is_counted_as_published():
    """BenchmarkTransformers stops when its counter is above 10, not at 10."""
    told = Selection(recipe(selection="validation loss", patience=10))
    assert told.epoch_ended(NAN, 1.0)
    assert not told.epoch_ended(NAN, 1.0)
    for _ in range(9):
        told.epoch_ended(NAN, 1.1)
    assert told.epochs_without == 10
    assert not told.stops
    again = Selection(recipe(selection="validation loss", patience=10))
    again.load_state_dict(told.state_dict())
    again.epoch_ended(NAN, 1.0)
    assert again.stops
    assert again.epoch_ended(NAN, 0.9)
    assert not again.stops


def test_that_the_larger_area_or_the_last_epoch_is_kept_and_the_newest_while_none_is_defined():
    told = Selection(recipe())
    assert [told.epoch_ended(area, 0.0) for area in (NAN, NAN, 0.6, 0.8, 0.8, NAN, 0.9)] == [
        True, True, True, True, False, False, True,
    ]  # fmt: skip
    last = Selection(recipe(selection="last"))
    assert [last.epoch_ended(area, 0.0) for area in (0.9, 0.1)] == [True, True]
    assert not told.stops


@pytest.mark.parametrize("architecture", ["resnet18", "resnetv2_50x1_bit"])
def test_that_a_head_begins_with_zeros_or_small_numbers(architecture):
    network = backbones.create(architecture, 64)
    head = network.get_submodule(backbones.classifier_name(network))
    start_head(network, recipe(head_start="normal"))
    assert float(head.weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert not head.bias.any()
    start_head(network, recipe(head_start="zero"))
    assert not head.weight.any()
    before = head.weight.clone()
    start_head(network, recipe())
    assert torch.equal(before, head.weight)


# The numbers of an epoch


@pytest.mark.parametrize(
    ("cases", "of_majority", "accuracy"), [(117, 86, 0.7350), (78, 57, 0.7308), (153, 85, 0.5556), (103, 58, 0.5631)]
)
def test_that_who_says_the_same_of_every_image_has_the_published_accuracies(cases, of_majority, accuracy):
    """Breast validation and test, ACL validation and test; F1 is 0 where all are called negative."""
    labels = np.array([[1, 0]] * of_majority + [[0, 1]] * (cases - of_majority), dtype=np.float32)
    logits = np.tile(np.array([[0.7, -0.2]], dtype=np.float32), (cases, 1))
    negative = epoch_metrics("multi-class", recipe(), logits, labels, None)
    assert negative.majority
    assert round(negative.accuracy, 4) == accuracy
    assert negative.mean_f1 == 0
    other = epoch_metrics("multi-class", recipe(), -logits, labels, None)
    assert round(other.accuracy, 4) == round(1 - of_majority / cases, 4)
    logits[0] = logits[0, ::-1]
    assert not epoch_metrics("multi-class", recipe(), logits, labels, None).majority


def test_that_areas_f1_and_accuracy_are_scikit_learns():
    from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 60)
    logits, labels = random.normal(size=(60, 3)).astype(np.float32), np.eye(3, dtype=np.float32)[truth]
    logits += labels
    found = epoch_metrics("multi-class", recipe(), logits, labels, None)
    p = torch.from_numpy(logits).double().softmax(1).numpy()
    assert [area.auc for area in found.areas] == pytest.approx([roc_auc_score(truth == k, p[:, k]) for k in range(3)])
    assert found.accuracy == accuracy_score(truth, logits.argmax(1))
    assert found.mean_f1 == pytest.approx(f1_score(truth, logits.argmax(1), average="macro"))
    findings = (random.random((60, 2)) < 0.4).astype(np.float32)
    findings[3, 1] = NAN
    found = epoch_metrics("multi-label", recipe(), logits[:, :2], findings, None)
    stated = ~np.isnan(findings)
    assert found.accuracy == pytest.approx(np.mean((logits[:, :2] > 0)[stated] == findings[stated]))
    assert found.f1[0] == pytest.approx(f1_score(findings[:, 0], logits[:, 0] > 0))
    assert found.as_event(["a", "b"])["findings"]["b"]["lower"] < found.areas[1].auc


@pytest.mark.parametrize(("how", "patient"), [("max", 0.9), ("mean", 0.5), ("noisy-or", 0.91)])
def test_that_images_of_a_patient_are_one_case_where_the_recipe_counts_patients(how, patient):
    """Patient a has 0.9 and 0.1, b has 0.7 and 0.6; only a has the finding, in one image."""
    logits = np.log(np.array([[9.0], [1 / 9], [7 / 3], [1.5]])).astype(np.float32)
    labels = np.array([[1.0], [0.0], [0.0], [0.0]], dtype=np.float32)
    told = recipe(unit="patient", aggregation=how)
    found = epoch_metrics("multi-label", told, logits, labels, ["a", "a", "b", "b"])
    other = {"max": 0.7, "mean": 0.65, "noisy-or": 0.88}[how]
    assert found.areas[0].n_positive == found.areas[0].n_negative == 1
    assert found.areas[0].auc == (1.0 if patient > other else 0.0)
    assert found.accuracy == ((patient > 0.5) + (other <= 0.5)) / 2


def test_that_the_monitor_remembers_over_batches_and_looks_at_every_finding():
    monitor = SameAnswers("multi-label", 2)
    monitor.add(torch.tensor([[1.0, -1.0], [2.0, -2.0]]))
    again = SameAnswers("multi-label", 2)
    again.load_state_dict(monitor.state_dict())
    again.add(torch.tensor([[1.0, 1.0]]))
    assert not again.all_same()
    assert monitor.all_same()
    again.add(torch.tensor([[1.0, 1.0]]))  # a new epoch
    assert again.all_same()
