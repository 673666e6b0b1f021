"""Forms are made from the dataclasses of a specification."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.gui.spec_difference import differences
from xferviewer.gui.spec_fields import docstring_words, faults_in, fields_of
from xferviewer.gui.training_choices import spec_of, suggested_name
from xferviewer.jobs.backbone_names import KNOWN_BACKBONES
from xferviewer.jobs.recipe import Recipe
from xferviewer.jobs.spec import TrainingSpec, read_spec

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "models/specs/lite0-probe.toml"


@dataclass(frozen=True)
class Inner:
    """share  of the side"""

    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError("share should lie in [0, 1).")


@dataclass(frozen=True)
class Outer:
    """Two numbers and a choice.

    count         how many, and here
                  is more of it
    rate, weight  both of them
    """

    count: int
    rate: float = 1e-3
    weight: float | None = None
    kind: Literal["one", "two"] = "one"
    names: tuple[str, ...] = ()
    size: tuple[int, int] = (2, 3)
    inner: Inner = field(default_factory=Inner)
    other: Inner | None = None
    several: tuple[Inner, ...] = ()
    options: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError("rate should be positive, as inner.share should be.")


def test_that_a_field_is_known_by_its_type_default_and_docstring() -> None:
    found = {facts.name: facts for facts in fields_of(Outer)}
    assert (found["count"].kind, found["count"].default) == ("whole", None)
    assert found["count"].words == "how many, and here is more of it"
    assert found["rate"].words == found["weight"].words == "both of them"
    assert (found["weight"].kind, found["weight"].optional) == ("number", True)
    assert (found["kind"].kind, found["kind"].choices) == ("choice", ("one", "two"))
    assert (found["names"].kind, found["size"].kind, found["size"].default) == ("names", "numbers", [2, 3])
    assert (found["inner"].kind, found["inner"].of, found["inner"].default) == ("group", Inner, {"share": 0.5})
    assert (found["other"].kind, found["other"].optional) == ("group", True)
    assert (found["several"].kind, found["several"].of, found["several"].default) == ("groups", Inner, [])
    assert (found["options"].kind, found["options"].default) == ("table", {})


def test_that_a_job_has_no_field_that_cannot_be_entered() -> None:
    def kinds(cls: type) -> Iterator[tuple[str, str]]:
        for facts in fields_of(cls):
            yield facts.kind, f"{cls.__name__}.{facts.name}"
            if facts.of is not None:
                yield from kinds(facts.of)

    found = list(kinds(TrainingSpec))
    # the head has a part of the form of its own, for its arguments depend on its kind
    assert [name for kind, name in found if kind == "other"] == []
    assert ("table", "NetworkSpec.options") in found
    assert ("groups", "TrainingSpec.held_out") in found


def test_that_every_fault_stands_at_its_field() -> None:
    assert faults_in(Outer, {"count": 1}, "here") == {}
    assert faults_in(Outer, {"count": "x"}, "here") == {"here.count": "Count should be a whole number, not 'x'."}
    assert list(faults_in(Outer, {}, "here")) == ["here.count"]
    assert list(faults_in(Outer, {"count": 1, "rate": -1.0}, "here")) == ["here.rate"]
    two = faults_in(Outer, {"count": 1, "inner": {"share": 2.0}, "other": {"share": "a"}}, "here")
    assert list(two) == ["here.inner.share", "here.other.share"]


def test_that_the_docstring_of_the_recipe_explains_its_fields() -> None:
    words = docstring_words(Recipe)
    assert {"precision", "threads", "weight_decay"} <= set(words)


def test_that_a_form_with_the_content_of_a_file_makes_the_same_specification() -> None:
    spec = read_spec(SPEC)
    made, faults = spec_of(to_mapping(spec))
    assert (made, faults) == (spec, {})


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [("recipe", "epochs", "many"), ("network", "top_groups", 0), ("data", "validation_fraction", 1.5)],
)
def test_that_a_fault_in_one_section_does_not_hide_those_in_another(section: str, key: str, value: object) -> None:
    content = to_mapping(read_spec(SPEC))
    content[section][key] = value
    content["findings"] = []
    made, faults = spec_of(content)
    assert made is None
    assert set(faults) == {f"{section}.{key}", "findings"}


def test_that_a_name_is_one_of_a_folder_and_no_other_jobs() -> None:
    assert suggested_name("Our films, 2024", "torchvision/alexnet", "S3", set()) == "Our-films-2024-alexnet-s3"
    assert suggested_name("a", "b", "S1", {"a-b-s1", "a-b-s1-2"}) == "a-b-s1-3"


def test_that_two_specifications_differ_where_their_files_do() -> None:
    probe, whole = (read_spec(ROOT / f"models/specs/{name}.toml") for name in ("lite0-probe", "lite0-imagenet"))
    found = {difference.key: (difference.one, difference.other) for difference in differences(probe, whole)}
    assert found["network.setting"] == ("S1", "S3")
    assert found["recipe.epochs"] == ("4", "3")
    assert "seed" not in found
    assert differences(probe, probe) == []


def test_that_the_backbones_offered_are_those_of_the_documentation() -> None:
    page = (ROOT / "docs/checkpoints.md").read_text("utf-8")
    table = page.partition("<!-- backbones")[2].partition("<!-- end of backbones")[0]
    rows = re.findall(r"^\| ([^|]+) \| `([^`]+)` \| [^|]+ \| (\d+) \| ([\d,]+) \|", table, re.M)
    documented = [(name, title, int(side), int(number.replace(",", ""))) for title, name, side, number in rows]
    offered = [(row.name, row.title, row.side, row.parameters) for row in KNOWN_BACKBONES]
    assert offered == documented
    assert len(offered) > 30
