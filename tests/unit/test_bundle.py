"""What a bundle is made of, told without building one: its list of files, whose its parts are, what it leaves out."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from xferviewer.processes import own_command

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def makers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script of packaging/ as those who build do."""
    import importlib

    monkeypatch.syspath_prepend(str(ROOT / "packaging"))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(ROOT / "packaging") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_that_children_of_a_frozen_application_are_its_sub_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_command("engine")[1:] == ["-X", "faulthandler", "-m", "xferviewer", "engine"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert own_command("read-images", "60") == [sys.executable, "read-images", "60"]


def test_that_the_list_of_files_is_one_that_sha256sum_checks(makers: Any, tmp_path: Path) -> None:
    contents = makers("contents")
    (tmp_path / "_internal").mkdir()
    (tmp_path / "xferviewer").write_bytes(b"program")
    (tmp_path / "_internal" / "film größe.bin").write_bytes(bytes(range(256)))
    (tmp_path / "_internal" / "linked").symlink_to("film größe.bin")
    contents.write(tmp_path)
    listed = (tmp_path / contents.NAME).read_text(encoding="utf-8")
    assert "# link _internal/linked -> film größe.bin\n" in listed
    assert listed.count("\n") == 3

    sha256sum = shutil.which("sha256sum")
    if sha256sum is None:
        pytest.skip("sha256sum is missing")
    check = [sha256sum, "--check", "--strict", contents.NAME]
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "xferviewer").write_bytes(b"another")
    assert subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 1
    contents.write(tmp_path)
    assert (tmp_path / contents.NAME).read_text(encoding="utf-8") != listed


def test_that_the_largest_parts_add_up_to_the_whole(makers: Any, tmp_path: Path) -> None:
    contents = makers("contents")
    for name, count in (
        ("_internal/torch/lib/libtorch.so", 900),
        ("_internal/nvidia/cu13/lib/libcublas.so.13", 500),
        ("_internal/nvidia/cudnn/lib/libcudnn_ops.so.9", 400),
        ("_internal/libxcb-cursor.so.0", 30),
        ("xferviewer", 7),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(count))
    found = dict(contents.largest(tmp_path))
    assert found["nvidia: libcublas"] == 500
    assert found["nvidia: libcudnn"] == 400
    assert found["libraries of the system that built it"] == 30
    assert found["together"] == contents.size(tmp_path) == 1837


def test_that_nothing_that_the_application_imports_is_left_out(makers: Any) -> None:
    left_out = set(makers("left_out").MODULES)
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                parents = {".".join(name.split(".")[:count]) for count in range(1, name.count(".") + 2)}
                assert not parents & left_out, f"{path} imports {name}"


def test_that_each_file_of_a_bundle_has_an_owner_or_ends_the_build(makers: Any, tmp_path: Path) -> None:
    origins = makers("origins")
    (tmp_path / "site").mkdir()
    found = [
        ["numpy", str(Path(np.__file__))],
        ["json", str(Path(json.__file__))],
        ["base_library.zip", str(tmp_path / "base_library.zip")],
    ]
    listed = tmp_path / "origins.json"
    listed.write_text(json.dumps(found))
    parts = {part.name: part for part in origins.parts_of_bundle(listed, tmp_path / "site")}
    assert parts["numpy"].version == np.__version__
    assert parts["python"].files == ("base_library.zip", "json")

    stranger = tmp_path.parent / "stranger.so"
    stranger.write_bytes(b"")
    listed.write_text(json.dumps([*found, ["stranger.so", str(stranger)]]))
    with pytest.raises(SystemExit, match=r"unknown origin:\n.*stranger\.so"):
        origins.parts_of_bundle(listed, tmp_path / "site")


def test_that_every_library_that_can_be_bundled_has_the_text_of_its_licence(makers: Any) -> None:
    licences, origins, left_out = makers("licences"), makers("origins"), makers("left_out")
    of_modules_left_out = {"grad-cam", "opencv-python-headless", "triton", "ttach", "hf-xet", "tensorboard"}
    assert {"pytorch_grad_cam", "cv2", "triton", "ttach", "hf_xet", "tensorboard"} <= set(left_out.MODULES)
    without = []
    for name in sorted(needed("xferviewer") - of_modules_left_out):
        found = distribution(name)
        if not any(str(file).endswith((".py", ".so", ".pyd")) or ".so." in str(file) for file in found.files or ()):
            continue  # a distribution of requirements alone
        part = origins.Part("pypi", found.name, found.version, (), found)
        if not licences.texts_of(part):
            without.append(f"{name}: {licences.declared(part)}")
    assert without == []


def plain(name: str) -> str:
    """A distribution's name as every spelling of it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str) -> set[str]:
    """What is installed with a distribution, with what that needs in turn."""
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [(name, "")]
    while waiting:
        name, extra = waiting.pop()
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
                continue
            found.add(plain(requirement.name))
            asked = {(requirement.name, each) for each in ("", *requirement.extras)}
            waiting += asked - seen
            seen |= asked
    return found
