"""The preview of a job shows what its network will see."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer import cli
from xferviewer.checkpoints import Preprocessing
from xferviewer.jobs.augmentation_cards import augmentation_card
from xferviewer.jobs.data_spec import DataSpec, FolderData
from xferviewer.jobs.loss_spec import MixingSpec
from xferviewer.jobs.network_spec import NetworkSpec
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, render_spec
from xferviewer.training.preview import preview


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.setenv("XFERVIEWER_HOME", str(tmp_path / "home"))
    folder = tmp_path / "films"
    folder.mkdir()
    random = np.random.default_rng(0)
    lines = ["path,patient,Edema,Mass"]
    for number in range(8):
        Image.fromarray(random.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{number},{number % 2},{'' if number % 3 else 1}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return TrainingSpec(
        name="previewed",
        title="Previewed",
        findings=("Edema", "Mass"),
        network=NetworkSpec(
            "test_vit", "S5", Preprocessing((24, 24), (0.4, 0.5, 0.6), (0.2, 0.3, 0.1), channel_order="BGR")
        ),
        data=DataSpec(folder=FolderData(str(folder)), validation_fraction=0.25),
        recipe=Recipe(epochs=2, batch_size=4, learning_rate=1e-3, augmentation=augmentation_card("P1").augmentation),
        license="Apache-2.0",
    )


def test_that_originals_are_the_files_and_views_differ(spec):
    seen = preview(spec, lambda _said: None, images=3, views=2)
    assert len(seen.images) == 3
    for one in seen.images:
        with Image.open(one.path) as file:
            values = torch.from_numpy(np.asarray(file).astype(np.float32)).permute(2, 0, 1)[None] / 255
        fitted = torch.nn.functional.interpolate(values, (24, 24), mode="bilinear", antialias=True)[0] * 255
        np.testing.assert_allclose(one.original.picture, fitted.permute(1, 2, 0).numpy(), atol=1)
        pictures = [one.original.picture, *(view.picture for view in one.views)]
        assert len({picture.tobytes() for picture in pictures}) == 3
        number = int(one.path.stem)
        assert one.stated(seen.findings) == {"Edema": number % 2, "Mass": None if number % 3 else 1.0}


def test_that_mixed_images_show_mixed_labels(spec):
    recipe = replace(spec.recipe, mixing=MixingSpec(mixup=1.0), batch_size=6)
    seen = preview(replace(spec, recipe=recipe), lambda _said: None, images=6, views=4)
    shares = {float(view.labels[0]) for one in seen.images for view in one.views}
    assert any(0 < share < 1 for share in shares)


def test_that_the_command_draws_a_sheet_without_names_and_starts_no_job(spec, tmp_path, capsys):
    (tmp_path / "job.toml").write_text(render_spec(spec))
    sheet = tmp_path / "sheet.png"
    assert cli.main(["train", str(tmp_path / "job.toml"), "--preview", str(sheet), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    with Image.open(sheet) as drawn:
        pixels = np.asarray(drawn)
    assert len(told["cells"]) == len(told["images"]) * 6
    for cell in told["cells"]:
        left, top, width, height = cell["rectangle"]
        assert pixels[top : top + height, left : left + width].std() > 5
    assert told["moves"]["card"] == "P1"
    assert not (tmp_path / "home" / "jobs").exists()


def test_that_an_image_that_cannot_be_read_is_named_and_the_others_are_shown(spec, tmp_path, capsys):
    first = preview(spec, lambda _said: None, images=1, views=1).images[0].path
    first.write_bytes(b"no image")
    (tmp_path / "job.toml").write_text(render_spec(spec))
    arguments = ["train", str(tmp_path / "job.toml"), "--preview", str(tmp_path / "sheet.png"), "--json"]
    assert cli.main(arguments) == 1
    assert first.name in json.loads(capsys.readouterr().out)["refused"][0]["what"]


def test_that_the_cache_is_listed_and_cleared(spec, capsys):
    preview(spec, lambda _said: None, images=2, views=1)
    assert cli.main(["cache", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)["kept"]
    assert kept["planes"]["bytes"] > 2 * 24 * 24
    assert kept["features"]["bytes"] == 0
    assert cli.main(["cache", "--clear", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"]["planes"]["bytes"] == 0
