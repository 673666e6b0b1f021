"""The methods of saliency maps by name: what window, settings, command line and engine agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Method = Literal[
    "gradcam",
    "gradcam++",
    "xgradcam",
    "hirescam",
    "layercam",
    "eigencam",
    "scorecam",
    "ablationcam",
    "integrated-gradients",
    "attention-rollout",
]
Smoothing = Literal["none", "augmented", "eigen", "both"]


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What is to be known of a method before it is chosen.

    title           its name for people, as its authors write it
    about           one sentence: what is computed, and from what
    class_agnostic  one map for all findings: it shows what the network looks at, and speaks for no finding
    slow            many passes of the network instead of about one: seconds on a graphics card, minutes on a CPU
    each_finding    every further finding costs as much as the first
    takes_layers    made from the output of layers that can be chosen
    takes_eigen     the weighted channels can be replaced by their first principal component
    """

    title: str
    about: str
    class_agnostic: bool = False
    slow: bool = False
    each_finding: bool = False
    takes_layers: bool = True
    takes_eigen: bool = True


METHODS: dict[Method, MethodFacts] = {
    "gradcam": MethodFacts("Grad-CAM", "Channels weighted by their mean slope (Selvaraju et al. 2017)."),
    "gradcam++": MethodFacts(
        "Grad-CAM++", "Channels weighted by their positive slopes, second and third powers (Chattopadhay et al. 2018)."
    ),
    "xgradcam": MethodFacts("XGrad-CAM", "Channels weighted by slope times share of the activation (Fu et al. 2020)."),
    "hirescam": MethodFacts("HiResCAM", "Slope times activation at each place (Draelos and Carin 2020)."),
    "layercam": MethodFacts("LayerCAM", "Positive slope times activation at each place (Jiang et al. 2021)."),
    "eigencam": MethodFacts(
        "EigenCAM",
        "First principal component of the channels (Muhammad and Yeasin 2020).",
        class_agnostic=True,
        takes_eigen=False,
    ),
    "scorecam": MethodFacts(
        "Score-CAM", "Channels weighted by the score of the image seen through them (Wang et al. 2020).", slow=True
    ),
    "ablationcam": MethodFacts(
        "Ablation-CAM", "Channels weighted by what the score loses without them (Desai and Ramaswamy 2020).", slow=True
    ),
    "integrated-gradients": MethodFacts(
        "Integrated gradients",
        "Slopes summed on the way from an even image of the preprocessing's mean (Sundararajan et al. 2017).",
        slow=True,
        each_finding=True,
        takes_layers=False,
        takes_eigen=False,
    ),
    "attention-rollout": MethodFacts(
        "Attention rollout",
        "Attention of all blocks multiplied, from the class token to the patches (Abnar and Zuidema 2020).",
        class_agnostic=True,
        takes_layers=False,
        takes_eigen=False,
    ),
}

LAYER_SETS = {
    "standard": "the family's own layer",
    "last-two": "the ends of the last two stages, averaged",
    "published": "the layers of the BUSI and MRNet study",
}
"""Layers by name; whatever else is given are names of a network's layers, separated by commas."""

SMOOTHINGS: dict[Smoothing, str] = {
    "none": "none",
    "augmented": "mean over mirrored and dimmed images",
    "eigen": "first principal component",
    "both": "both",
}


@dataclass(frozen=True, slots=True)
class MapChoice:
    """Which map: a method, the layers it is taken at (a name of LAYER_SETS, or layers with commas), its smoothing."""

    method: Method = "gradcam"
    layers: str = "standard"
    smoothing: Smoothing = "none"

    def __post_init__(self) -> None:
        """Raises ValueError for a method or a smoothing that there is not."""
        if self.method not in METHODS:
            raise ValueError(f"There is no method {self.method}; there are {', '.join(METHODS)}.")
        if self.smoothing not in get_args(Smoothing):
            raise ValueError(f"There is no smoothing {self.smoothing}; there are {', '.join(SMOOTHINGS)}.")
        if self.smoothing in ("eigen", "both") and not self.facts.takes_eigen:
            raise ValueError(f"{self.facts.title} has no weighted channels to take a principal component of.")

    @property
    def facts(self) -> MethodFacts:
        """Those of the method."""
        return METHODS[self.method]


STANDARD = MapChoice()
"""What is shown and measured where nobody chose."""
