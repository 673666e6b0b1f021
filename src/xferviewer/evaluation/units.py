"""What is counted: images, studies or patients."""

from __future__ import annotations

from typing import Literal

Unit = Literal["image", "study", "patient"]

UNITS: tuple[Unit, ...] = ("image", "study", "patient")
"""From the finest to the coarsest."""

PLURAL: dict[Unit, str] = {"image": "images", "study": "studies", "patient": "patients"}
WITH_ARTICLE: dict[Unit, str] = {"image": "an image", "study": "a study", "patient": "a patient"}
