"""What lies in the bundle beside the program: its list, its licences, its bill of materials."""

from __future__ import annotations

import csv
import hashlib
import json
from typing import TYPE_CHECKING

from tests.unit.test_bundle import needed, plain

if TYPE_CHECKING:
    from tests.packaged.conftest import Packaged


def test_that_every_file_is_listed_with_its_digest(packaged: Packaged) -> None:
    listed = dict(
        reversed(line.split("  ", 1))
        for line in (packaged.bundle / "xferviewer.files").read_text().splitlines()
        if not line.startswith("#")
    )
    present = {
        path.relative_to(packaged.bundle).as_posix()
        for path in packaged.bundle.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert present - {"xferviewer.files"} == set(listed)
    for name, digest in listed.items():
        with (packaged.bundle / name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == digest, name


def test_that_every_bundled_distribution_has_a_licence_and_a_place_in_the_bill(packaged: Packaged) -> None:
    with (packaged.bundle / "licences" / "licences.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["part"]: row for row in csv.DictReader(file)}
    assert all(row["texts"] for row in rows.values())
    bill = json.loads((packaged.bundle / "xferviewer.cdx.json").read_text())
    named = {component["name"] for component in bill["components"]} | {bill["metadata"]["component"]["name"]}
    assert named == set(rows)

    known = {plain(name) for name in rows}
    for metadata in (packaged.bundle / "_internal").glob("*.dist-info"):
        assert plain(metadata.name.removesuffix(".dist-info").rpartition("-")[0]) in known


def test_that_nothing_is_in_it_that_the_application_does_not_depend_on(packaged: Packaged) -> None:
    """Tools of development and of those who build are installed beside it, and imported by others where they are."""
    with (packaged.bundle / "licences" / "licences.csv").open(encoding="utf-8", newline="") as file:
        found = {plain(row["part"]) for row in csv.DictReader(file) if row["kind"] == "pypi"}
    assert found - needed("xferviewer") <= {"xferviewer", "pyinstaller", "pyinstaller-hooks-contrib"}
    assert not found & {"triton", "opencv-python-headless", "grad-cam", "tensorboard"}
