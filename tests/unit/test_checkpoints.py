"""A checkpoint folder is read whole or refused in words."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.checkpoints import (
    Card,
    InitialisationStep,
    Metric,
    Preprocessing,
    TrainingData,
    find_checkpoints,
    read_checkpoint,
    verify_digest,
    write_card,
    write_checkpoint,
)
from xferviewer.checkpoints.card import parse_card, render_card
from xferviewer.errors import UnusableCheckpoint, UnusableFolder

CARD = Card(
    name="lite0",
    title="Lite0 – from ImageNet",
    architecture="tf_efficientnet_lite0",
    findings=("Edema", "Effusion"),
    trained_findings=("Effusion",),
    task="multi-label",
    preprocessing=Preprocessing(size=(192, 160), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    weights_sha256="",
    license="Apache-2.0",
    initialisation=(InitialisationStep("ImageNet-1k", "file.pth", "ab" * 32, "Apache-2.0"),),
    data=TrainingData("phantom", "A", 7, 900, 100, 450, 50, 0, "cd" * 32),
    recipe={"epochs": 3, "learning_rate": 1e-4, "augmentation": {"shift": 0.05}},
    seed=0,
    command="xferviewer train spec.toml",
    metrics=(
        Metric("phantom site A", "A", "Edema", 20, 180, 0.91234, 0.87, 0.95),
        Metric("phantom site A", "A", "Effusion", 0, 200, None, None, None),
    ),
    libraries={"torch": "2.15.0"},
)
WEIGHTS = {"bias": np.arange(2, dtype=np.float32), "count": np.array(3, dtype=np.int64)}


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "lite0", CARD, {"drop_rate": 0.1}, WEIGHTS).folder


def edit_card(folder, **changes):
    """Write other values into the front matter by hand, None removes a key."""
    _, front, page = (folder / "README.md").read_text().split("---\n", 2)
    content = yaml.safe_load(front) | changes
    content = {key: value for key, value in content.items() if value is not None}
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(content)}---\n{page}")


def test_that_what_was_written_is_read_back(folder):
    checkpoint = read_checkpoint(folder)

    assert checkpoint.card == replace(CARD, weights_sha256=checkpoint.weights_sha256)
    assert checkpoint.options == {"drop_rate": 0.1}
    verify_digest(checkpoint)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_that_whoever_may_read_one_file_may_read_all(folder):
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert len(modes) == 1
    assert folder.stat().st_mode & 0o777 == 0o755


def test_that_the_config_is_what_timm_expects(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["architecture"] == "tf_efficientnet_lite0"
    assert config["num_classes"] == config["pretrained_cfg"]["num_classes"] == 2
    assert config["pretrained_cfg"]["input_size"] == [3, 192, 160]


def test_that_the_page_shows_the_metrics_with_interval_and_undefined_ones_as_such(folder):
    page = (folder / "README.md").read_text()
    assert "| Edema | 0.912 [0.870, 0.950], 20 |" in page
    assert "| Effusion | undefined |" in page


def test_that_no_file_of_the_folder_is_a_pickle(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.safetensors"])
def test_that_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UnusableCheckpoint, match=name):
        read_checkpoint(folder)


def test_that_other_weights_than_the_card_names_are_refused(folder):
    checkpoint = read_checkpoint(folder)
    with checkpoint.weights.open("ab") as weights:
        weights.write(b"\0")
    with pytest.raises(UnusableCheckpoint, match="SHA-256"):
        verify_digest(checkpoint)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"card_version": 5}, "version 5"),
        ({"card_version": None}, "no card_version"),
        ({"title": None}, "title is missing"),
        ({"colour": "blue"}, "Unknown key colour"),
        ({"findings": "Edema"}, "findings should be a list"),
        ({"findings": ["Effusion", "Edema"]}, "not the label_names"),
        ({"findings": ["Edema", "Effusion", "Mass"]}, "2 outputs, the card 3"),
        ({"findings": ["Edema", "Edema"]}, "every output once"),
        ({"trained_findings": ["Mass"]}, "Mass"),
        ({"architecture": "resnet50"}, "resnet50"),
        ({"task": "regression"}, "task should be one of"),
        ({"seed": True}, "seed should be a whole number"),
        ({"preprocessing": {"size": [224], "mean": [0.5], "std": [0.5]}}, r"preprocessing\.size should have 2"),
        ({"preprocessing": {"size": [2, 2], "mean": [0.5], "std": [0.5]}}, "preprocessing: mean and std"),
        ({"preprocessing": {"size": [2, 2], "mean": [0.5] * 3, "std": [0.0] * 3}}, "positive"),
        ({"metrics": [{"cohort": "A"}]}, r"metrics\[0\].site is missing"),
    ],
)
def test_that_a_faulty_card_is_refused_naming_the_key(folder, changes, why):
    edit_card(folder, **changes)
    with pytest.raises(UnusableCheckpoint, match=why) as refused:
        read_checkpoint(folder)
    assert all(part.endswith((".", "!")) for part in (refused.value.what, refused.value.why, refused.value.todo))


@pytest.mark.parametrize(
    ("readme", "why"),
    [
        ("", "no front matter"),
        ("# A page\n", "no front matter"),
        ("---\nfindings: [a\n---\n", "not YAML"),
        ("---\n- a\n---\n", "card_version"),
        ("---\n!!python/object/apply:os.system ['true']\n---\n", "not YAML"),
    ],
)
def test_that_a_readme_without_a_card_is_refused(folder, readme, why):
    (folder / "README.md").write_text(readme)
    with pytest.raises(UnusableCheckpoint, match=why):
        read_checkpoint(folder)


@pytest.mark.parametrize("config", ["", "[]", '{"architecture": "resnet50"}', "\xff"])
def test_that_a_faulty_config_is_refused(folder, config):
    (folder / "config.json").write_text(config, encoding="latin-1")
    with pytest.raises(UnusableCheckpoint, match=r"config\.json"):
        read_checkpoint(folder)


def test_that_more_metrics_can_be_put_on_a_card(folder):
    checkpoint = read_checkpoint(folder)
    more = replace(checkpoint.card, metrics=(*CARD.metrics, Metric("other", None, "Edema", 3, 4, 0.5, 0.2, 0.8)))

    write_card(checkpoint, more)

    assert read_checkpoint(folder).card == more
    verify_digest(read_checkpoint(folder))


def test_that_a_checkpoint_is_replaced_whole(folder):
    write_checkpoint(folder, replace(CARD, title="Another"), {}, {"bias": np.zeros(2, dtype=np.float32)})
    checkpoint = read_checkpoint(folder)
    verify_digest(checkpoint)
    assert checkpoint.title == "Another"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_that_a_write_that_fails_leaves_the_old_checkpoint_and_nothing_else(folder, monkeypatch):
    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full_disk)
    with pytest.raises(UnusableFolder, match="No space left"):
        write_checkpoint(folder, replace(CARD, title="Another"), {}, WEIGHTS)

    verify_digest(read_checkpoint(folder))
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_that_checkpoints_are_found_in_and_below_a_folder(tmp_path, folder):
    deep = write_checkpoint(tmp_path / "jobs" / "1" / "result" / "checkpoint", CARD, {}, WEIGHTS).folder
    (deep / "README.md").unlink()  # still a checkpoint, though one that reading will refuse
    assert find_checkpoints(tmp_path / "jobs") == [deep]
    assert find_checkpoints(folder) == [folder]
    with pytest.raises(UnusableFolder):
        find_checkpoints(tmp_path / "nowhere")


@given(
    st.builds(
        Preprocessing,
        size=st.tuples(st.integers(1, 999), st.integers(1, 999)),
        mean=st.just((0.485, 0.456, 0.406)),
        std=st.tuples(*[st.floats(0.01, 10)] * 3),
        resize=st.sampled_from(["squash", "shorter"]),
        crop_fraction=st.floats(0.1, 1),
        channel_order=st.sampled_from(["RGB", "BGR"]),
    ),
    st.text(min_size=1).filter(str.isprintable),
)
def test_that_every_card_survives_writing_and_reading_with_the_same_digest(preprocessing, title):
    card = parse_card(render_card(replace(CARD, preprocessing=preprocessing, title=title)))
    assert card.preprocessing == preprocessing
    assert card.preprocessing.digest == preprocessing.digest
    assert card.title == title


def test_that_every_constant_of_the_preprocessing_changes_its_digest():
    other = {
        "size": (160, 192),
        "mean": (0.4, 0.5, 0.5),
        "std": (0.2, 0.25, 0.25),
        "resize": "shorter",
        "crop_fraction": 0.9,
        "interpolation": "bicubic",
        "channel_order": "BGR",
        "polarity": "inverted",
    }
    digests = {replace(CARD.preprocessing, **{name: value}).digest for name, value in other.items()}
    assert len(digests | {CARD.preprocessing.digest}) == len(other) + 1
