"""Weights that timm and torchvision publish: by name, from a local mirror or, when asked for, from where they are."""
