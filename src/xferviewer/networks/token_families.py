"""Transformers and mixers of timm beside its main ones, whose last layer with positions holds tokens row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from timm.models.beit import Beit
from timm.models.cait import Cait
from timm.models.efficientformer import EfficientFormer
from timm.models.eva import Eva
from timm.models.mlp_mixer import MlpMixer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from timm.models.xcit import Xcit

from xferviewer.networks.families import Family, stated_groups, vit_saliency_layer

if TYPE_CHECKING:
    from torch import nn


def _last(stage: str) -> Any:
    def layer(network: nn.Module) -> str:
        return f"{stage}.{len(list(network.get_submodule(stage).children())) - 1}"

    return layer


FAMILIES: dict[type[nn.Module], Family] = {
    # a class token before the patches, as in a ViT; what comes out of the last block may not reach the logits
    Beit: Family("BEiT", stated_groups, vit_saliency_layer, "tokens"),
    Eva: Family("EVA", stated_groups, vit_saliency_layer, "tokens"),
    VisionTransformerRelPos: Family("ViT, relative positions", stated_groups, vit_saliency_layer, "tokens"),
    # patches alone, which a class token attends to in layers of its own, or which are averaged
    Cait: Family("CaiT", stated_groups, _last("blocks"), "patch tokens"),
    Xcit: Family("XCiT", stated_groups, _last("blocks"), "patch tokens"),
    MlpMixer: Family("MLP-Mixer", stated_groups, _last("blocks"), "patch tokens"),
    EfficientFormer: Family("EfficientFormer", stated_groups, _last("stages"), "patch tokens"),
}
