"""The backbones of the published studies by name, for those who choose one without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownBackbone:
    """A row of the table in docs/checkpoints.md, which a test compares.

    name        timm's, or torchvision/NAME
    title       as people call it
    side        of the square input that its published weights were trained on, pixels
    parameters  with 1,000 outputs
    """

    name: str
    title: str
    side: int
    parameters: int


KNOWN_BACKBONES = (
    KnownBackbone("vgg16", "VGG16", 224, 138_357_544),
    KnownBackbone("vgg19", "VGG19", 224, 143_667_240),
    KnownBackbone("resnet50", "ResNet50", 224, 25_557_032),
    KnownBackbone("resnet101", "ResNet101", 224, 44_549_160),
    KnownBackbone("resnet152", "ResNet152", 224, 60_192_808),
    KnownBackbone("inception_v3", "Inception v3", 299, 23_834_568),
    KnownBackbone("inception_resnet_v2", "Inception-ResNet v2", 299, 55_843_464),
    KnownBackbone("legacy_xception", "Xception", 299, 22_855_952),
    KnownBackbone("densenet121", "DenseNet121", 224, 7_978_856),
    KnownBackbone("densenet169", "DenseNet169", 224, 14_149_480),
    KnownBackbone("densenet201", "DenseNet201", 224, 20_013_928),
    KnownBackbone("vit_small_patch16_224", "ViT-S/16", 224, 22_050_664),
    KnownBackbone("vit_base_patch16_224", "ViT-B/16", 224, 86_567_656),
    KnownBackbone("deit_small_patch16_224", "DeiT-S/16", 224, 22_050_664),
    KnownBackbone("swin_tiny_patch4_window7_224", "Swin-T", 224, 28_288_354),
    KnownBackbone("swin_base_patch4_window7_224", "Swin-B", 224, 87_768_224),
    KnownBackbone("convnext_tiny", "ConvNeXt-T", 224, 28_589_128),
    KnownBackbone("efficientnet_b0", "EfficientNet-B0", 224, 5_288_548),
    KnownBackbone("tf_efficientnet_lite0", "EfficientNet-Lite0", 224, 4_652_008),
    KnownBackbone("resnetv2_50x1_bit", "BiT R50x1", 224, 25_549_352),
    KnownBackbone("resnetv2_101x1_bit", "BiT R101x1", 448, 44_541_480),
    KnownBackbone("resnetv2_101x3_bit", "BiT R101x3", 448, 387_934_888),
    KnownBackbone("deit_tiny_distilled_patch16_224", "DeiT-Ti, distilled", 224, 5_910_800),
    KnownBackbone("torchvision/alexnet", "AlexNet", 224, 61_100_840),
    KnownBackbone("torchvision/googlenet", "GoogLeNet", 224, 6_624_904),
    KnownBackbone("torchvision/maxvit_t", "MaxViT-T", 224, 30_919_624),
    KnownBackbone("torchvision/mnasnet1_3", "MNASNet 1.3", 224, 6_282_256),
    KnownBackbone("torchvision/shufflenet_v2_x0_5", "ShuffleNet v2 0.5", 224, 1_366_792),
    KnownBackbone("torchvision/shufflenet_v2_x1_0", "ShuffleNet v2 1.0", 224, 2_278_604),
    KnownBackbone("torchvision/shufflenet_v2_x1_5", "ShuffleNet v2 1.5", 224, 3_503_624),
    KnownBackbone("torchvision/shufflenet_v2_x2_0", "ShuffleNet v2 2.0", 224, 7_393_996),
    KnownBackbone("torchvision/squeezenet1_0", "SqueezeNet 1.0", 224, 1_248_424),
    KnownBackbone("torchvision/squeezenet1_1", "SqueezeNet 1.1", 224, 1_235_496),
)


def known_backbone(name: str) -> KnownBackbone | None:
    """The row of a name; None for one of timm's others, which can be trained too."""
    return next((row for row in KNOWN_BACKBONES if row.name == name), None)
