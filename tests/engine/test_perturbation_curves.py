"""Deletion, insertion and random weights with real networks."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from xferviewer.engine.inference import load
from xferviewer.engine.perturbation_curves import CURVES, PerturbationChoices, perturbation_curves
from xferviewer.engine.randomisation import CLASSIFIER, groups_from_the_top, randomise, randomised_maps
from xferviewer.engine.saliency import explain
from xferviewer.evaluation.map_geometry import WHOLE, on_film
from xferviewer.evaluation.perturbation import curve_area, ground_of, order_of, perturbed

CPU = torch.device("cpu")
REFERENCE = Path(__file__).parents[2].parent / "shared" / "reference"


def steps(image, ground, values, step):
    return list(perturbed(image, ground, order_of(values), step))


def test_that_resampling_to_another_size_equals_torchs_bilinear_interpolation():
    values = np.random.default_rng(3).random((7, 9), dtype=np.float32)
    wanted = functional.interpolate(
        torch.from_numpy(values)[None, None], size=(50, 31), mode="bilinear", align_corners=False
    )[0, 0].numpy()
    np.testing.assert_allclose(on_film(values, WHOLE, 50, 31), wanted, atol=1e-6)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference values are not on this computer")
def test_that_curves_and_areas_are_those_of_the_reference():
    """`cam.json`: a tiny network whose parameters are formulas, 8 pixels a step."""
    reference = json.loads((REFERENCE / "cam.json").read_text())
    expected, shift = reference["deletion_insertion"], reference["shift"]
    weights = {
        name: torch.tensor(
            0.5 * np.sin(1.3 * np.arange(np.prod(entry["shape"])) + shift + place), dtype=torch.float32
        ).reshape(entry["shape"])
        for place, (name, entry) in enumerate(reference["parameters"].items())
    }

    def probability(image: np.ndarray) -> float:
        hidden = functional.conv2d(torch.from_numpy(image)[None], weights["conv1.weight"], weights["conv1.bias"], 1, 1)
        hidden = functional.conv2d(hidden.relu(), weights["conv2.weight"], weights["conv2.bias"], 2, 1)
        logits = functional.linear(hidden.relu().mean((2, 3)), weights["fc.weight"], weights["fc.bias"])
        return float(torch.softmax(logits, 1)[0, 1])

    rows, columns = np.mgrid[0:8, 0:8]
    image = (np.sin(0.7 * rows + shift) * np.cos(0.5 * columns) + 0.1 * rows).astype(np.float32)[None]
    values = np.array(reference["maps"]["GradCAM/relu2/class1"], dtype=np.float32)

    deletion = [probability(one) for one in steps(image, ground_of(image, "zero"), values, expected["step"])]
    insertion = [probability(one) for one in steps(ground_of(image, "mean"), image, values, expected["step"])]

    np.testing.assert_allclose(deletion, expected["deletion"], atol=1e-6)
    np.testing.assert_allclose(insertion, expected["insertion"], atol=1e-6)
    assert curve_area(np.array(deletion)) == pytest.approx(expected["deletion_auc"], abs=1e-6)
    assert curve_area(np.array(insertion)) == pytest.approx(expected["insertion_auc"], abs=1e-6)


COARSE = PerturbationChoices(step=512)


def curves_of(loaded, tensor, choices=COARSE, finding="Edema", identity="sha256:0"):
    *progress, (done, total, curves) = perturbation_curves(loaded, tensor, finding, identity, choices)
    assert [at for at, _, _ in progress] == sorted(at for at, _, _ in progress)
    assert done == total
    return curves


def test_that_curves_begin_and_end_where_whole_and_empty_inputs_lie(make_checkpoint):
    loaded = load(make_checkpoint("resnet18"), CPU)
    tensor = torch.randn(3, 64, 64)
    curves = curves_of(loaded, tensor)
    place = loaded.checkpoint.findings.index("Edema")
    whole = 1 / (1 + math.exp(-loaded.logits(tensor[None])[0, place]))
    empty = 1 / (1 + math.exp(-loaded.logits(torch.zeros(1, 3, 64, 64))[0, place]))
    for name in CURVES:
        scores = curves.scores[name]
        assert scores.shape == (64 * 64 // 512 + 1,)
        assert scores[0 if name.startswith("deletion") else -1] == pytest.approx(whole)
    assert curves.scores["deletion"][-1] == curves.scores["deletion_random"][-1] == pytest.approx(empty)


def test_that_a_network_that_reads_one_corner_loses_it_first(make_checkpoint):
    """Where the map is right, deletion by the map falls below deletion by lot, and insertion rises above it."""
    loaded = load(make_checkpoint("resnet18", findings=("only",)), CPU)

    class Corner(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, image):
            return self.network(image) * 0 + image[:, :, :16, :16].mean((1, 2, 3))[:, None] * 8 - 4

    tensor = torch.ones(3, 64, 64)
    corner = np.zeros((64, 64), np.float32)
    corner[:16, :16] = 1
    network = Corner(loaded.network)
    image = tensor.numpy()

    def area(first, then, values):
        inputs = torch.from_numpy(np.stack(steps(first, then, values, 64)))
        with torch.no_grad():
            return curve_area(torch.sigmoid(network(inputs))[:, 0].double().numpy())

    random = np.random.default_rng(0).random((64, 64), dtype=np.float32)
    blank = np.zeros_like(image)
    assert area(image, blank, corner) < area(image, blank, random) - 0.2
    assert area(blank, image, corner) > area(blank, image, random) + 0.2


def test_that_the_same_seed_gives_the_same_bits_and_another_one_another_random_map(make_checkpoint):
    loaded = load(make_checkpoint("resnet18"), CPU)
    tensor = torch.randn(3, 64, 64)
    first, again = curves_of(loaded, tensor), curves_of(loaded, tensor)
    other = curves_of(loaded, tensor, choices=PerturbationChoices(step=512, seed=1))
    for name in CURVES:
        assert np.array_equal(first.scores[name], again.scores[name])
    assert np.array_equal(first.scores["deletion"], other.scores["deletion"])
    assert not np.array_equal(first.scores["deletion_random"], other.scores["deletion_random"])


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("resnet18", {}), ("tf_efficientnet_lite0", {}), ("vit_tiny_patch16_224", {"img_size": 64})],
)
def test_that_randomisation_goes_from_the_classifier_to_the_stem_and_forgets_no_weight(
    make_checkpoint, architecture, options
):
    loaded = load(make_checkpoint(architecture, **options), CPU)
    groups = groups_from_the_top(loaded.network)
    assert groups[0].name == CLASSIFIER
    names = [name for name, _ in loaded.network.named_parameters()]
    claimed = [[group.name for group in groups if name.startswith(group.prefixes)] for name in names]
    assert all(len(owners) == 1 for owners in claimed)
    before = {name: parameter.clone() for name, parameter in loaded.network.named_parameters()}
    generator = torch.Generator().manual_seed(0)
    randomise(loaded.network, groups[0].prefixes, generator)
    changed = {
        name for name, parameter in loaded.network.named_parameters() if not torch.equal(parameter, before[name])
    }
    assert changed
    assert all(name.startswith(groups[0].prefixes) for name in changed)
    assert all(torch.isfinite(parameter).all() for parameter in loaded.network.parameters())


@pytest.mark.parametrize(("architecture", "options"), [("resnet18", {}), ("vit_tiny_patch16_224", {"img_size": 64})])
def test_that_maps_change_as_weights_become_random_and_the_checkpoint_stays(make_checkpoint, architecture, options):
    loaded = load(make_checkpoint(architecture, **options), CPU)
    tensor = torch.randn(3, 64, 64)
    before = explain(loaded, tensor, ["Edema"]).maps
    random_state = torch.get_rng_state()

    results = [result for _, _, result in randomised_maps(loaded, tensor, "Edema", seed=5)]

    assert torch.equal(torch.get_rng_state(), random_state)
    assert [result.group for result in results] == [group.name for group in groups_from_the_top(loaded.network)]
    defined = [result.rank_correlation for result in results if not math.isnan(result.rank_correlation)]
    assert defined
    assert min(defined) < 0.5
    assert all(result.similarity < 0.99 for result in results if not math.isnan(result.similarity))
    assert np.array_equal(explain(loaded, tensor, ["Edema"]).maps, before)
    again = [result for _, _, result in randomised_maps(loaded, tensor, "Edema", seed=5)]
    assert str(again) == str(results)
