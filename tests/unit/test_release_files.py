"""What makes installers on other systems, as far as it can be told without them: pins, paths, names, types of files."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
WORKFLOW = (ROOT / ".github/workflows/release.yml").read_text("utf-8")
SETUP = (PACKAGING / "windows/xferviewer.iss").read_text("utf-8")


def info() -> dict[str, object]:
    """The Info.plist as make-dmg fills it in."""
    text = (PACKAGING / "macos/Info.plist").read_text("utf-8")
    read: dict[str, object] = plistlib.loads(text.replace("@VERSION@", "1.2.3").replace("@IDENTIFIER@", "a.b").encode())
    return read


def test_that_every_action_is_pinned_to_a_commit():
    used = re.findall(r"uses: (\S+)", WORKFLOW)
    assert len(used) >= 10
    assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)] == []


def test_that_the_workflow_runs_what_is_there():
    jobs = yaml.safe_load(WORKFLOW)["jobs"]
    lines = "\n".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    paths = {path.replace("\\", "/") for path in re.findall(r"packaging[\\/][\w./\\-]+", lines)}
    assert {"packaging/windows/make-installer.ps1", "packaging/macos/make-dmg"} <= paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = {word for words in re.findall(r"make((?: [a-z-]+)+)$", lines, re.M) for word in words.split()}
    assert {"wheel", "package", "deb-check"} <= named <= targets


def test_that_the_page_names_every_variable_and_secret_of_the_workflow():
    page = (PACKAGING / "README.md").read_text("utf-8")
    (section,) = re.findall(r"^## Releases\n(.*?)(?=^## )", page, re.M | re.S)
    taken = set(re.findall(r"\b(?:secrets|vars)\.(\w+)", WORKFLOW))
    assert taken == set(re.findall(r"`([A-Z_]{6,})`", section))


def test_that_every_system_offers_dicom_weights_and_folders():
    entry = (PACKAGING / "linux/xferviewer.desktop").read_text("utf-8")
    assert {"application/dicom", "application/x-safetensors", "inode/directory"} <= set(re.split("[=;]", entry))

    plist = info()
    types = [name for document in plist["CFBundleDocumentTypes"] for name in document["LSItemContentTypes"]]  # type: ignore[attr-defined]
    assert types == ["org.nema.dicom", "a.b.safetensors", "public.folder"]
    declared = {entry["UTTypeIdentifier"] for entry in plist["UTImportedTypeDeclarations"]}  # type: ignore[attr-defined]
    assert set(types) - {"public.folder"} == declared
    assert all(document["LSHandlerRank"] == "Alternate" for document in plist["CFBundleDocumentTypes"])  # type: ignore[attr-defined]

    keys = re.findall(r'Subkey: "Software\\Classes\\([^"\\]+)', SETUP)
    assert {".dcm", ".dicom", ".safetensors", "Directory"} <= set(keys)
    assert re.findall(r'Software\\Classes\\(\.\w+)"', SETUP) == []  # the default of a type is never set


def test_that_windows_forgets_what_it_was_told_and_keeps_what_users_made():
    entries = [line for line in SETUP.splitlines() if line.startswith("Root: HKA")]
    key = {line: re.findall(r'Subkey: "([^"]+)"', line)[0] for line in entries}
    with_all_below = [key[line] for line in entries if "Flags: uninsdeletekey" in line]
    assert len(entries) > 8
    for line in entries:
        assert "uninsdeletevalue" in line or any(key[line].startswith(folder) for folder in with_all_below), line
    assert "[UninstallDelete]" not in [line.strip() for line in SETUP.splitlines()]
