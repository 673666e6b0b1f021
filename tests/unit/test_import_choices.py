"""What the import dialog says is wrong, and the command line that says what was chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer.checkpoints import Preprocessing
from xferviewer.checkpoints.import_answers import Answers
from xferviewer.checkpoints.import_report import Candidate, FileReport
from xferviewer.checkpoints.preprocessing_presets import PRESETS
from xferviewer.cli.checkpoints import read_import_words
from xferviewer.gui.import_choices import (
    OWN,
    ImportChoices,
    answers_of,
    base_of,
    faults_of,
    free_folder,
    presets_for,
    read_constants,
    refusal,
    shown_constants,
    words_of,
)  # fmt: skip

TIMM = Preprocessing((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "shorter", 0.95, "bicubic")
FITS = Candidate("resnet18", 0, outputs=3, head="linear", timm=TIMM)
REPORT = FileReport("lab.pth", "torch.save, zip", 9, "0" * 64, 2, 9, candidates=(FITS,))


@pytest.fixture
def choices(tmp_path) -> ImportChoices:
    base = base_of("imagenet", FITS, Answers())
    return ImportChoices(
        tmp_path / "lab.pth", tmp_path / "checkpoints" / "lab", "resnet18", ("a", "b", "c"), (), "multi-label",
        "imagenet", base, shown_constants(base), "lab",
    )  # fmt: skip


def test_that_complete_choices_have_no_fault(choices):
    assert faults_of(choices, REPORT, FITS) == {}


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"findings": ()}, "findings", "3 logits"),
        ({"findings": ("a", "b")}, "findings", "2 of 3"),
        ({"findings": ("a", "", "c")}, "findings", "2 of 3"),
        ({"findings": ("a", "b", "c", "d")}, "findings", "take 1 away"),
        ({"findings": ("a", "b", "b")}, "findings", "b is named twice"),
        ({"task": "binary"}, "task", "one logit"),
        ({"preset": ""}, "preset", "choose"),
        ({"name": " "}, "name", "short name"),
    ],
)
def test_that_each_fault_is_said_by_its_field(choices, changed, field, words):
    faults = faults_of(replace(choices, **changed), REPORT, FITS)
    assert list(faults) == [field]
    assert words in faults[field]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("size", "224.5"), ("size", "0, 224"), ("size", "99999"), ("crop_fraction", "1.5"), ("crop_fraction", "seven"),
        ("mean", "0.5, 0.5"), ("mean", "nan, 1, 1"), ("std", "0, 1, 1"), ("std", "-1, 1, 1"), ("mean", ""),
    ],
)  # fmt: skip
def test_that_an_impossible_constant_is_said_by_its_field(choices, name, text):
    faults = faults_of(replace(choices, constants=replace(choices.constants, **{name: text})), REPORT, FITS)
    assert list(faults) in ([name], ["mean"])
    assert all(fault.endswith(".") for fault in faults.values())


def test_that_a_number_of_channels_that_the_network_does_not_take_is_a_fault(choices):
    grey = replace(choices.constants, channel_order="grey", mean="0.5", std="0.2")
    assert "takes 3 channels" in faults_of(replace(choices, constants=grey), REPORT, FITS)["channel_order"]


def test_that_architectures_without_fit_and_without_head_say_what_can_be_done(choices):
    misfit = Candidate("resnet34", 80, "It has no layer1.2.conv1.weight")
    assert "layer1.2.conv1.weight" in faults_of(choices, REPORT, misfit)["architecture"]
    assert "network.weights" in faults_of(choices, REPORT, Candidate("resnet18", 0))["architecture"]
    stranger = replace(REPORT, candidates=(), first_name="tokens.weight")
    assert "the first is tokens.weight: name the" in faults_of(choices, stranger, None)["architecture"]
    several = (Candidate("efficientnet_b0", 0), Candidate("tf_efficientnet_b0", 0), misfit)
    told = faults_of(choices, replace(REPORT, candidates=several), None)["architecture"]
    assert told.startswith("It fits efficientnet_b0, tf_efficientnet_b0, which")


def test_that_folders_that_cannot_be_written_are_faults(choices, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("")
    for out, words in [
        (tmp_path / "taken", "not empty"), (tmp_path / "file", "not empty"), (tmp_path / "file" / "lab", "may not"),
        (tmp_path.relative_to("/") / "lab", "whole path"),
    ]:  # fmt: skip
        assert words in faults_of(replace(choices, out=out), REPORT, FITS)["out"]
    assert free_folder(tmp_path, "taken").name == "taken-2"
    assert free_folder(tmp_path, "../a b/c").parent == tmp_path


@pytest.mark.parametrize("preset", [*presets_for(FITS), OWN])
def test_that_constants_that_nobody_changed_keep_every_digit(preset):
    base = base_of(preset, FITS, Answers())
    assert read_constants(shown_constants(base), base) == (base, {})


def said_by(words: list[str]) -> Answers:
    return read_import_words(words)[2]


def test_that_a_preset_alone_is_a_short_command(choices, tmp_path):
    assert words_of(choices, Answers()) == [
        str(tmp_path / "lab.pth"), "--out", str(tmp_path / "checkpoints" / "lab"), "--architecture", "resnet18",
        "--findings", "a,b,c", "--task", "multi-label", "--preprocessing", "imagenet", "--name", "lab",
    ]  # fmt: skip


_text = st.text(
    st.characters(exclude_categories=("C",), exclude_characters="\u2028\u2029\x85"), min_size=1, max_size=12
)
_word = _text.filter(lambda text: text == text.strip())
_number = st.floats(-2000, 2000, allow_nan=False)
_deviation = st.floats(1e-6, 2000, allow_nan=False)


@settings(max_examples=50)
@given(
    name=_word, title=_word, findings=st.lists(_word, min_size=3, max_size=3, unique=True),
    untrained=st.sets(st.integers(0, 2)),
    preset=st.sampled_from(["imagenet", "caffe+std", "timm", OWN]), mean=st.lists(_number, min_size=3, max_size=3),
    std=st.lists(_deviation, min_size=3, max_size=3), size=st.tuples(st.integers(1, 4096), st.integers(1, 4096)),
    inverted=st.booleans(),
)  # fmt: skip
def test_that_the_words_say_what_was_chosen_and_nothing_else(
    tmp_path_factory, name, title, findings, untrained, preset, mean, std, size, inverted
):
    base = base_of(preset, FITS, Answers())
    constants = replace(
        shown_constants(base), mean=", ".join(map(repr, mean)), std=", ".join(map(repr, std)),
        size=f"{size[0]} x {size[1]}", polarity="inverted" if inverted else "as shown",
    )  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    chosen = ImportChoices(
        folder / "-lab.pth", folder / "out", "resnet18", tuple(findings), tuple(untrained), "multi-class", preset, base,
        constants, name, title,
    )  # fmt: skip
    said = said_by(words_of(chosen, Answers()))
    assert said == answers_of(chosen, Answers())
    assert (said.name, said.title, said.findings) == (name, title, tuple(findings))
    assert set(said.untrained or ()) == {findings[place] for place in untrained}
    begin = PRESETS[preset].at((224, 224)) if preset in PRESETS else base
    made, _ = read_constants(constants, base)
    assert replace(begin, **said.constants) == made
    assert made.size == size
    assert (made.mean, made.std) == (tuple(mean), tuple(std))


def test_that_a_tick_that_is_put_back_overrules_the_file_beside_the_weights(choices):
    beside = Answers(untrained=("c",))
    words = words_of(choices, beside)
    assert "--untrained=" in words
    assert said_by(words).else_from(beside).untrained == ()


@pytest.mark.parametrize(("name", "words"), [("net.h5", "Keras"), ("net.KERAS", "Keras"), ("net.onnx", "graph")])
def test_that_files_of_other_frameworks_are_refused_with_the_reason(tmp_path, name, words):
    assert words in refusal(tmp_path / name).why
    assert refusal(tmp_path / "net.pth") is None
