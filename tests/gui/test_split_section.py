"""The form of a new split says to `xferviewer split` what its fields hold."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from xferviewer.cli import parser
from xferviewer.gui.views.training.split_section import SplitSection
from xferviewer.studies.split_making import SplitPlan


def test_that_every_field_of_a_plan_reaches_the_command(qtbot):
    section = SplitSection()
    qtbot.addWidget(section)
    chosen = {
        "seed": 3, "validation": 0.2, "test": 0.1, "folds": 4, "fraction": 0.5, "shared": "keep", "together": True,
        "method": "official",
    }  # fmt: skip
    assert {field.name for field in fields(SplitPlan)} == {*chosen, "lists"}
    section.plan.show_values({f"split.{name}": value for name, value in chosen.items()})
    section.name.setText("new")
    given = parser().parse_args(["split", "COHORT", *section.plan_words()])
    assert {name: getattr(given, name) for name in chosen} == chosen
    assert (given.cohort, given.out) == (Path("COHORT"), "new")
