"""A worklist of 100,000 studies opens, sorts and filters in well under half a second."""

from __future__ import annotations

import random
import time

import pytest

from xferviewer.studies.catalogue import Catalogue
from xferviewer.studies.catalogue_writing import FileStamp, ImageEntry, record_image, summarise, writing
from xferviewer.studies.images import ImageFacts

STUDIES = 100_000
BATCH = 10_000
FINDINGS = ("Atelectasis", "Cardiomegaly", "Edema")
SECONDS = 0.5


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory):
    chance = random.Random(7)
    with Catalogue(tmp_path_factory.mktemp("scale") / "catalogue.sqlite") as made:
        for first in range(0, STUDIES, BATCH):
            with writing(made) as connection:
                touched: set[int] = set()
                for number in range(first, first + BATCH):
                    facts = ImageFacts(
                        patient_id=f"{number // 3:08d}", study_uid=f"1.2.{number}", sex=chance.choice("MF"),
                        age=float(chance.randint(18, 95)), view=chance.choice(("PA", "AP")), modality="DX",
                    )  # fmt: skip
                    stamp = FileStamp(f"/films/{number:08d}.dcm", 1, 1)
                    touched |= record_image(connection, ImageEntry(stamp, str(number), 1, 9, 9, facts))
                connection.executemany(
                    "INSERT INTO label SELECT id, ?, ? FROM image WHERE id = ?",
                    [
                        (finding, int(chance.random() < 0.1), image)
                        for image in range(first + 1, first + BATCH + 1)
                        for finding in FINDINGS
                    ],
                )
                summarise(connection, touched)
        yield made


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"order_by": "age", "descending": True},
        {"order_by": "labels"},
        {"order_by": "label:Edema", "descending": True},
        {"search": "edema f"},
        {"search": "view:PA sex:F finding:Edema", "order_by": "age"},
        {"search": "nothing like it"},
    ],
    ids=str,
)
def test_that_a_long_worklist_is_sorted_and_searched_at_once(catalogue: Catalogue, question: dict[str, object]):
    fastest = SECONDS * 9
    for _ in range(3):  # the best of three: other work on the machine is not what is measured
        begun = time.perf_counter()
        studies = catalogue.study_ids(**question)
        page = catalogue.study_rows(studies[:200])
        fastest = min(fastest, time.perf_counter() - begun)

    assert fastest < SECONDS
    assert len(page) == min(200, len(studies))
    assert len(studies) == STUDIES or question.get("search")
