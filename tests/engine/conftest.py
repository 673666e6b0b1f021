"""Checkpoints with random weights and small pictures, written to real folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer.checkpoints import Card, Checkpoint, Head, Preprocessing, write_checkpoint
from xferviewer.networks import backbones

if TYPE_CHECKING:
    from pathlib import Path

FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Effusion")


class MakeCheckpoint(Protocol):
    def __call__(
        self,
        architecture: str,
        *,
        findings: tuple[str, ...] = ...,
        size: int = ...,
        seed: int = ...,
        head: Head = ...,
        channels: int = ...,
        **options: Any,
    ) -> Checkpoint: ...


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what is remembered for whoever runs it."""
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))


@pytest.fixture
def make_checkpoint(tmp_path: Path) -> MakeCheckpoint:
    """Writes a checkpoint folder of an architecture with random weights and returns it."""

    def make(
        architecture: str,
        *,
        findings: tuple[str, ...] = FINDINGS,
        size: int = 64,
        seed: int = 0,
        head: Head = backbones.LINEAR,
        channels: int = 3,
        **options: Any,
    ) -> Checkpoint:
        torch.manual_seed(seed)
        network = backbones.create(architecture, len(findings), channels, options, head)
        card = Card(
            name=f"{architecture.replace('/', '-')}-{seed}",
            title="Random weights",
            architecture=architecture,
            findings=findings,
            trained_findings=findings,
            task="multi-label",
            preprocessing=Preprocessing(
                size=(size, size),
                mean=(0.5,) * channels,
                std=(0.5,) * channels,
                channel_order="RGB" if channels == 3 else "grey",
            ),
            head=head,
            weights_sha256="",
            license="Apache-2.0",
        )
        weights = {name: values.numpy() for name, values in network.state_dict().items()}
        whole = backbones.options_for_timm(network, options)
        return write_checkpoint(tmp_path / f"{card.name}-{size}", card, whole, weights)

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Six grey PNG files of different sizes, no two alike."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    paths = []
    for number in range(6):
        pixels = random.integers(0, 256, (80 + 7 * number, 96), dtype=np.uint8)
        paths.append(folder / f"{number}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths
