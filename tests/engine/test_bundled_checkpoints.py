"""The checkpoints that come with the application predict and explain."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

from xferviewer.engine.inference import load
from xferviewer.engine.saliency import explain
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.resources import bundled_checkpoints


@pytest.mark.parametrize("folder", bundled_checkpoints(), ids=lambda folder: folder.name)
def test_that_a_bundled_checkpoint_predicts_as_in_timm_and_explains_every_finding(folder):
    loaded = load(folder, torch.device("cpu"))
    tensor = present_to_tensor(
        np.random.default_rng(0).random((300, 260), dtype=np.float32), loaded.checkpoint.preprocessing
    )

    explanation = explain(loaded, tensor)

    with torch.inference_mode():
        by_timm = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()(tensor[None])[0].numpy()
    assert np.array_equal(explanation.logits, by_timm)
    assert explanation.findings == loaded.checkpoint.findings
    assert explanation.maps.shape == (5, 192, 192)
    assert np.isfinite(explanation.maps).all()
