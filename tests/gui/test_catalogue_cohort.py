"""The labelled images of a large catalogue are read while the window goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from xferviewer.gui import catalogue_cohort, library
from xferviewer.gui.app import Application
from xferviewer.gui.catalogue_cohort import CATALOGUE_COHORT, CatalogueCohort
from xferviewer.gui.cohort import Cohort
from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts

MakeApplication = Callable[..., Application]
IMAGES = 300


def fill(catalogue: Catalogue, word: str, images: int = IMAGES) -> None:
    """Images of which each second has a label, each fifth an uncertain one; ages and sites where they are stated."""
    with writing(catalogue) as connection:
        touched: set[int] = set()
        for number in range(images):
            facts = ImageFacts(
                patient_id=f"{word}{number // 2}", sex="MF"[number % 2], age=float(number) if number % 3 else None
            )
            stamp = FileStamp(f"/films/{word}{number:04d}.dcm", 1, 1)
            touched |= record_image(connection, ImageEntry(stamp, f"{word}{number}#0", 1, 9, 9, facts))
        labels = [
            (image, finding, -1 if image % 5 == 0 else image % 4 // 2)
            for image in range(2, images + 1, 2)
            for finding in ("Edema", "Mass")
        ]
        connection.executemany("INSERT INTO label VALUES (?, ?, ?)", labels)
        summarise(connection, touched)


def facts_of(cohort: Cohort) -> list[object]:
    return [
        cohort.name, cohort.images, cohort.identities, cohort.image_ids, cohort.study_ids, cohort.findings,
        cohort.studies, cohort.patients, dict(cohort.columns), np.nan_to_num(cohort.labels, nan=9).tolist(),
    ]  # fmt: skip


@pytest.fixture
def application(make_application: MakeApplication) -> Application:
    application = make_application()
    fill(application.library.catalogue, "a")
    return application


def test_that_a_cohort_holds_what_the_catalogue_says_of_its_labelled_images(application: Application) -> None:
    catalogue = application.library.catalogue
    application.library.refresh()
    cohort = application.session.cohort
    rows = {image.id: image for image in catalogue.all_images()}
    labels = {finding: catalogue.labels(finding) for finding in cohort.findings}
    assert cohort.findings == ("Edema", "Mass")
    assert list(cohort.images) == sorted(rows[image].path for image in labels["Edema"])
    for row, number in enumerate(cohort.image_ids):
        image = rows[number]
        assert cohort.images[row] == image.path
        assert (cohort.identities[row], cohort.study_ids[row]) == (image.identity, image.study)
        assert (cohort.patients[row], cohort.columns["sex"][row]) == (image.patient_id, image.sex)
        assert cohort.columns["age"][row] == ("" if image.age is None else f"{image.age:g}")
        for column, finding in enumerate(cohort.findings):
            stated = labels[finding][number]
            assert np.isnan(cohort.labels[row, column]) if stated < 0 else cohort.labels[row, column] == stated
    assert set(cohort.columns) == {"sex", "age"}  # nothing is stated of the others


def test_that_many_labels_are_read_while_the_worklist_stands_and_are_the_same(
    application: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = catalogue_cohort.catalogue_cohort(application.library.catalogue)
    monkeypatch.setattr(catalogue_cohort, "AT_ONCE", 100)
    noted: list[str] = []
    application.notifier.noted.connect(lambda what, _details: noted.append(what))
    application.library.refresh()
    assert len(application.session.studies) == IMAGES
    assert len(application.session.cohort) == 0
    assert noted == ["The labels of the catalogue are being read; numbers follow."]
    qtbot.waitUntil(lambda: len(application.session.cohort) == IMAGES // 2)
    assert facts_of(application.session.cohort) == facts_of(at_once)


def test_that_another_catalogue_never_has_the_numbers_of_the_one_before(
    application: Application, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalogue_cohort, "AT_ONCE", 100)
    application.library.refresh()
    seen: list[tuple[str, ...]] = []
    application.session.cohort_changed.connect(lambda: seen.append(application.session.cohort.identities))
    other = Catalogue(tmp_path / "other.sqlite")
    fill(other, "b")
    application.library.use(other)
    qtbot.waitUntil(lambda: len(application.session.cohort) == IMAGES // 2)
    qtbot.wait(100)
    assert seen[0] == ()
    assert all(identity.startswith("b") for identities in seen for identity in identities)


def test_that_whoever_closes_the_window_does_not_wait_for_the_labels(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(catalogue_cohort, "AT_ONCE", 100)
    begun = threading.Event()

    def read_for_ever(catalogue: Catalogue) -> Cohort:
        begun.set()
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        catalogue.connection.execute(endless)
        raise AssertionError("it ended by itself")

    monkeypatch.setattr(catalogue_cohort, "catalogue_cohort", read_for_ever)
    with Catalogue(tmp_path / "large.sqlite") as catalogue:
        fill(catalogue, "a")
        reading = CatalogueCohort()
        failures: list[object] = []
        reading.failed.connect(failures.append)
        reading.ask(catalogue)
        qtbot.waitUntil(begun.is_set, timeout=30_000)
        since = time.monotonic()
        reading.close()
        assert time.monotonic() - since < 10
        qtbot.wait(50)
        assert failures == []


def test_that_of_a_large_catalogue_what_is_listed_and_what_has_labels_is_predicted(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    application.library.refresh()
    everything = {reference.identity for reference in application.library.images_to_predict()}
    assert len(everything) == IMAGES
    monkeypatch.setattr(library, "MOST_PREDICTED", 5)
    wanted = application.library.images_to_predict()
    listed = [image.identity for image in application.library.catalogue.images_of(
        application.session.studies.ids[:5].tolist()
    )]  # fmt: skip
    assert [reference.identity for reference in wanted[: len(listed)]] == listed
    labelled = application.session.cohorts[CATALOGUE_COHORT]
    assert {reference.identity for reference in wanted} == {*listed, *labelled.identities}
    assert len(wanted) == len({reference.identity for reference in wanted})
