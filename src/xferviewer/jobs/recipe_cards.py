"""Published recipes by name (docs/recipes.md shows them as a table)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xferviewer.checkpoints.fields import FieldError, from_mapping, to_mapping
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.recipe_card import RecipeCard, completed, departures

if TYPE_CHECKING:
    from xferviewer.jobs.spec import TrainingSpec

_P1 = "The BUSI and MRNet study (danielfrees/RadImageNet)"
_P2 = "Krones, on domain-specific pre-training (felixkrones/BenchmarkTransferLearning_f)"
_CONSTANT = "the scheduler was told the validation loss as its epoch, so that the learning rate stays where it starts"
_ADAM = {"kind": "Adam", "decays": "all"}
_PUBLISHED_LAYERS = {"counting": "as published"}
_PLAIN_SGD = {"kind": "SGD", "momentum": 0.9, "nesterov": False, "decays": "all"}


def _by_loss(warmup_from: float) -> dict[str, Any]:
    """The published error of the schedules; another kind takes nothing over from the schedule that was meant."""
    return {"recipe": {"schedule": {"kind": "timm cosine by validation loss", "warmup_from": warmup_from}}}


def _sized(preset: str, side: int) -> dict[str, Any]:
    return to_mapping(PRESETS[preset].at((side, side)))


def _recipe(epochs: int, batch_size: int, learning_rate: float, **fields: Any) -> dict[str, Any]:
    return {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "warmup_epochs": 0.0, **fields}


_P0 = RecipeCard(
    name="P0",
    source="Borah et al., ten networks in five settings",
    content={
        "task": "multi-class",
        "network": {"head": {"kind": "linear"}, "preprocessing": _sized("imagenet-squash", 224)},
        "recipe": _recipe(
            300,
            32,
            1e-4,
            weight_decay=0.0,
            optimiser=_ADAM,
            schedule={"kind": "epoch cosine"},
            selection="validation AUC",
            augmentation={"card": "P0"},
        ),
    },
    gaps={
        "recipe.learning_rate": "not stated; 0.0001",
        "recipe.weight_decay": "not stated; none",
        "recipe.schedule": "only that the learning rate decays; a cosine to 0",
        "recipe.batch_size": "not stated; 32",
        "network.preprocessing.size": "not stated; 224, and 299 is to be named for Inception and Xception",
    },
)

_P1_GRID = RecipeCard(
    name="P1 grid",
    source=_P1,
    content={
        "task": "multi-class",
        "network": {"setting": "S1", "preprocessing": _sized("caffe+std", 256)},
        "recipe": _recipe(
            5, 64, 1e-4, weight_decay=1e-5, optimiser=_ADAM, selection="validation AUC", augmentation={"card": "P1"}
        ),
    },
    variants={
        "cosine": {"recipe": {"schedule": {"kind": "epoch cosine"}, "minimum_learning_rate": 2e-5}},
        "beta": {"recipe": {"schedule": {"kind": "beta", "factor": 0.5}}},
    },
    published={"network": _PUBLISHED_LAYERS, "recipe": {"layers": {"frozen_norm": "train"}}},
    quirks=(
        "batch normalisation of frozen layers goes on taking in the statistics of each batch",
        "layer groups are the children of torchvision's network",
        'convolutional heads ignore kernel, dropout and ratio: the kinds "conv as published", "conv-skip as published"',
    ),
    seeds="1",
)

_P1_BEST = RecipeCard(
    name="P1 best",
    source=_P1,
    content={
        "task": "multi-class",
        "network": {
            "architecture": "resnet50",
            "setting": "S2",
            "top_groups": 4,
            "preprocessing": _sized("caffe+std", 256),
        },
        "recipe": _recipe(
            30,
            64,
            5e-4,
            optimiser={"kind": "SGD", "momentum": 0.9, "nesterov": True, "decays": "all"},
            schedule={"kind": "epoch cosine"},
            selection="validation AUC",
            augmentation={"card": "P1"},
        ),
    },
    variants={
        "breast": {
            "recipe": {"learning_rate": 5e-4, "minimum_learning_rate": 1e-4, "weight_decay": 0.1},
            "network": {"head": {"kind": "conv-skip", "parameters": {"filters": 16, "ratio": 1.0, "kernel_size": 2}}},
        },
        "ACL": {
            "recipe": {"learning_rate": 1e-3, "minimum_learning_rate": 2e-4, "weight_decay": 0.4},
            "network": {"head": {"kind": "conv-skip", "parameters": {"filters": 16, "ratio": 0.5, "kernel_size": 4}}},
        },
    },
    published={
        "network": {
            **_PUBLISHED_LAYERS,
            "top_groups": 5,
            "head": {"kind": "conv-skip as published", "parameters": {"filters": 16}},
        },
        "recipe": {"layers": {"frozen_norm": "train"}},
    },
    quirks=(
        "its top 5 of 9 children are the pooling and the four stages of a ResNet50: the same layers as 4 groups here",
        "the head was built with a kernel of 2, a dropout of 0.5 and a ratio of 0.5 whatever the name of the run says",
        "batch normalisation of frozen layers goes on taking in the statistics of each batch",
    ),
    seeds="1",
)

_BENCHMARK = RecipeCard(
    name="BenchmarkTransformers",
    source="Ma et al. 2022 (jlianglab/BenchmarkTransformers)",
    content={
        "task": "multi-label",
        "network": {
            "setting": "S3",
            "head": {"kind": "linear"},
            "preprocessing": _sized("imagenet-256", 224),
        },
        "recipe": _recipe(
            200,
            64,
            0.01,
            minimum_learning_rate=1e-5,
            warmup_epochs=20.0,
            weight_decay=0.0,
            optimiser=_PLAIN_SGD,
            schedule={"kind": "timm cosine", "warmup_from": 1e-6},
            selection="validation loss",
            patience=10,
            augmentation={"card": "BenchmarkTransformers"},
        ),
    },
    variants={
        "other weights": {},
        "ImageNet-supervised": {"recipe": {"learning_rate": 0.1}},
    },
    published=_by_loss(1e-6),
    quirks=(f"{_CONSTANT}: early in the warm-up, 7.6e-5 to 1e-4 for a loss of 0.15 to 0.2",),
    seeds="1",
)

_P2_A = RecipeCard(
    name="P2 (a)",
    source=_P2,
    content={
        "task": "multi-label",
        "network": {"setting": "S3", "head": {"kind": "linear"}, "preprocessing": _sized("imagenet-squash", 224)},
        "recipe": _recipe(
            30,
            64,
            2.5e-6,
            minimum_learning_rate=5e-7,
            warmup_epochs=5.0,
            weight_decay=0.05,
            optimiser={"kind": "AdamW", "decays": "matrices"},
            schedule={"kind": "timm cosine", "warmup_from": 1e-6},
            selection="validation loss",
            patience=10,
            augmentation={"card": "P2"},
        ),
    },
    published=_by_loss(1e-6),
    quirks=(f"{_CONSTANT}: 1.045e-6 to 1.06e-6 for a loss of 0.15 to 0.2",),
    seeds="5",
)

_P2_B = RecipeCard(
    name="P2 (b)",
    source=_P2,
    content={
        "task": "multi-label",
        "network": {"setting": "S3", "head": {"kind": "linear"}, "preprocessing": _sized("imagenet-squash", 224)},
        "recipe": _recipe(
            30,
            64,
            0.01,
            weight_decay=0.0,
            optimiser=_PLAIN_SGD,
            schedule={"kind": "timm cosine"},
            selection="validation loss",
            augmentation={"card": "P2"},
        ),
    },
    variants={
        "minimum 1e-5": {"recipe": {"minimum_learning_rate": 1e-5}},
        "minimum 5e-7": {"recipe": {"minimum_learning_rate": 5e-7}},
    },
    published=_by_loss(0.0),
    quirks=(f"{_CONSTANT}: 0.00999 for a loss of 0.15 to 0.2",),
    gaps={
        "recipe.minimum_learning_rate": "not stated; the default of BenchmarkTransformers, or that of the study's own "
        "code, by variant"
    },
    seeds="5",
)

_P2_RESNET = RecipeCard(
    name="P2 ResNet50",
    source=_P2,
    content={
        "task": "multi-label",
        "network": {
            "architecture": "resnet50",
            "setting": "S3",
            "head": {"kind": "linear"},
            "preprocessing": _sized("imagenet-squash", 224),
        },
        "recipe": _recipe(
            30,
            64,
            2e-4,
            weight_decay=0.0,
            optimiser=_ADAM,
            schedule={"kind": "plateau", "factor": 0.5, "patience": 5, "threshold": 1e-4},
            selection="validation loss",
            head_start="normal",
            augmentation={"card": "P2"},
        ),
    },
    seeds="3 in its public results, 5 in its text",
)

_BIT_RECIPE = _recipe(
    0,
    512,
    0.003,
    scaled_to_batch=512,
    weight_decay=0.0,
    optimiser=_PLAIN_SGD,
    schedule={"kind": "BiT-HyperRule"},
    mixing={"mixup": 0.1, "least_examples": 20_000},
    sampler="filled",
    selection="last",
    head_start="zero",
    augmentation={"card": "BiT"},
)
_BIT = RecipeCard(
    name="BiT-HyperRule",
    source="Kolesnikov et al. 2020 (google-research/big_transfer)",
    content={
        "network": {"setting": "S3", "head": {"kind": "linear"}, "preprocessing": _sized("half", 480)},
        "recipe": _BIT_RECIPE,
    },
    variants={
        "images of 96² and more": {},
        "images below 96²": {
            "network": {"preprocessing": _sized("half", 128)},
            "recipe": {"augmentation": {"card": "BiT small"}},
        },
    },
    gaps={"recipe.accumulation": "as many parts as the memory asks for; 1"},
    seeds="not stated; 3 or more",
)
_BIT_224 = RecipeCard(
    name="BiT at 224",
    source=_BIT.source,
    content={
        "network": {"setting": "S3", "head": {"kind": "linear"}, "preprocessing": _sized("half", 224)},
        "recipe": {**_BIT_RECIPE, "augmentation": {"card": "BiT", "random_crop": {"before": [239, 239]}}},
    },
    deviation="images of 224² cut out of 239², the rule's own share, instead of 480² out of 512²",
    gaps=_BIT.gaps,
    seeds=_BIT.seeds,
)

_DEIT = RecipeCard(
    name="DeiT-style",
    source="Touvron et al. 2021, as generally used",
    content={
        "network": {
            "setting": "S3",
            "head": {"kind": "linear"},
            "options": {"drop_path_rate": 0.1},
            "preprocessing": _sized("imagenet", 224),
        },
        "recipe": _recipe(
            300,
            64,
            5e-4,
            scaled_to_batch=512,
            minimum_learning_rate=1e-5,
            warmup_epochs=5.0,
            weight_decay=0.05,
            optimiser={"kind": "AdamW", "decays": "matrices"},
            schedule={"kind": "timm cosine", "warmup_from": 1e-6},
            loss={"smoothing": 0.1},
            mixing={"mixup": 0.8, "cutmix": 1.0},
            selection="validation AUC",
            augmentation={"card": "DeiT-style"},
        ),
    },
    gaps={
        "recipe.epochs": "300, as on ImageNet",
        "recipe.batch_size": "what memory holds; 64, and the learning rate grows with it",
        "recipe.minimum_learning_rate": "1e-5, timm's",
        "recipe.selection": "not stated; the largest validation AUC",
        "recipe.averaging": "optional; none",
    },
)

_SIMMIM = RecipeCard(
    name="SimMIM fine-tune",
    source="Xie et al. 2022 (microsoft/SimMIM)",
    content={
        "network": {
            "setting": "S3",
            "head": {"kind": "linear"},
            "options": {"drop_path_rate": 0.1},
            "preprocessing": _sized("imagenet", 224),
        },
        "recipe": _recipe(
            100,
            64,
            1.25e-3,
            scaled_to_batch=512,
            minimum_learning_rate=2.5e-7 * 64 / 512,
            warmup_epochs=20.0,
            weight_decay=0.05,
            optimiser={"kind": "AdamW", "decays": "matrices"},
            schedule={"kind": "timm cosine", "warmup_from": 2.5e-7 * 64 / 512},
            layers={"decay": 0.65},
            clip_norm=5.0,
            loss={"smoothing": 0.1},
            mixing={"mixup": 0.8, "cutmix": 1.0},
            selection="validation AUC",
            augmentation={"card": "DeiT-style"},
        ),
    },
    gaps={
        "recipe.batch_size": "2,048 there; 64, and all three learning rates as its code scales them",
        "recipe.schedule": "its code goes by steps; by epochs",
        "recipe.selection": "not stated; the largest validation AUC",
    },
)

_RADIMAGENET = RecipeCard(
    name="RadImageNet authors",
    source="Mei et al. 2022 (BMEII-AI/RadImageNet)",
    content={
        "task": "multi-class",
        "network": {
            "head": {"kind": "linear"},
            "options": {"drop_rate": 0.5},
            "preprocessing": _sized("radimagenet-keras", 256),
        },
        "recipe": _recipe(
            30,
            256,
            1e-4,
            weight_decay=0.0,
            optimiser={"kind": "Adam", "epsilon": 1e-7, "decays": "all"},
            schedule={"kind": "constant"},
            selection="validation loss",
            augmentation={"card": "RadImageNet Keras"},
        ),
    },
    variants={
        "all layers, 1e-4": {"network": {"setting": "S3"}, "recipe": {"learning_rate": 1e-4}},
        "all layers, 1e-3": {"network": {"setting": "S3"}, "recipe": {"learning_rate": 1e-3}},
        "frozen, 1e-2": {"network": {"setting": "S1"}, "recipe": {"learning_rate": 1e-2}},
        "frozen, 1e-3": {"network": {"setting": "S1"}, "recipe": {"learning_rate": 1e-3}},
        "top layers, 1e-2": {"network": {"setting": "S2"}, "recipe": {"learning_rate": 1e-2}},
        "top layers, 1e-3": {"network": {"setting": "S2"}, "recipe": {"learning_rate": 1e-3}},
    },
    gaps={
        "network.top_groups": "the last 10 layers of Keras there; the topmost layer group",
        "recipe.optimiser": "epsilon is Keras' own, 1e-7",
    },
    seeds="5 folds",
)

_CARDS = (
    _P0, _P1_GRID, _P1_BEST, _BENCHMARK, _P2_A, _P2_B, _P2_RESNET, _BIT, _BIT_224, _DEIT, _SIMMIM, _RADIMAGENET,
)  # fmt: skip
RECIPE_CARDS: dict[str, RecipeCard] = {card.name: card for card in _CARDS}

# How a job is computed, which no source prescribes.
_OWN = ("threads", "precision", "accumulation", "deterministic")


def recipe_card(name: str) -> RecipeCard:
    """Raises FieldError for a name that nobody knows."""
    if name not in RECIPE_CARDS:
        raise FieldError(f"recipe.name {name!r} is no known recipe; known are {', '.join(RECIPE_CARDS)}.")
    return RECIPE_CARDS[name]


def meant_by(name: str, variant: str = "", *, as_published: bool = False) -> dict[str, Any]:
    """What a recipe stands for, as keys and values of a specification. Raises FieldError for what there is not."""
    card = recipe_card(name)
    if as_published and not card.published:
        raise FieldError(f"recipe.as_published: of {name} no code is known that does otherwise than meant.")
    return card.stands_for(variant, as_published=as_published)


def complete_spec(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """A specification as a file says it, completed by the recipe that it names. Raises FieldError."""
    recipe = mapping.get("recipe")
    if not isinstance(recipe, Mapping) or not recipe.get("name"):
        return mapping
    variant, as_published = str(recipe.get("variant", "")), recipe.get("as_published", False) is True
    meant = meant_by(str(recipe["name"]), variant, as_published=as_published)
    which = {"recipe": {**recipe, "variant": meant["recipe"]["variant"]}}  # where none is named, the first one
    return completed({**mapping, **which}, meant)


def deviations(spec: TrainingSpec) -> tuple[str, ...]:
    """The keys at which a job is not as the recipe that it names; () where it names none."""
    recipe = spec.recipe
    if not recipe.name:
        return ()
    meant = meant_by(recipe.name, recipe.variant, as_published=recipe.as_published)
    said = to_mapping(spec)
    whole = to_mapping(from_mapping(Recipe, meant.pop("recipe"), "recipe"))
    of_recipe = departures(said["recipe"], whole, "recipe", whole=True)
    own = {f"recipe.{name}" for name in _OWN}
    return tuple(sorted({*departures(said, meant), *of_recipe} - own))


def provenance(spec: TrainingSpec) -> dict[str, Any]:
    """What is to be said of the recipe that a job names: {} where it names none.

    deviations  the keys at which the job is not as that; gaps  keys that its source leaves open and that the job has as
    the card filled them in; departs  how the card itself departs from its source on purpose
    """
    if not spec.recipe.name:
        return {}
    card, departed = recipe_card(spec.recipe.name), deviations(spec)
    gaps = [gap for gap in card.gaps if not any(key == gap or key.startswith(f"{gap}.") for key in departed)]
    return {"deviations": list(departed), "gaps": gaps, "departs": card.deviation}
