"""The checkpoints that come with the application are whole, small, and say how they were made and how good they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from xferviewer.checkpoints import read_checkpoint, verify_digest
from xferviewer.jobs.spec import read_spec
from xferviewer.resources import bundled_checkpoints

ROOT = Path(__file__).parents[2]
FOLDERS = bundled_checkpoints()
each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def test_that_there_are_at_least_four_under_60_megabytes_with_a_cnn_a_transformer_and_both_initialisations():
    cards = [read_checkpoint(folder).card for folder in FOLDERS]
    assert len(cards) >= 4
    assert sum(path.stat().st_size for folder in FOLDERS for path in folder.iterdir()) < 60e6
    assert {card.architecture.split("_")[0] for card in cards} >= {"tf", "vit"}
    assert {card.initialisation[0].source for card in cards} == {"ImageNet-1k", "random"}


@each
def test_that_the_weights_are_those_that_the_card_names(folder):
    checkpoint = read_checkpoint(folder)
    verify_digest(checkpoint)
    assert checkpoint.name == folder.name


@each
def test_that_the_command_on_the_card_names_a_spec_that_says_the_same(folder):
    card = read_checkpoint(folder).card
    program, verb, path = card.command.split()
    spec = read_spec(ROOT / path)
    assert (program, verb, spec.name) == ("xferviewer", "train", folder.name)
    assert (spec.network.architecture, spec.network.preprocessing) == (card.architecture, card.preprocessing)
    assert (spec.data.phantom.site, spec.data.phantom.seed) == (card.data.site, card.data.seed)
    assert card.data.shared_patients == 0


@each
def test_that_every_finding_has_an_auc_with_interval_on_2000_films_of_each_site(folder):
    card = read_checkpoint(folder).card
    assert {(metric.site, metric.finding) for metric in card.metrics} == {
        (site, finding) for site in "ABC" for finding in card.findings
    }
    for metric in card.metrics:
        assert metric.positive + metric.negative >= 2000
        assert metric.auc_lower < metric.auc < metric.auc_upper
        assert str(card.data.seed) not in metric.cohort.split()[4]
