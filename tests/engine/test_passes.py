"""Mirrored images, ten crops and dropout at work: exact, reproducible, and the same on the command line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer.checkpoints import FLIP, TEN_CROP, Head, Passes
from xferviewer.cli import main
from xferviewer.engine.inference import Failure, load, predict_images
from xferviewer.engine.passes import RepeatedCheckpoint
from xferviewer.errors import UnusableChoice
from xferviewer.evaluation.members import combine, combine_passes
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.evaluation.tables import read_predictions

if TYPE_CHECKING:
    from tests.engine.conftest import MakeCheckpoint

DROPOUT = Passes("mc-dropout", 4)
WITH_DROPOUT = Head("non-linear")


@pytest.fixture
def films(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "films"
    folder.mkdir()
    random = np.random.default_rng(4)
    for number in range(3):
        pixels = random.integers(0, 256, (90, 80), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"film{number}.png")
    return sorted(folder.iterdir())


def answers(asked: list[object], films: list[Path], batch_size: int | None = None) -> list[np.ndarray]:
    """(images, passes, findings) of each that is asked; (images, findings) of a plain checkpoint."""
    each = list(predict_images(asked, [(film, 0) for film in films], batch_size))  # type: ignore[arg-type]
    assert not any(isinstance(one, Failure) for one in each)
    return [np.stack([one.logits[place] for one in each]) for place in range(len(asked))]  # type: ignore[union-attr]


def test_that_the_first_pass_of_a_flip_is_the_plain_answer_and_the_second_that_of_the_mirror_image(
    make_checkpoint: MakeCheckpoint, films: list[Path], tmp_path: Path
) -> None:
    loaded = load(make_checkpoint("resnet18"))
    plain, flipped = answers([loaded, RepeatedCheckpoint(loaded, FLIP)], films)
    mirrored = []
    for film in films:
        with Image.open(film) as image:
            mirrored.append(tmp_path / f"mirrored-{film.name}")
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(mirrored[-1])
    assert np.array_equal(flipped[:, 0], plain)
    assert not np.array_equal(flipped[:, 1], plain)
    np.testing.assert_allclose(flipped[:, 1], answers([loaded], mirrored)[0], atol=1e-5)


def test_that_ten_crops_are_corners_and_centre_and_their_mirror_images(
    make_checkpoint: MakeCheckpoint, films: list[Path]
) -> None:
    loaded = load(make_checkpoint("resnet18", size=56))
    column = RepeatedCheckpoint(loaded, TEN_CROP)
    assert column.preprocessing.size == (64, 64)
    enlarged = torch.rand(1, 3, 64, 64)
    (passes,) = column.answers(enlarged, ["a"])
    corners = [(0, 0), (0, 8), (8, 0), (8, 8), (4, 4)]
    both = enlarged, enlarged.flip(-1)
    crops = [image[..., top : top + 56, left : left + 56].contiguous() for image in both for top, left in corners]
    expected = [loaded.logits(crop)[0] for crop in crops]
    assert np.array_equal(passes, np.stack(expected))


def test_that_the_centre_of_ten_crops_is_the_plain_answer_where_the_card_crops(
    make_checkpoint: MakeCheckpoint, films: list[Path]
) -> None:
    from dataclasses import replace

    from xferviewer.checkpoints import write_card

    checkpoint = make_checkpoint("resnet18", size=56)
    preprocessing = replace(checkpoint.preprocessing, crop_fraction=0.875)
    loaded = load(write_card(checkpoint, replace(checkpoint.card, preprocessing=preprocessing)))
    plain, crops = answers([loaded, RepeatedCheckpoint(loaded, TEN_CROP)], films)
    assert np.array_equal(crops[:, 4], plain)


@pytest.mark.parametrize("architecture", ["resnet18", "vit_tiny_patch16_224", "tf_efficientnet_lite0"])
def test_that_dropout_drops_and_batch_normalisation_keeps_its_statistics(
    make_checkpoint: MakeCheckpoint, films: list[Path], architecture: str
) -> None:
    options = {"drop_rate": 0.4, **({"img_size": 64} if architecture.startswith("vit") else {})}
    loaded = load(make_checkpoint(architecture, **options))
    before = {name: value.clone() for name, value in loaded.network.state_dict().items()}
    plain, passes = answers([loaded, RepeatedCheckpoint(loaded, DROPOUT)], films)
    assert not any(np.array_equal(passes[:, a], passes[:, b]) for a in range(4) for b in range(a))
    assert not np.array_equal(passes[:, 0], plain)
    assert all(torch.equal(value, before[name]) for name, value in loaded.network.state_dict().items())
    assert not any(module.training for module in loaded.network.modules())
    assert np.array_equal(answers([loaded], films)[0], plain)


def test_that_the_mean_over_many_passes_of_dropout_before_a_linear_layer_is_the_plain_logit(
    make_checkpoint: MakeCheckpoint, films: list[Path]
) -> None:
    """Dropout is scaled so that each activation keeps its mean, and the layer after it is linear."""
    loaded = load(make_checkpoint("resnet18", drop_rate=0.5))
    plain, passes = answers([loaded, RepeatedCheckpoint(loaded, Passes("mc-dropout", 400))], films[:1])
    error = passes.std(axis=1) / 20
    assert (error > 0).all()
    assert (np.abs(passes.mean(axis=1) - plain) < 4 * error).all()


@pytest.mark.parametrize(
    "options", [{"head": WITH_DROPOUT}, {"proj_drop_rate": 0.3}], ids=["in the head", "in the trunk"]
)
def test_that_dropout_does_not_depend_on_order_batch_and_number_of_passes(
    make_checkpoint: MakeCheckpoint, films: list[Path], options: dict[str, Any]
) -> None:
    loaded = load(make_checkpoint("vit_tiny_patch16_224", img_size=64, depth=2, **options))
    (first,) = answers([RepeatedCheckpoint(loaded, DROPOUT)], films)
    torch.manual_seed(99)
    torch.rand(7)  # the random numbers of the rest of the process are none of its
    (backwards,) = answers([RepeatedCheckpoint(loaded, DROPOUT)], films[::-1], 2)
    assert np.array_equal(backwards[::-1], first)
    (more,) = answers([RepeatedCheckpoint(loaded, Passes("mc-dropout", 6))], films)
    assert np.array_equal(more[:, :4], first)
    assert all(len(np.unique(passes, axis=0)) == 6 for passes in more)


def test_that_what_is_dropped_hangs_on_the_image_s_identity(make_checkpoint: MakeCheckpoint) -> None:
    column = RepeatedCheckpoint(load(make_checkpoint("resnet18", head=WITH_DROPOUT)), DROPOUT)
    same = torch.rand(1, 3, 64, 64).expand(3, -1, -1, -1)
    a, b, again = column.answers(same, ["a", "b", "a"])
    assert np.array_equal(a, again)
    assert not any(np.array_equal(one, other) for one in a for other in b)


def test_that_a_network_that_does_not_tell_trunk_and_head_apart_is_asked_whole(
    make_checkpoint: MakeCheckpoint,
) -> None:
    column = RepeatedCheckpoint(load(make_checkpoint("torchvision/alexnet")), DROPOUT)
    image = torch.rand(1, 3, 64, 64)
    (passes,) = column.answers(image, ["a"])
    assert len(np.unique(passes, axis=0)) == DROPOUT.count
    assert not np.array_equal(passes[0], column.loaded.logits(image)[0])


def test_that_a_network_without_dropout_is_refused(make_checkpoint: MakeCheckpoint) -> None:
    with pytest.raises(UnusableChoice, match="no Monte-Carlo dropout of resnet18-0"):
        RepeatedCheckpoint(load(make_checkpoint("resnet18")), DROPOUT)


@pytest.fixture
def pair(make_checkpoint: MakeCheckpoint) -> list[Path]:
    one = make_checkpoint("resnet18", head=WITH_DROPOUT)
    return [one.folder, make_checkpoint("tf_efficientnet_lite0", findings=one.findings[:3]).folder]


def test_that_predict_writes_each_column_and_how_far_its_members_differ(
    pair: list[Path], films: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.csv"
    words = ["predict", "--checkpoint", *map(str, pair), "--images", str(films[0].parent), "--out", str(out)]
    columns = ["--augment", "flip", "--mc-dropout", "4", "--ensemble", "both=resnet18-0,tf_efficientnet_lite0-0"]
    more = ["--ensemble", "flips=resnet18-0 + flip,tf_efficientnet_lite0-0 + flip"]
    assert main([*words, *columns, *more, "--device", "cpu", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    names = [
        "resnet18-0", "tf_efficientnet_lite0-0", "resnet18-0 + flip", "tf_efficientnet_lite0-0 + flip",
        "resnet18-0 + mc-dropout-4", "both", "flips",
    ]  # fmt: skip
    assert said["checkpoints"] == names
    assert said["left_out"] == [
        "tf_efficientnet_lite0-0 has no dropout, so that there is no Monte-Carlo dropout of it."
    ]
    table = read_predictions(out)
    rows = {name: np.array(table.checkpoint) == name for name in names}
    loaded = [load(folder, torch.device("cpu")) for folder in pair]
    asked = [*loaded, RepeatedCheckpoint(loaded[0], FLIP), RepeatedCheckpoint(loaded[0], DROPOUT)]
    plain, other, flipped, dropped = answers(asked, films)
    for name, passes in (("resnet18-0 + flip", flipped), ("resnet18-0 + mc-dropout-4", dropped)):
        combined = combine_passes(passes.swapaxes(0, 1), "multi-label")
        assert np.array_equal(table.scores[rows[name]], combined.scores)
        for measure, values in combined.doubts.items():
            assert np.array_equal(table.doubts[measure][rows[name]], values)
            assert (values > 0).all()
    both = combine([scores_from_logits(each, "multi-label")[:, :3] for each in (plain, other)])
    assert np.array_equal(table.scores[rows["both"], :3], both.scores)
    assert np.isnan(table.scores[rows["both"], 3:]).all()
    assert np.array_equal(table.doubts["member-spread"][rows["both"], :3], both.doubts["member-spread"])
    assert np.isnan(table.doubts["member-spread"][rows["resnet18-0"]]).all()
    flips = np.stack([table.scores[rows[f"{name} + flip"], :3] for name in ("resnet18-0", "tf_efficientnet_lite0-0")])
    assert np.array_equal(table.scores[rows["flips"], :3], combine(flips).scores)


def test_that_logits_of_a_column_are_those_of_its_mean_probability(
    pair: list[Path], films: list[Path], tmp_path: Path
) -> None:
    words = ["predict", "--checkpoint", *map(str, pair), "--images", str(films[0].parent), "--device", "cpu"]
    columns = ["--augment", "ten-crop", "--ensemble", "both=resnet18-0,tf_efficientnet_lite0-0"]
    assert main([*words, *columns, "--out", str(tmp_path / "p.csv")]) == 0
    assert main([*words, *columns, "--out", str(tmp_path / "x.parquet"), "--logits"]) == 0
    probabilities, logits = read_predictions(tmp_path / "p.csv"), read_predictions(tmp_path / "x.parquet")
    assert logits.checkpoint == probabilities.checkpoint
    np.testing.assert_allclose(1 / (1 + np.exp(-logits.scores)), probabilities.scores, atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (["--ensemble", "both=resnet18-0"], "two or more"),
        (["--ensemble", "both=resnet18-0,resnet18-0"], "each once"),
        (["--ensemble", "both=resnet18-0,unknown"], "no column called unknown"),
        (["--ensemble", "resnet18-0=resnet18-0,tf_efficientnet_lite0-0"], "Another column has that name"),
        (["--mc-dropout", "1"], "2 to 1000"),
    ],
)
def test_that_a_column_that_cannot_be_made_is_refused_in_words(
    pair: list[Path],
    films: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    columns: list[str],
    why: str,
) -> None:
    words = ["predict", "--checkpoint", *map(str, pair), "--images", str(films[0].parent)]
    assert main([*words, *columns, "--out", str(tmp_path / "p.csv"), "--device", "cpu"]) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()


def test_that_the_engine_process_answers_with_every_pass_and_says_why_it_cannot(
    pair: list[Path], films: list[Path]
) -> None:
    from xferviewer import protocol
    from xferviewer.engine.server import Engine, Inbox, Sender

    sent: list[protocol.Message] = []

    class Kept(Sender):
        def __call__(self, message: protocol.Message) -> None:
            sent.append(message)

    with_dropout, without = (load(folder, torch.device("cpu")) for folder in pair)
    one, other = with_dropout.checkpoint.digest, without.checkpoint.digest
    asked = (one, FLIP.digest(one), DROPOUT.digest(one), DROPOUT.digest(other))
    images = tuple(protocol.ImageReference(f"film {place}", str(film)) for place, film in enumerate(films))
    engine, inbox = Engine(Kept(io.BytesIO())), Inbox()
    inbox.put(protocol.OpenCheckpoints(1, tuple(map(str, pair)), "cpu", "fp32"))
    engine.work(inbox)
    inbox.put(protocol.PredictImages(2, images, asked))
    while not any(isinstance(message, protocol.Finished) and message.request == 2 for message in sent):
        engine.work(inbox)
    opened = {m.checkpoint: m.dropout for m in sent if isinstance(m, protocol.CheckpointOpened)}
    assert opened == {one: True, other: False}
    columns = [with_dropout, RepeatedCheckpoint(with_dropout, FLIP), RepeatedCheckpoint(with_dropout, DROPOUT)]
    for digest, expected in zip(asked[:3], answers(columns, films), strict=True):
        answered = [m.logits for m in sent if isinstance(m, protocol.Predicted) and m.checkpoint == digest]
        assert np.array_equal(np.stack(answered), expected)
        message = next(m for m in sent if isinstance(m, protocol.Predicted) and m.checkpoint == digest)
        (again,) = protocol.Decoder().feed(protocol.encode(message))
        assert isinstance(again, protocol.Predicted)
        assert np.array_equal(again.logits, message.logits)
    refused = [m for m in sent if isinstance(m, protocol.Failed)]
    assert [m.checkpoint for m in refused] == [DROPOUT.digest(other)] * len(films)
    assert all("no Monte-Carlo dropout" in m.what for m in refused)
