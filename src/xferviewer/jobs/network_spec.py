"""What a job is told about its network: which one, what it starts from, what of it learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from xferviewer.checkpoints import Head, Preprocessing

# The five transfer settings of Borah et al.: which weights the backbone starts from, and which of its layers learn.
Setting = Literal["S1", "S2", "S3", "S4", "S5"]
SETTINGS: dict[Setting, str] = {
    "S1": "pre-trained, backbone frozen",
    "S2": "pre-trained, top layers learn",
    "S3": "pre-trained, all layers learn",
    "S4": "random, top layers learn",
    "S5": "random, all layers learn",
}


# How weights for three channels become such for one, and the reverse (networks.channel_adaptation).
ChannelAdaptation = Literal["sum", "mean", "repeat", "repeat/3"]


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """The network and what of it learns. The head always does.

    architecture    a name that timm knows
    setting         one of SETTINGS
    top_groups      how many of the topmost layer groups learn under S2 and S4
    counting        of layer groups: corrected, or as the BUSI and MRNet study counted and trained them
    weights         a file with pre-trained weights for S1 to S3, or the folder of a checkpoint
    hub             instead of it, the name of published weights ("timm/resnet50.a1_in1k"), which come from the mirror
                    or the network (networks.hub); with neither, an installed package must bring ImageNet's
    channel_adaptation  of weights whose first layer has another number of channels; left out, those are refused
    options         further arguments of timm.create_model, such as depth
    preprocessing   as on the card of a checkpoint
    head            the same; one with batch normalisation needs batches of two images or more
    """

    architecture: str
    setting: Setting
    preprocessing: Preprocessing
    top_groups: int = 1
    counting: Literal["corrected", "as published"] = "corrected"
    weights: str | None = None
    hub: str | None = None
    channel_adaptation: ChannelAdaptation | None = None
    options: dict[str, Any] = field(default_factory=dict)
    head: Head = field(default_factory=Head)

    def __post_init__(self) -> None:
        if self.top_groups < 1:
            raise ValueError("top_groups should be at least 1; S1 freezes the whole backbone.")
        if (self.weights or self.hub) and not self.pretrained:
            raise ValueError(f"weights were named, but setting {self.setting} starts from random ones.")
        if self.weights and self.hub:
            raise ValueError("name weights or hub, not both.")

    @property
    def pretrained(self) -> bool:
        return self.setting in ("S1", "S2", "S3")

    @property
    def trainable_groups(self) -> int | None:
        """How many of the topmost layer groups learn; None for all."""
        return {"S1": 0, "S2": self.top_groups, "S3": None, "S4": self.top_groups, "S5": None}[self.setting]
