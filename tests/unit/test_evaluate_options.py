"""The words of `xferviewer evaluate`: what they mean for a cohort, and that they come back."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xferviewer import cli
from xferviewer.errors import UnusableChoice, UnusableTable
from xferviewer.evaluation.choices import EvaluationChoices, OperatingRule
from xferviewer.evaluation.cohort import Cohort
from xferviewer.evaluation.tables import LabelTable, read_label_table
from xferviewer.exchange.evaluate_options import EvaluateOptions, operating_rule, threshold_words
from xferviewer.exchange.evaluation_snapshot import options_of

FINDINGS = ("Edema", "Pneumonia, viral", "Pleural_Thickening", "a=b")
CHECKPOINTS = ("vit", "resnet:50", "-odd=name")


@pytest.fixture(scope="module")
def cohort() -> Cohort:
    names = ("1", "2")
    return Cohort(
        "image", names, names, names, FINDINGS, np.zeros((2, 4)), CHECKPOINTS, np.zeros((3, 2, 4)),
        {"site": ("A", "B"), "sex": ("F", "M")},
    )  # fmt: skip


@pytest.fixture
def labels(tmp_path: Path) -> LabelTable:
    (tmp_path / "labels.csv").write_text("image,site,sex,x+y,k=v,Edema\na,A,F,1,2,1\n")
    return read_label_table(tmp_path / "labels.csv")


def parsed(words: list[str]) -> EvaluateOptions:
    """What the command line makes of the words."""
    required = ["evaluate", "--labels", "l", "--predictions", "p", "--out", "o"]
    options = cli.parser().parse_args([*required, *words])
    given = {field.name: getattr(options, field.name) for field in fields(EvaluateOptions)}
    return EvaluateOptions(**{name: tuple(of) if isinstance(of, list) else of for name, of in given.items()})


def test_that_no_words_are_the_defaults_of_the_command_line_too() -> None:
    assert parsed([]) == EvaluateOptions()
    assert EvaluateOptions().words() == []


def words(letters: str) -> st.SearchStrategy[str]:
    """Names of odd letters; argparse drops a value that is nothing but two hyphens."""
    return st.text(letters, min_size=1, max_size=4).filter(lambda text: text != "--")


@settings(deadline=None, max_examples=40)
@given(
    st.builds(
        EvaluateOptions,
        unit=st.sampled_from(["image", "study", "patient"]),
        aggregation=st.sampled_from(["max", "mean", "noisy-or"]),
        uncertain=st.sampled_from(["ignore", "zeros", "ones"]),
        level=st.floats(0.01, 0.99),
        by=st.lists(st.sampled_from(["site", "-x", "site+sex"]), max_size=2, unique=True).map(tuple),
        where=st.lists(st.sampled_from(["site=A", "-x=--out", "sex=a b"]), max_size=2, unique=True).map(tuple),
        findings=st.lists(words("ab ,-="), max_size=2).map(tuple),
        cases=st.sampled_from(["each", "common"]),
        reference=words("-a: ") | st.just(""),
        adjust=st.sampled_from(["holm", "bh", "bonferroni", "none"]),
        thresholds=st.lists(words("-a:=.5"), max_size=2).map(tuple),
        operating_point=st.sampled_from(["", "youden", "-0.5"]),
        referral_rate=st.floats(0, 1),
        uncertainty=st.sampled_from(["finding", "case", "spread"]),
        figures=st.lists(st.sampled_from(["svg", "png"]), unique=True).map(tuple),
        tables=st.lists(st.sampled_from(["csv", "latex"]), unique=True).map(tuple),
        notes=st.lists(words("-a. "), max_size=2).map(tuple),
    )
)
def test_that_the_words_of_options_mean_these_options(options: EvaluateOptions) -> None:
    assert parsed(options.words()) == options


def test_that_names_are_found_whatever_signs_are_in_them(cohort: Cohort) -> None:
    options = EvaluateOptions(
        findings=("Pneumonia, viral", "edema,pleural thickening"),
        reference="ViT",
        thresholds=("0.5", "a=b=0.25", "resnet:50:Edema=.125", "-odd=name:a=b=1e-3"),
    )
    choices = options.choices(cohort, (), ())
    assert choices.findings == ("Pneumonia, viral", "Edema", "Pleural_Thickening")
    assert choices.reference == "vit"
    assert choices.thresholds == {
        ("", ""): 0.5, ("", "a=b"): 0.25, ("resnet:50", "Edema"): 0.125, ("-odd=name", "a=b"): 0.001
    }  # fmt: skip


def test_that_columns_may_be_crossed_and_may_hold_the_signs_themselves(labels: LabelTable) -> None:
    options = EvaluateOptions(by=("site+sex", "x+y", "site"), where=("k=v=2", "site=A=B"))
    assert options.columns(labels) == ((("site", "sex"), ("x+y",), ("site",)), (("k=v", "2"), ("site", "A=B")))
    with pytest.raises(UnusableTable, match="ward"):
        EvaluateOptions(where=("ward=A",)).columns(labels)
    with pytest.raises(UnusableChoice, match="chooses no cases"):
        EvaluateOptions(where=("site",)).columns(labels)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", OperatingRule()), ("youden", OperatingRule("youden")), ("0.5", OperatingRule("fixed", 0.5)),
        ("sensitivity:0.95", OperatingRule("sensitivity", 0.95)), ("specificity:1", OperatingRule("specificity", 1.0)),
    ],
)  # fmt: skip
def test_that_an_operating_point_is_read_and_written(text: str, rule: OperatingRule) -> None:
    assert operating_rule(text) == rule
    assert operating_rule(str(rule)) in (rule, OperatingRule("fixed", 0.5))


@pytest.mark.parametrize("text", ["best", "sensitivity", "sensitivity:1.5", "specificity:x", "youden:0.5", "nan"])
def test_that_another_operating_point_is_refused(text: str) -> None:
    with pytest.raises(UnusableChoice, match="no operating point"):
        EvaluateOptions(operating_point=text).check()


@pytest.mark.parametrize(
    "options",
    [
        EvaluateOptions(level=95), EvaluateOptions(level=0), EvaluateOptions(referral_rate=15),
        EvaluateOptions(adjust="bh"), EvaluateOptions(thresholds=("0.5",), operating_point="youden"),
    ],
)  # fmt: skip
def test_that_impossible_and_unread_options_are_refused_in_three_sentences(options: EvaluateOptions) -> None:
    with pytest.raises(UnusableChoice) as refused:
        options.check()
    assert all(part.endswith(".") for part in (refused.value.what, refused.value.why, refused.value.todo))


@pytest.mark.parametrize(
    "options",
    [
        EvaluateOptions(findings=("Edema,Hernia",)), EvaluateOptions(reference="swin"),
        EvaluateOptions(thresholds=("Hernia=0.5",)), EvaluateOptions(thresholds=("swin:Edema=0.5",)),
        EvaluateOptions(thresholds=("Edema=high",)),
    ],
)  # fmt: skip
def test_that_a_name_that_is_not_there_is_refused(cohort: Cohort, options: EvaluateOptions) -> None:
    with pytest.raises(UnusableChoice):
        options.choices(cohort, (), ())


@settings(deadline=None, max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from([("", "Edema"), ("vit", "a=b"), ("resnet:50", "Pneumonia, viral"), ("-odd=name", "Edema")]),
        st.floats(allow_nan=False), max_size=4,
    ),
    st.sampled_from(["", "vit", "-odd=name"]),
    st.lists(st.sampled_from(FINDINGS), unique=True).map(tuple),
    st.sampled_from([OperatingRule("youden"), OperatingRule("sensitivity", 0.9), OperatingRule()]),
)  # fmt: skip
def test_that_choices_written_as_options_are_the_same_choices(
    cohort: Cohort, thresholds: dict[tuple[str, str], float], reference: str, findings: tuple[str, ...], point
) -> None:
    choices = EvaluationChoices(
        by=(("site", "sex"),), where=(("site", "A"),), findings=findings, reference=reference, point=point,
        thresholds=thresholds, cases="common", referral_rate=0.15,
    )  # fmt: skip
    options = parsed(options_of(cohort, choices).words())
    assert options.choices(cohort, choices.by, choices.where) == choices


def test_that_a_threshold_is_written_with_every_digit() -> None:
    assert threshold_words("vit", "Edema", 0.1 + 0.2) == "vit:Edema=0.30000000000000004"
