"""Weights of a first convolution or patch embedding for another number of channels than they were trained with."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from xferviewer.jobs.network_spec import ChannelAdaptation

if TYPE_CHECKING:
    from torch import Tensor

# (channels of the file, channels of the network) that each one is for.
_FOR: dict[ChannelAdaptation, tuple[int, int]] = {"sum": (3, 1), "mean": (3, 1), "repeat": (1, 3), "repeat/3": (1, 3)}


def adapt(weight: Tensor, channels: int, adaptation: ChannelAdaptation) -> Tensor:
    """`weight` (filters, channels it has, rows, columns) for `channels`; the same where it has them already.

    sum       RGB to grey: what the three did together. Exact where the grey image filled all three, normalised alike.
    mean      RGB to grey: a third of it, as P2 (Krones 2026) did
    repeat    grey to RGB: the one, three times; what a grey image makes of it is three times as large (P2's code)
    repeat/3  grey to RGB: the same divided by three, which is exact for a grey image

    Raises ValueError for another pair of channels than the adaptation is for.
    """
    has = weight.shape[1]
    if has == channels:
        return weight
    if (has, channels) != _FOR[adaptation]:
        fitting = [name for name in get_args(ChannelAdaptation) if _FOR[name] == (has, channels)]
        advice = f"; {' or '.join(fitting)} can" if fitting else ""
        raise ValueError(f"{adaptation} cannot make {channels} channels of {has}{advice}.")
    if adaptation == "sum":
        return weight.sum(dim=1, keepdim=True)
    if adaptation == "mean":
        return weight.mean(dim=1, keepdim=True)
    repeated = weight.expand(-1, channels, -1, -1)
    return (repeated / channels if adaptation == "repeat/3" else repeated).contiguous()
