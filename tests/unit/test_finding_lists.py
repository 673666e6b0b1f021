"""Names of findings out of pasted text, files and published vocabularies."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xferviewer.checkpoints.finding_lists import VOCABULARIES, named_findings, names_in, read_names
from xferviewer.checkpoints.import_answers import joined_names
from xferviewer.errors import UnusableChoice


@pytest.mark.parametrize(
    "text",
    [
        "Edema\nLung Lesion\nMass\n",
        "Edema, Lung Lesion,Mass",
        "Edema; Lung Lesion; Mass;",
        "Edema\tLung Lesion\tMass",
        "\ufefffinding\r\nEdema\r\n\r\nLung Lesion\r\nMass",
        "0,Edema\n1,Lung Lesion\n2,Mass",
        "index,finding\n2,Lung Lesion\n1,Edema\n3,Mass",
        '"Edema","Lung Lesion","Mass"',
    ],
)
def test_that_pasted_names_are_read_however_they_are_parted(text):
    assert names_in(text) == ("Edema", "Lung Lesion", "Mass")


def test_that_two_names_to_a_line_are_names_and_no_numbers():
    assert names_in("Edema,Mass\nNodule,Hernia") == ("Edema", "Mass", "Nodule", "Hernia")


@pytest.mark.parametrize(
    "content",
    [
        ["a", "b", "c"],
        {"0": "a", "2": "c", "1": "b"},
        {"a": 0, "c": 2, "b": 1},
        {"label_names": ["a", "b", "c"]},
        {"architecture": "resnet18", "pretrained_cfg": {"label_names": ["a", "b", "c"]}},
    ],
)
def test_that_json_of_several_programs_gives_the_names_in_order(tmp_path, content):
    (tmp_path / "names.json").write_text(json.dumps(content))
    assert read_names(tmp_path / "names.json") == ("a", "b", "c")


@pytest.mark.parametrize(("name", "content"), [("a.json", "{"), ("a.json", '{"a": "b"}'), ("a.txt", "\n\n")])
def test_that_a_file_without_names_is_refused_in_words(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(UnusableChoice) as refused:
        read_names(tmp_path / name)
    assert refused.value.what.startswith(name)
    with pytest.raises(UnusableChoice):
        read_names(tmp_path / "missing.txt")


def test_that_every_vocabulary_names_each_finding_once_and_is_known_by_name():
    lengths = {name: len(findings) for name, findings in VOCABULARIES.items()}
    assert all(name.endswith(f"-{length}") for name, length in lengths.items())
    assert all(len(set(findings)) == len(findings) for findings in VOCABULARIES.values())
    assert named_findings("chexpert-5")[-1] == "Pleural Effusion"
    assert named_findings("Edema") == ("Edema",)


_names = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=9)
    .filter(lambda name: name not in VOCABULARIES and not name.lower().endswith((".txt", ".csv", ".json"))),
    min_size=1, max_size=20,
)  # fmt: skip


@given(_names)
def test_that_names_on_the_command_line_come_back_whatever_is_in_them(names):
    assert named_findings(joined_names(tuple(names))) == tuple(names)
