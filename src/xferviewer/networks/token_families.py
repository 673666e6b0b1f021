"""Transformers and mixers of timm beside its main ones, whose last layer with positions holds tokens row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timm.models.beit import Beit
from timm.models.cait import Cait
from timm.models.efficientformer import EfficientFormer
from timm.models.eva import Eva
from timm.models.mlp_mixer import MlpMixer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from timm.models.xcit import Xcit

from xferviewer.networks.families import Family, block_norm, last_block, stage, stated_groups

if TYPE_CHECKING:
    from torch import nn


FAMILIES: dict[type[nn.Module], Family] = {
    # a class token before the patches, as in a ViT; what comes out of the last block may not reach the logits
    Beit: Family("BEiT", stated_groups, block_norm(1), block_norm(2), "tokens"),
    Eva: Family("EVA", stated_groups, block_norm(1), block_norm(2), "tokens"),
    VisionTransformerRelPos: Family("ViT, relative positions", stated_groups, block_norm(1), block_norm(2), "tokens"),
    # patches alone, which a class token attends to in layers of its own, or which are averaged
    Cait: Family("CaiT", stated_groups, last_block("blocks"), stage("blocks", 2), "patch tokens"),
    Xcit: Family("XCiT", stated_groups, last_block("blocks"), stage("blocks", 2), "patch tokens"),
    MlpMixer: Family("MLP-Mixer", stated_groups, last_block("blocks"), stage("blocks", 2), "patch tokens"),
    EfficientFormer: Family("EfficientFormer", stated_groups, last_block("stages"), stage("stages", 2), "patch tokens"),
}
