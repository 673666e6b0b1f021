"""The classifier heads of the BUSI and MRNet study: what stands between the pooled features and the logits.

The convolution runs along the index of the features, which has no meaning in space; it is kept because its results were
published. A linear head is timm's own classifier and not made here. Every head takes (images, features) or
(images, features, 1, 1) and gives logits (images, outputs).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from xferviewer.checkpoints import Head

Layer = TypeVar("Layer", nn.Linear, nn.Conv1d)

# Of every LeakyReLU below zero.
_SLOPE = 0.01


def build(head: Head, features: int, outputs: int) -> nn.Module:
    """A head with random weights. Raises ValueError where its arguments leave it no hidden layer."""
    given = head.arguments
    if head.kind == "linear":
        return _started(nn.Linear(features, outputs))
    if head.kind == "non-linear":
        return NonLinearHead(features, outputs, given["ratio"], given["dropout"])
    skips = head.kind in ("conv-skip", "conv-skip as published")
    filters, kernel_size = int(given["filters"]), int(given["kernel_size"])
    return ConvHead(features, outputs, filters, kernel_size, given["ratio"], given["dropout"], skips=skips)


class NonLinearHead(nn.Module):
    """Linear, batch normalisation, LeakyReLU, dropout, linear."""

    def __init__(self, features: int, outputs: int, ratio: float, dropout: float) -> None:
        super().__init__()
        width = _hidden_width(features, ratio)
        self.hidden = _started(nn.Linear(features, width, bias=False))
        self.hidden_norm = nn.BatchNorm1d(width)
        self.activation = nn.LeakyReLU(_SLOPE)
        self.dropout = nn.Dropout(dropout)
        self.output = _started(nn.Linear(width, outputs))

    def forward(self, features: Tensor) -> Tensor:
        values = self.activation(self.hidden_norm(self.hidden(features.flatten(1))))
        logits: Tensor = self.output(self.dropout(values))
        return logits


class ConvHead(nn.Module):
    """A convolution along the features, then a non-linear head; with `skips`, plus a ReLU of a linear map of them.

    The skip is a whole matrix from features to filters · (features - kernel_size + 1): with 2,048 features and 16
    filters the head has 603 million parameters.
    """

    def __init__(
        self, features: int, outputs: int, filters: int, kernel_size: int, ratio: float, dropout: float, *, skips: bool
    ) -> None:
        super().__init__()
        positions = features - kernel_size + 1
        if positions < 1:
            raise ValueError(f"a kernel of {kernel_size} is longer than {features} features.")
        self.convolution = _started(nn.Conv1d(1, filters, kernel_size, bias=False))
        self.convolution_norm = nn.BatchNorm1d(filters)
        self.activation = nn.LeakyReLU(_SLOPE)
        self.dropout = nn.Dropout(dropout)
        self.rest = NonLinearHead(filters * positions, outputs, ratio, dropout)
        self.skip: nn.Module | None = None
        if skips:
            # the published skip keeps torch's own random start
            line = nn.Linear(features, filters * positions, bias=False)
            self.skip = nn.Sequential(line, nn.BatchNorm1d(filters * positions), nn.ReLU())

    def forward(self, features: Tensor) -> Tensor:
        features = features.flatten(1)
        values = self.activation(self.convolution_norm(self.convolution(features[:, None])))
        values = self.dropout(values).flatten(1)
        if self.skip is not None:
            values = values + self.skip(features)
        logits: Tensor = self.rest(values)
        return logits


def output_layer(head: nn.Module) -> str:
    """The name of the last layer of one of these heads; "" for any other module, which is one itself."""
    return {NonLinearHead: "output", ConvHead: "rest.output"}.get(type(head), "")


def _hidden_width(width: int, ratio: float) -> int:
    hidden = math.floor(width * ratio)
    if hidden < 1:
        raise ValueError(f"a ratio of {ratio} leaves nothing of {width} features.")
    return hidden


def _started(layer: Layer) -> Layer:
    """The published random start: He et al. 2015, fan in, for a ReLU; biases are zero."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
