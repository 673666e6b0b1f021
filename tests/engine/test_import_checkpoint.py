"""`xferviewer import-checkpoint` from a file to a checkpoint that predicts and explains."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from xferviewer import cli
from xferviewer.checkpoints import Head, Preprocessing, read_checkpoint
from xferviewer.checkpoints.folder import file_digest
from xferviewer.checkpoints.import_answers import Answers
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.engine.import_checkpoint import import_checkpoint, imported_network
from xferviewer.engine.import_preview import preview
from xferviewer.engine.inference import load, predict_images
from xferviewer.engine.saliency import explain
from xferviewer.errors import UnusableCheckpoint
from xferviewer.evaluation.scores import scores_from_logits
from xferviewer.networks import backbones
from xferviewer.networks.preprocessing import present_to_tensor
from xferviewer.studies.images import present, read_image

FINDINGS = ("Edema", "Effusion", "Mass")
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "checkpoints" / "efficientnet-lite0-57934424.pth"


@pytest.fixture
def original():
    torch.manual_seed(0)
    return backbones.create("test_resnet", 3).eval()


@pytest.fixture
def file(tmp_path, original):
    torch.save(
        {"state_dict": {f"module.{key}": values for key, values in original.state_dict().items()}}, tmp_path / "lab.pth"
    )
    return tmp_path / "lab.pth"


def run(capsys, *words) -> tuple[int, dict]:
    code = cli.main(["import-checkpoint", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_that_an_imported_checkpoint_gives_the_logits_of_the_file_and_says_all_that_was_decided(
    tmp_path, capsys, file, original
):
    code, told = run(
        capsys, file, "--out", tmp_path / "lab", "--architecture", "test_resnet", "--findings", ",".join(FINDINGS),
        "--preprocessing", "imagenet", "--name", "ours", "--untrained", "Mass",
    )  # fmt: skip

    checkpoint = read_checkpoint(tmp_path / "lab")
    assert code == 0
    assert (checkpoint.name, checkpoint.findings, checkpoint.trained_findings) == ("ours", FINDINGS, FINDINGS[:2])
    assert checkpoint.task == "multi-label"
    assert checkpoint.card.imported.sha256 == told["source_sha256"] == file_digest(file)
    assert list(checkpoint.card.imported.decisions) == told["decisions"]
    assert any("module." in said for said in told["decisions"])
    assert any("--task" in said for said in told["decisions"])
    assert "Imported from lab.pth" in (checkpoint.folder / "README.md").read_text("utf-8")
    inputs = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        expected = original(inputs).numpy()
    loaded = load(checkpoint, torch.device("cpu"))
    assert np.array_equal(loaded.logits(inputs), expected)
    assert explain(loaded, inputs[0]).maps.shape == (3, 64, 64)


@pytest.mark.parametrize(
    ("missing", "option"),
    [("--findings", "--findings"), ("--preprocessing", "--preprocessing"), ("--architecture", "--architecture")],
)
def test_that_what_no_file_carries_is_asked_for_naming_the_option(tmp_path, capsys, file, missing, option):
    given = {"--architecture": "test_resnet", "--findings": "a,b,c", "--preprocessing": "imagenet"}
    del given[missing]
    words = [word for pair in given.items() for word in pair]
    code, told = run(capsys, file, "--out", tmp_path / "out", *words)
    assert code == 2
    assert option in told["error"]["todo"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"--findings": "a,b"}, "3 logits; 2 different"),
        ({"--findings": "a,b,b"}, "3 logits; 2 different"),
        ({"--untrained": "d"}, "d is named as untrained"),
        ({"--preprocessing": "imagnet"}, "imagnet is no preprocessing"),
        ({"--preprocessing": "grey"}, "makes 1 channels, the network takes 3"),
        ({"--task": "binary"}, "one logit"),
        ({"--architecture": "test_vit"}, "test_vit"),
    ],
)
def test_that_answers_that_do_not_fit_are_refused_before_anything_is_written(tmp_path, capsys, file, changed, why):
    given = {"--architecture": "test_resnet", "--findings": "a,b,c", "--preprocessing": "imagenet"} | changed
    code, told = run(capsys, file, "--out", tmp_path / "out", *(word for pair in given.items() for word in pair))
    assert code == 2
    assert why in told["error"]["why"]
    assert not (tmp_path / "out").exists()


def test_that_a_folder_with_something_in_it_is_never_replaced(tmp_path, capsys, file):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    code, told = run(
        capsys, file, "--out", tmp_path / "mine", "--architecture", "test_resnet", "--findings", "a,b,c",
        "--preprocessing", "imagenet",
    )  # fmt: skip
    assert (code, (tmp_path / "mine" / "thesis.txt").read_text()) == (2, "years")
    assert "not empty" in told["error"]["why"]


def test_that_a_toml_file_beside_the_weights_answers_and_options_come_before_it(tmp_path, capsys, file):
    (tmp_path / "lab.pth.toml").write_text(
        'architecture = "test_resnet"\nfindings = ["a", "b", "c"]\ntask = "multi-class"\nlicense = "MIT"\n'
        "[preprocessing]\nsize = [96, 96]\nmean = [0.1, 0.2, 0.3]\nstd = [1.0, 1.0, 1.0]\n"
        'channel_order = "BGR"\n'
    )
    assert run(capsys, file, "--out", tmp_path / "one")[0] == 0
    assert run(capsys, file, "--out", tmp_path / "two", "--preprocessing", "radimagenet", "--findings", "x,y,z")[0] == 0
    one, two = read_checkpoint(tmp_path / "one"), read_checkpoint(tmp_path / "two")
    assert one.preprocessing == Preprocessing((96, 96), (0.1, 0.2, 0.3), (1.0, 1.0, 1.0), channel_order="BGR")
    assert (one.task, one.card.license, one.findings) == ("multi-class", "MIT", ("a", "b", "c"))
    assert (two.task, two.findings) == ("multi-class", ("x", "y", "z"))
    assert (two.preprocessing.mean, two.preprocessing.channel_order) == ((0.5,) * 3, "BGR")
    (tmp_path / "lab.pth.toml").write_text('architectur = "test_resnet"\n')
    code, told = run(capsys, file, "--out", tmp_path / "three")
    assert code == 2
    assert "architectur" in told["error"]["why"]


def test_that_constants_beside_the_weights_are_those_of_their_preset_and_no_other(tmp_path, capsys, file):
    (tmp_path / "lab.pth.toml").write_text(
        'architecture = "test_resnet"\nfindings = ["a", "b", "c"]\nuntrained = ["c"]\npreset = "half"\n'
        'origin = "a laboratory"\n[constants]\nsize = [96, 96]\n'
    )
    assert run(capsys, file, "--out", tmp_path / "one")[0] == 0
    assert run(capsys, file, "--out", tmp_path / "two", "--preprocessing", "imagenet", "--untrained", "")[0] == 0
    one, two = read_checkpoint(tmp_path / "one"), read_checkpoint(tmp_path / "two")
    assert (one.preprocessing, one.trained_findings) == (PRESETS["half"].at((96, 96)), ("a", "b"))
    assert two.preprocessing.size != (96, 96)
    assert two.preprocessing.crop_fraction == 0.875
    assert two.trained_findings == ("a", "b", "c")
    assert one.card.initialisation[0].source == "a laboratory"


def test_that_timms_own_config_beside_the_weights_answers(tmp_path, capsys, make_checkpoint):
    made = make_checkpoint("test_resnet", findings=("x", "y"), size=96)
    (made.folder / "README.md").unlink()
    code, told = run(capsys, made.folder / "model.safetensors", "--out", tmp_path / "again", "--task", "multi-class")
    assert code == 0, told
    again = read_checkpoint(tmp_path / "again")
    assert (again.architecture, again.findings, again.preprocessing) == ("test_resnet", ("x", "y"), made.preprocessing)


def test_that_a_config_of_another_network_beside_the_weights_is_named_in_the_refusal(tmp_path, capsys, file):
    (tmp_path / "config.json").write_text('{"architecture": "test_vit"}')
    code, told = run(capsys, file, "--out", tmp_path / "out")
    assert code == 2
    assert "test_vit was read from config.json beside it" in told["error"]["why"]
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')  # some other program's
    _, told = run(capsys, file, "--out", tmp_path / "out")
    assert "config.json" not in told["error"]["why"]


def test_that_a_backbone_without_classifier_is_sent_to_training(tmp_path, capsys, original):
    torch.save(
        {key: v for key, v in original.state_dict().items() if not key.startswith("fc.")}, tmp_path / "trunk.pth"
    )
    code, told = run(capsys, tmp_path / "trunk.pth", "--out", tmp_path / "out", "--architecture", "test_resnet")
    assert code == 2
    assert "without a classifier" in told["error"]["why"]
    assert "network.weights" in told["error"]["todo"]


def test_that_a_head_that_is_not_linear_is_imported_with_it(tmp_path, capsys):
    torch.manual_seed(0)
    head = Head("non-linear", {"ratio": 0.5})
    ours = backbones.create("test_resnet", 2, head=head).eval()
    names = {"fc.hidden.": "1.fc1.", "fc.hidden_norm.": "1.bn1.", "fc.output.": "1.fc2."}
    state = {}
    for key, values in ours.state_dict().items():
        old = next((key.replace(a, b) for a, b in names.items() if key.startswith(a)), f"0.backbone.{key}")
        state[old] = values
    torch.save(state, tmp_path / "p1.pth")
    code, told = run(
        capsys, tmp_path / "p1.pth", "--out", tmp_path / "p1", "--architecture", "test_resnet", "--findings", "no,yes",
        "--task", "multi-class", "--preprocessing", "caffe+std",
    )  # fmt: skip
    assert (code, told["head"]) == (0, "non-linear")
    checkpoint = read_checkpoint(tmp_path / "p1")
    assert checkpoint.preprocessing.size == (256, 256)
    inputs = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert np.array_equal(load(checkpoint, torch.device("cpu")).logits(inputs), ours(inputs).numpy())


def test_that_the_caffe_preset_has_the_published_values():
    """Of red, green, blue 0, 0, 0; 255, 255, 255; 128, 128, 128; 255, 128, 0: blue, green, red of the input."""
    made = PRESETS["caffe+std"].at((224, 224))
    pixels = np.array([[0, 0, 0], [255, 255, 255], [128, 128, 128], [255, 128, 0]], dtype=np.float32) / 255
    for pixel, expected in zip(
        pixels,
        [
            (-1.811573, -2.044450, -2.117990),
            (2.632872, 2.419835, 2.248823),
            (0.419364, 0.196446, 0.073979),
            (-1.811573, 0.196446, 2.248823),
        ],
        strict=True,
    ):
        picture = np.broadcast_to(pixel, (256, 256, 3))
        np.testing.assert_allclose(present_to_tensor(picture, made)[:, 7, 9].numpy(), expected, atol=2e-6)


@pytest.mark.parametrize("name", PRESETS)
def test_that_every_preset_keeps_grey_levels_in_order(name):
    made = PRESETS[name].at((32, 32))
    ramp = np.broadcast_to(np.linspace(0, 1, 64, dtype=np.float32), (64, 64))
    tensor = present_to_tensor(ramp, made)
    assert tensor.shape == (made.channels, *made.size)
    assert (tensor.diff(dim=2) >= 0).all()


@pytest.mark.skipif(not SHARED.exists(), reason="the shared checkpoints are not beside the checkout")
def test_that_the_imagenet_file_imports_and_calls_a_daisy_a_daisy(tmp_path, capsys):
    """Class 985 of ImageNet, on the photograph of a flower that scikit-learn brings; torchvision names the classes."""
    from PIL import Image
    from sklearn.datasets import load_sample_image
    from torchvision.models._meta import _IMAGENET_CATEGORIES as CATEGORIES

    named = [f"{number} {name}" for number, name in enumerate(CATEGORIES)]  # two of them share a name
    (tmp_path / "classes.txt").write_text("\n".join(named))
    code, told = run(
        capsys, SHARED, "--out", tmp_path / "lite0", "--findings", tmp_path / "classes.txt", "--task", "multi-class",
        "--preprocessing", "timm",
    )  # fmt: skip
    assert (code, told["architecture"]) == (0, "tf_efficientnet_lite0")
    assert "and 980 more." in (tmp_path / "lite0" / "README.md").read_text("utf-8")
    loaded = load(tmp_path / "lite0", torch.device("cpu"))
    flower = Image.fromarray(load_sample_image("flower.jpg"))
    pixels = np.asarray(flower.crop((106, 0, 533, 427)), dtype=np.float32) / 255
    logits = loaded.logits(present_to_tensor(pixels, loaded.checkpoint.preprocessing)[None])[0]
    assert loaded.checkpoint.findings[logits.argmax()] == "985 daisy"


def test_that_looking_names_every_candidate_and_how_well_it_fits_and_writes_nothing(tmp_path, capsys):
    torch.manual_seed(0)
    state = backbones.create("densenet121", 3, channels=1).state_dict()
    torch.save({"model": {f"module.{key}": values for key, values in state.items()}}, tmp_path / "lab.ckpt")
    code, told = run(capsys, tmp_path / "lab.ckpt", "--look")
    first, *others = told["candidates"]
    assert code == 0
    assert (told["container"], told["tensors"]) == ("torch.save, zip", len(state))
    assert told["sha256"] == file_digest(tmp_path / "lab.ckpt")
    assert (first["architecture"], first["faults"], first["outputs"], first["channels"]) == ("densenet121", 0, 3, 1)
    assert "timm" not in first  # its three means do not suit one channel
    assert {each["architecture"] for each in others} == {"densenet161", "densenet169", "densenet201"}
    assert all(each["faults"] and each["first_fault"] for each in others)
    assert told["decisions"] == ["Taken from “model”.", "“module.” was taken off every name."]
    assert [path.name for path in tmp_path.iterdir()] == ["lab.ckpt"]
    code, told = run(capsys, tmp_path / "lab.ckpt", "--look", "--architecture", "resnet999")
    assert code == 2
    assert "resnet999" in told["error"]["why"]


def test_that_single_constants_are_put_into_the_preset_and_said_on_the_card(tmp_path, capsys, file):
    given = ["--architecture", "test_resnet", "--findings", tmp_path / "names.json", "--preprocessing", "caffe+std"]
    (tmp_path / "names.json").write_text('{"0": "a", "1": "b", "2": "c"}')
    words = ["--size", "96,64", "--mean=-0.5,0.25,1e-3", "--polarity", "inverted", "--interpolation", "bicubic"]
    more = ["--title", "Ours", "--license", "MIT", "--origin", "doi:10.1000/1"]
    code, told = run(capsys, file, "--out", tmp_path / "one", *given, *words, *more)
    assert code == 0, told
    checkpoint = read_checkpoint(tmp_path / "one")
    named = PRESETS["caffe+std"].at((96, 64))
    assert checkpoint.preprocessing == Preprocessing(
        (96, 64), (-0.5, 0.25, 1e-3), named.std, channel_order="BGR", interpolation="bicubic", polarity="inverted"
    )
    assert checkpoint.findings == ("a", "b", "c")
    assert any("size, mean, interpolation, polarity" in said for said in told["decisions"])
    assert (checkpoint.title, checkpoint.card.license) == ("Ours", "MIT")
    assert [step.source for step in checkpoint.card.initialisation] == ["doi:10.1000/1", "imported"]
    assert "--json" not in checkpoint.card.command


def test_that_constants_alone_are_a_preprocessing_where_mean_and_deviation_are_among_them(tmp_path, capsys, file):
    given = ["--architecture", "test_resnet", "--findings", "a,b,c"]
    assert run(capsys, file, "--out", tmp_path / "one", *given, "--mean", "0,0,0")[0] == 2
    code, told = run(capsys, file, "--out", tmp_path / "one", *given, "--mean", "0,0,0", "--std", "1,1,0")
    assert (code, "positive" in told["error"]["why"]) == (2, True)
    code, told = run(
        capsys, file, "--out", tmp_path / "one", *given, "--mean", "0,0,0", "--std", "1,1,1", "--size", "64"
    )
    assert code == 0, told
    assert read_checkpoint(tmp_path / "one").preprocessing == Preprocessing((64, 64), (0.0,) * 3, (1.0,) * 3)


def test_that_a_preview_is_the_input_and_the_logits_of_the_imported_checkpoint(tmp_path, capsys, file):
    film = tmp_path / "film.png"
    pixels = np.random.default_rng(0).integers(0, 255, (80, 70), dtype=np.uint8)
    Image.fromarray(pixels).save(film)
    given = Answers(
        architecture="test_resnet", findings=tuple("abc"), preset="half", constants={"polarity": "inverted"}
    )
    shown = preview(file, imported_network(file, given), film)
    import_checkpoint(file, tmp_path / "out", given)
    loaded = load(tmp_path / "out", torch.device("cpu"))
    (predicted,) = predict_images([loaded], [(film, 0)])
    assert np.array_equal(np.array(shown.logits, np.float32), predicted.logits[0])
    assert np.array_equal(
        np.array(shown.probabilities, np.float32), scores_from_logits(predicted.logits[0][None], "multi-label")[0]
    )
    made = loaded.checkpoint.preprocessing
    inputs = present_to_tensor(present(read_image(film, 0)), made)
    assert (shown.minimum, shown.maximum) == (float(inputs.min()), float(inputs.max()))
    assert shown.preprocessing_digest == made.digest
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown.picture))))
    assert seen.shape[:2] == made.size
    assert np.abs(seen / 255 - (inputs[0].numpy() * 0.5 + 0.5)).max() < 0.003  # grey: one plane for all channels


def test_that_a_size_that_a_network_does_not_take_is_refused_in_words(tmp_path, capsys):
    torch.save(backbones.create("test_vit", 2).state_dict(), tmp_path / "vit.pth")
    given = Answers(architecture="test_vit", findings=("a", "b"), preset="half", constants={"size": [99, 99]})
    Image.fromarray(np.zeros((80, 70), np.uint8)).save(tmp_path / "film.png")
    with pytest.raises(UnusableCheckpoint, match="does not compute images of 99 by 99"):
        preview(tmp_path / "vit.pth", imported_network(tmp_path / "vit.pth", given), tmp_path / "film.png")


@pytest.mark.parametrize(
    ("name", "size", "library"),
    [
        *(("alexnet", 64, "torchvision"), ("squeezenet1_1", 64, "torchvision"), ("maxvit_t", 224, "torchvision")),
        *(
            ("googlenet", 64, "torchvision"),
            ("shufflenet_v2_x0_5", 64, "torchvision"),
            ("mnasnet1_3", 64, "torchvision"),
        ),
        ("mobilenet_v3_small", 64, "timm"),
    ],
)
def test_that_networks_of_torchvision_come_all_the_way_from_a_file_to_a_map(tmp_path, capsys, name, size, library):
    import torchvision

    torch.manual_seed(0)
    options = {"googlenet": {"aux_logits": False, "init_weights": False}}
    original = torchvision.models.get_model(name, num_classes=3, **options.get(name, {})).eval()
    for module in original.modules():  # as after training: random networks as deep as these say the same of everything
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.05, 0.2)
    torch.save(original.state_dict(), tmp_path / "w.pth")
    (tmp_path / "made.toml").write_text(f"size = [{size}, {size}]\nmean = [0.5, 0.5, 0.5]\nstd = [0.5, 0.5, 0.5]\n")

    code, told = run(
        capsys, tmp_path / "w.pth", "--out", tmp_path / "out", "--findings", "a,b,c",
        "--preprocessing", tmp_path / "made.toml",
    )  # fmt: skip

    assert code == 0, told
    checkpoint = read_checkpoint(tmp_path / "out")
    assert checkpoint.card.library_name == library
    assert ("local-dir:" in (checkpoint.folder / "README.md").read_text("utf-8")) == (library == "timm")
    loaded = load(checkpoint, torch.device("cpu"))
    inputs = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        np.testing.assert_allclose(loaded.logits(inputs), original(inputs).numpy(), rtol=1e-5, atol=1e-5)
    explanation = explain(loaded, inputs[0])
    assert explanation.maps.shape == (3, size, size)
    assert np.isfinite(explanation.maps).all()
