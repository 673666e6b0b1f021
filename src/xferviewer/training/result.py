"""The checkpoint that a job ends in: weights, card, what the training images were, numbers on held-out ones."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xferviewer import __version__
from xferviewer.checkpoints import (
    Card,
    Checkpoint,
    InitialisationStep,
    Metric,
    SeenImages,
    TrainingData,
    seen_images,
    write_card,
    write_checkpoint,
    write_seen_images,
)
from xferviewer.checkpoints.fields import to_mapping
from xferviewer.engine.device import choose_device
from xferviewer.engine.inference import load
from xferviewer.engine.training_inputs import describe_images, write_described
from xferviewer.errors import UnusableFolder
from xferviewer.jobs.network_spec import SETTINGS
from xferviewer.jobs.recipe_cards import provenance
from xferviewer.networks import backbones
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry
from xferviewer.studies.examination import examine
from xferviewer.studies.images import frame_identity
from xferviewer.training.cohort import phantom_cohort
from xferviewer.training.held_out import measure, refuse_shared
from xferviewer.training.uncertain_loss import one_logit_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from xferviewer.checkpoints import Preprocessing
    from xferviewer.engine.training_inputs import Described
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.studies.splits import Split
    from xferviewer.training.cohort import Cohort
    from xferviewer.training.job_data import JobData
    from xferviewer.training.watch import Watch


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What a run has made, and what its card says of how.

    start    what the weights began from
    taught   the findings that the training images could teach
    command  reproduces the checkpoint
    job      the name of its folder
    """

    spec: TrainingSpec
    network: nn.Module
    start: tuple[InitialisationStep, ...]
    data: TrainingData
    taught: tuple[str, ...]
    command: str
    job: str


def write_result(made: Made, folder: Path, cohort: Cohort, split: Split, watch: Watch) -> Checkpoint:
    """The checkpoint in `folder`, with marks of the images it has seen and what those look like to it."""
    options = backbones.options_for_timm(made.network, made.spec.network.options)
    weights = _arrays(made, made.network.state_dict())
    checkpoint = watch.keep(lambda: write_checkpoint(folder / made.spec.name, _card(made), options, weights))
    watch.keep(lambda: write_seen_images(checkpoint, seen_in(cohort, split)))
    try:
        found = described(cohort, split, checkpoint.preprocessing, watch.working)
    except UnusableFolder as error:
        watch.say("training inputs", f"The card does not describe the training images: {error.why}")
        return checkpoint
    return watch.keep(lambda: write_described(checkpoint, found))


def write_last(made: Made, folder: Path, weights: Mapping[str, Tensor], watch: Watch) -> Checkpoint:
    """The weights of the last step as a checkpoint in `folder`, beside those of the epoch that the recipe selects."""
    options = backbones.options_for_timm(made.network, made.spec.network.options)
    card = replace(_card(made), name=f"{made.spec.name}-last", title=f"{made.spec.title}, as the last step left it")
    return watch.keep(lambda: write_checkpoint(folder / card.name, card, options, _arrays(made, weights)))


def _arrays(made: Made, weights: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """The weights of a network with one logit for each finding, whatever it had while it learned."""
    kept = one_logit_each(made.network, weights) if made.spec.three_classes else weights
    return {name: values.cpu().contiguous().numpy() for name, values in kept.items()}


def described(cohort: Cohort, split: Split, preprocessing: Preprocessing, progress: Callable[[str], None]) -> Described:
    """What the training images look like to the network, without the moves of augmentation. Raises UnusableFolder."""
    return describe_images(
        [(cohort.paths[row], cohort.frames[row]) for row in split.training],
        preprocessing,
        f"{cohort.name}, training split",
        lambda done, total: progress(f"training images: {done} of {total} measured"),
    )


def seen_in(cohort: Cohort, split: Split) -> SeenImages:
    """The images of both sides, so that nobody takes numbers on them for numbers on new ones."""
    entries = [examine(FileStamp(str(path), 0, 0)) for path in cohort.paths]
    identities = [
        frame_identity(entry.identity, frame) if isinstance(entry, ImageEntry) else None
        for entry, frame in zip(entries, cohort.frames, strict=True)
    ]
    sides = [[name for row in rows if (name := identities[row])] for rows in (split.training, split.validation)]
    return seen_images(split.digest, *sides)


def measured(spec: TrainingSpec, checkpoint: Checkpoint, data: JobData, watch: Watch) -> Checkpoint:
    """The checkpoint with its AUC on its test images and on every held-out cohort on its card."""
    loaded = load(checkpoint, choose_device())
    if data.test is not None:
        checkpoint = _with_metrics(checkpoint, measure(loaded, data.test, watch), data.test.name, watch)
    for held_out in spec.held_out:
        unseen = phantom_cohort(held_out, spec.findings, watch.working)
        refuse_shared(unseen, data.cohort)
        checkpoint = _with_metrics(checkpoint, measure(loaded, unseen, watch), unseen.name, watch)
    return checkpoint


def _with_metrics(checkpoint: Checkpoint, found: list[Metric], cohort: str, watch: Watch) -> Checkpoint:
    card = replace(checkpoint.card, metrics=(*checkpoint.card.metrics, *found))
    areas = ", ".join(f"{metric.finding} {metric.auc}" for metric in found)
    watch.say("held out", f"{cohort}: {areas}", cohort=cohort, metrics=[to_mapping(one) for one in found])
    return write_card(checkpoint, card)


def _card(made: Made) -> Card:
    spec = made.spec
    return Card(
        name=spec.name,
        title=spec.title,
        architecture=spec.network.architecture,
        findings=spec.findings,
        trained_findings=made.taught,
        task=spec.task,
        preprocessing=spec.network.preprocessing,
        head=spec.network.head,
        weights_sha256="",
        license=spec.license,
        initialisation=made.start,
        data=made.data,
        recipe={
            "setting": f"{spec.network.setting}: {SETTINGS[spec.network.setting]}",
            "top_groups": spec.network.trainable_groups,
            "counting": spec.network.counting,
            "channel_adaptation": spec.network.channel_adaptation,
            **({"learned_as": "absent, present, uncertain"} if spec.three_classes else {}),
            **to_mapping(spec.recipe),
            **provenance(spec),
        },
        seed=spec.seed,
        job=made.job,
        command=made.command,
        libraries={
            "python": platform.python_version(),
            "xferviewer": __version__,
            **{name: importlib.metadata.version(name) for name in ("torch", "timm", "numpy", "safetensors")},
        },
    )
