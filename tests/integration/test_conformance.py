"""docs/conformance.md says what the files prove; pixels of lossless syntaxes are those of other programs."""

from __future__ import annotations

import shutil

import pytest
from tests.integration.conformance import DIFFERENT_BY_GDCM, PAGE, SHARED, Proof, files, page, proof

pytestmark = [
    pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not beside this checkout"),
    pytest.mark.skipif(
        shutil.which("dcmdjpeg") is None or shutil.which("gdcmconv") is None,
        reason="dcmtk and gdcm's tools are not installed (Debian: apt-get install dcmtk libgdcm-tools)",
    ),
]


@pytest.fixture(scope="module")
def proofs() -> list[Proof]:
    return [found for path in files() if (found := proof(path)) is not None]


def test_that_the_page_says_what_the_files_prove(proofs):
    assert page(proofs) == PAGE.read_text(encoding="utf-8"), "write it anew by make conformance"


def test_that_no_program_unpacks_other_pixels_from_a_lossless_file(proofs):
    different = {found.name: found.differs_from for found in proofs if found.differs_from}

    assert different == dict.fromkeys(DIFFERENT_BY_GDCM, ("gdcmconv",))


def test_that_every_file_is_shown_or_refused_with_a_sentence(proofs):
    assert len(proofs) > 250
    assert all(found.refused.endswith(".") for found in proofs if found.refused)
