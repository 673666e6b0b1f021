"""U-MultiClass: a finding is absent, present or uncertain, and the network learns which (Irvin et al. 2019).

Three outputs of the network belong to each finding while it learns, side by side in the order of
`studies.uncertain_labels`. The probability of a finding is the softmax over absent and present alone, which is the
sigmoid of the difference of these two outputs: that difference is the finding's logit, everywhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from xferviewer.networks import backbones
from xferviewer.studies.uncertain_labels import ABSENT, LEFT_OUT, PRESENT, UNCERTAIN, classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from xferviewer.jobs.loss_spec import LossSpec

_CLASSES = 3
_LARGEST_WEIGHT = 100.0


class UncertainLoss:
    """The mean over the stated labels of the cross-entropy of their three classes (see training.losses.Loss).

    weights  (findings, 3): how much a label of that class counts, in the sum and in what it is divided by
    """

    def __init__(self, loss: LossSpec, weights: Tensor | None) -> None:
        self._weights = weights
        self._smoothing = loss.smoothing
        self._gamma = (loss.gamma or 0.0) if loss.kind == "focal" else 0.0

    def targets(self, labels: Tensor) -> Tensor:
        """(images, findings, 3) of labels 1, 0, -1 uncertain and NaN: 1 where the label is that class; NaN as well."""
        known = torch.from_numpy(classes(labels.numpy()))
        shares = functional.one_hot(known.clamp(min=0), _CLASSES).float()
        shares[known == LEFT_OUT] = torch.nan
        return shares

    def finding_logits(self, outputs: Tensor) -> Tensor:
        """Present less absent: (images, findings) of outputs (images, 3 · findings)."""
        three = _three(outputs)
        return three[..., PRESENT] - three[..., ABSENT]

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean; 0 if no label is stated."""
        return self.total(outputs, targets) / self.count(targets).clamp(min=1e-12)

    def total(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The sum over the stated labels."""
        stated = ~torch.isnan(targets).any(dim=2)
        shares = torch.nan_to_num(targets)
        if self._smoothing:
            shares = shares * (1 - self._smoothing) + self._smoothing / _CLASSES
        logs = functional.log_softmax(_three(outputs), dim=2)
        if self._gamma:
            logs = (1 - logs.exp()) ** self._gamma * logs
        return -((shares * logs * self._on(logs)).sum(dim=2) * stated).sum()

    def count(self, targets: Tensor) -> Tensor:
        """The number of stated labels; with weights, the sum of theirs."""
        return (torch.nan_to_num(targets) * self._on(targets)).sum()

    def _on(self, like: Tensor) -> Tensor:
        return like.new_ones(()) if self._weights is None else self._weights.to(like.device)


def _three(outputs: Tensor) -> Tensor:
    """(images, findings, 3) of the outputs of a network."""
    return outputs.reshape(len(outputs), -1, _CLASSES)


def uncertain_weights(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(findings, 3) n / (K n_class) of the stated labels of a finding, K its classes that occur; 100 at most."""
    known = classes(labels)
    counts = np.stack([(known == one).sum(axis=0) for one in (ABSENT, PRESENT, UNCERTAIN)], axis=1)
    occur = np.maximum((counts > 0).sum(axis=1, keepdims=True), 1)
    weights = counts.sum(axis=1, keepdims=True) / (occur * np.maximum(counts, 1))
    return np.asarray(np.minimum(weights, _LARGEST_WEIGHT), dtype=np.float32)


def one_logit_each(network: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network with three outputs for each finding as those of the same network with its logit alone.

    The last layer is linear, so that the difference of two outputs is the output of the difference of their weights.
    Raises ValueError where no linear layer is the last.
    """
    found = dict(weights)
    for layer in backbones.output_layers(network):
        for name in (f"{layer}.weight", f"{layer}.bias"):
            if name in found:
                three = found[name].reshape(-1, _CLASSES, *found[name].shape[1:])
                found[name] = (three[:, PRESENT] - three[:, ABSENT]).contiguous()
    return found


def check_differences(network: nn.Module, inputs: Tensor) -> None:
    """Try `one_logit_each` on images (images, channels, rows, columns) of noise.

    Raises ValueError for a network that does more with the outputs of its last layer than hand them on.
    """
    learns, modes = network.state_dict(), {module: module.training for module in network.modules()}
    network.eval()
    with torch.inference_mode():
        three = _three(network(inputs))
        one = torch.func.functional_call(network, one_logit_each(network, learns), (inputs,))
    for module, training in modes.items():
        module.training = training
    if not torch.allclose(one, three[..., PRESENT] - three[..., ABSENT], rtol=1e-4, atol=1e-4):
        raise ValueError("U-MultiClass needs a network whose logits are the outputs of a linear layer.")
