"""What is compared, as a value: which classifiers there are, in which order, and what they call their findings."""

from __future__ import annotations

import numpy as np
import pytest

from xferviewer.gui.classifiers import Classifiers
from xferviewer.gui.cohort import Cohort, ImportedPredictions
from xferviewer.gui.columns import EnsembleColumn
from xferviewer.gui.score_book import ScoreBook

SYNONYM = ("Effusion", "Pleural Effusion")  # two names of one finding


def table(name: str, findings: tuple[str, ...], scores: list[list[float]]) -> ImportedPredictions:
    return ImportedPredictions(name, name, name, findings, ("one", "two"), np.array(scores))


@pytest.fixture
def two() -> tuple[ImportedPredictions, ImportedPredictions]:
    return (
        table("a", (SYNONYM[0], "Mass"), [[0.1, 0.2], [0.3, 0.4]]),
        table("b", ("Hernia", SYNONYM[1]), [[0.5, 0.6], [0.7, 0.9]]),
    )


def test_that_findings_are_called_as_the_first_classifier_calls_them(two):
    classifiers = Classifiers(imported=two)
    assert classifiers.findings == (SYNONYM[0], "Mass", "Hernia")
    assert classifiers.own_name("b", SYNONYM[0]) == SYNONYM[1]
    assert not classifiers.is_trained("b", "Mass")
    assert classifiers.common_findings().common == (SYNONYM[0],)


def test_that_an_ensemble_goes_with_one_of_its_members(two):
    classifiers = Classifiers(imported=two, columns=(EnsembleColumn("both", two),))
    assert [each.name for each in classifiers.without_orphans().all] == ["a", "b", "both"]
    assert classifiers.place_of(classifiers.columns[0].digest) == 2
    alone = Classifiers(imported=two[:1], columns=classifiers.columns)
    assert [each.name for each in alone.without_orphans().all] == ["a"]


def test_that_scores_are_asked_for_by_the_common_name_and_of_any_cohort(two):
    book = ScoreBook()
    book.compare(Classifiers(imported=two))
    book.lay_out(Cohort("c", ("two", "three"), ("t", "u"), (-1, -1), (-1, -1), (), np.empty((2, 0))))
    np.testing.assert_array_equal(book.table("b", [SYNONYM[0], "Mass"]), [[0.9, np.nan], [np.nan, np.nan]])
    assert book.score("b", "t", SYNONYM[0]) == 0.9
    assert book.score("b", "u", SYNONYM[0]) is None
    assert book.score("b", "t", "Mass") is None


def test_that_an_ensemble_of_tables_is_the_mean_of_their_scores(two):
    both = EnsembleColumn("both", two)
    book = ScoreBook()
    book.lay_out(Cohort("c", ("one", "two"), ("s", "t"), (-1, -1), (-1, -1), (), np.empty((2, 0))))
    book.compare(Classifiers(imported=two, columns=(both,)))
    assert book.table(both.digest, [SYNONYM[0]])[:, 0] == pytest.approx([0.35, 0.6])


def test_that_scores_outside_zero_and_one_are_of_a_scale_of_their_own(two):
    book = ScoreBook()
    book.compare(Classifiers(imported=(two[0], table("logits", ("Mass",), [[-2.0], [3.0]]))))
    assert (book.kind("a"), book.kind("logits")) == ("probability", "logit")
