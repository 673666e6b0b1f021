"""A backbone that does not learn: what it hands to the classifier, once that is known to be all there is to know.

Networks differ in what stands between backbone and logits, so that this is tried before it is trusted
(docs/decisions/0096).
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import timm
import torch
from torch import Tensor, nn

from xferviewer.engine.device import autocast
from xferviewer.networks import backbones
from xferviewer.settings import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from xferviewer.engine.device import Precision
    from xferviewer.jobs.spec import TrainingSpec
    from xferviewer.training.method import Method

# Raise it when the same network, image and view give other features.
FEATURES_VERSION = 1


class Frozen:
    """A backbone that does not learn: what it makes of images, and where that is kept."""

    def __init__(self, spec: TrainingSpec, network: nn.Module) -> None:
        self.network = network
        self.classifier = network.get_submodule(backbones.classifier_name(network))
        self.device = next(network.parameters()).device
        self._spec = spec

    @cached_property
    def features(self) -> int:
        """How many there are of an image."""
        return self.compute(probe(self._spec)[:1], "fp32").shape[1]

    def compute(self, inputs: Tensor, precision: Precision) -> Tensor:
        """float32 (images, features), on the CPU, of inputs float32 (images, channels, rows, columns)."""
        self.network.eval()
        return self.both(inputs, precision)[0]

    def both(self, inputs: Tensor, precision: Precision) -> tuple[Tensor, Tensor]:
        """Features, and the logits (images, findings) of the whole network; in the mode in which it is."""
        taken: list[Tensor] = []
        handle = self.classifier.register_forward_pre_hook(lambda _module, arguments: taken.append(arguments[0]))
        try:
            with torch.inference_mode(), autocast(self.device, precision):
                logits = self.network(inputs.to(self.device, memory_format=torch.channels_last))
        finally:
            handle.remove()
        return taken[-1].float().flatten(1).cpu(), logits.float().cpu()

    def folder(self, precision: Precision) -> Path:
        """Changes with every weight of the backbone, and with all that its numbers depend on besides."""
        made = self._spec.network
        said = [FEATURES_VERSION, made.architecture, sorted(made.options.items()), made.preprocessing.digest]
        said += [precision, self.device.type, timm.__version__, self._weights_digest]
        digest = hashlib.sha256(repr(said).encode()).hexdigest()
        return features_folder() / f"{made.architecture.replace('/', '-')}-{digest[:24]}"

    @cached_property
    def _weights_digest(self) -> str:
        """SHA-256 (hex) of every weight and statistic of the backbone."""
        digest = hashlib.sha256()
        classifier = backbones.classifier_name(self.network)
        for name, values in sorted(self.network.state_dict().items()):
            if not _belongs(name, classifier):
                digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
                digest.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()


class Classifier(nn.Module):
    """The classifier of a network by itself: logits (images, findings) of features (images, features)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.classifier = network.get_submodule(backbones.classifier_name(network))

    def forward(self, features: Tensor) -> Tensor:
        """Some networks end in a convolution of 1 × 1."""
        convolves = isinstance(self.classifier, nn.Conv2d)
        logits: Tensor = self.classifier(features[..., None, None] if convolves else features)
        return logits.flatten(1)


def frozen_backbone(spec: TrainingSpec, network: nn.Module, method: Method) -> Frozen | str:
    """The backbone whose features can be kept, or why they cannot, as a sentence.

    Judged by what learns and by what is computed indeed: S1, S4 where no group learns, and as published a topmost group
    without parameters.
    """
    if not spec.machine.keep_features:
        return "The job asks for none to be kept."
    names = backbones.classifier_names(network)
    if len(names) != 1:
        return "The network has no single classifier that pooled features go into."
    backbone = [name for name, _ in network.named_parameters() if not _belongs(name, names[0])]
    learning = [name for name in backbone if name in method.learning]
    if learning:
        return f"The backbone learns: {len(learning)} of its {len(backbone)} tensors."
    if method.mixes:
        return "Images are mixed with each other, anew in each epoch."
    outside = [module for name, module in network.named_modules() if not _belongs(name, names[0])]
    if method.frozen_norm == "train" and any(map(_normalises_batches, outside)):
        return "As published, batch normalisation of the frozen backbone takes in every batch, so that features change."
    if any(map(_drops, outside)):
        return "The frozen backbone drops some of what it computes, other parts each time."
    frozen = Frozen(spec, network)
    with _restored(network), torch.no_grad():
        for parameter in frozen.classifier.parameters():
            parameter.normal_()  # one of zeros would say the same of everything
        return _why_not_alike(frozen, method, probe(spec)) or frozen


def _why_not_alike(frozen: Frozen, method: Method, probe: Tensor) -> str:
    """By trying: what goes into the classifier is the same while that learns, and is all that it needs."""
    frozen.network.eval()
    still, whole = frozen.both(probe, "fp32")
    parted = Classifier(frozen.network).eval()(still.to(frozen.device)).detach().float().cpu()
    if parted.shape != whole.shape or not torch.allclose(parted, whole, rtol=1e-4, atol=1e-4):
        return "More than a classifier follows the pooled features of this network."
    backbones.train_mode(frozen.network, method.frozen_norm)
    learning, _ = frozen.both(probe, "fp32")
    if not torch.allclose(still, learning, rtol=1e-5, atol=1e-5):
        return "The frozen backbone computes otherwise while the classifier learns."
    return ""


@contextmanager
def _restored(network: nn.Module) -> Iterator[None]:
    """Whatever is tried with the classifier, or with statistics, is undone; so are the random numbers that it takes."""
    classifier, statistics = backbones.classifier_name(network), {name for name, _ in network.named_buffers()}
    kept = {
        name: values.clone()
        for name, values in network.state_dict().items()
        if _belongs(name, classifier) or name in statistics
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            yield
        finally:
            network.load_state_dict(kept, strict=False)


def features_folder() -> Path:
    """Where features are kept."""
    return data_folder() / "features"


def probe(spec: TrainingSpec) -> Tensor:
    """Two images of noise."""
    made = spec.network.preprocessing
    return torch.randn(2, made.channels, *made.size, generator=torch.Generator().manual_seed(0))


def _belongs(name: str, classifier: str) -> bool:
    return f"{name}.".startswith(f"{classifier}.")


def _normalises_batches(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001  torch's only common class of them


def _drops(module: nn.Module) -> bool:
    """Dropout of any kind and stochastic depth, where it drops anything; `drop_rate` is dropout without a module."""
    shares = [getattr(module, name, None) for name in ("p", "drop_prob", "drop_rate")]
    return any(isinstance(share, float | int) and share > 0 for share in shares)
