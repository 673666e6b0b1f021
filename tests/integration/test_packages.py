"""What is passed on holds what it should: the wheel, the sdist, and the Debian package around a bundle."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLED = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("resources", "models")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist of this source tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_that_the_wheel_holds_every_resource_and_every_checkpoint(built: Path):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    assert len(BUNDLED) > 100
    assert {f"xferviewer/_bundled/{name}" for name in BUNDLED} <= inside
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "xferviewer").rglob("*.py")}
    assert modules <= inside


def test_that_the_sdist_holds_the_source_tree(built: Path):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert set(BUNDLED) <= inside
    for name in ("Makefile", "packaging/system-libraries", "requirements.lock", "ARCHITECTURE.md", "tests/conftest.py"):
        assert name in inside


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The fields of the Debian package that is made around a small program, and its files, unpacked."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg-deb is missing")
    folder = tmp_path_factory.mktemp("deb")
    program = folder / "bundle" / "xferviewer"
    (folder / "bundle" / "_internal").mkdir(parents=True)
    program.write_text(
        '#!/bin/sh\necho "xferviewer 1.2.0rc1.dev3+gab12"\n: GLIBC_2.9 GLIBC_2.34 GLIBC_2.17\n', encoding="utf-8"
    )
    program.chmod(0o755)
    environment = {**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"}
    command = [ROOT / "packaging" / "make-deb", folder / "bundle", folder]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    (deb,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", deb, folder / "root"], check=True)
    subprocess.run(["dpkg-deb", "--control", deb, folder / "control"], check=True)
    return (folder / "control" / "control").read_text("utf-8"), folder / "root"


def field(control: str, name: str) -> str:
    (value,) = re.findall(rf"^{name}: (.*)$", control, re.M)
    return str(value)


def test_that_a_release_candidate_comes_before_its_release(package: tuple[str, Path]):
    version = field(package[0], "Version")
    assert version == "1.2.0~rc1~dev3+gab12+cpu"  # the small program has no libtorch_cuda.so
    for earlier, later in ((version, "1.2.0~rc1+cpu"), (version, "1.2.0+cpu"), ("1.1.9+cpu", version)):
        assert subprocess.run(["dpkg", "--compare-versions", earlier, "lt", later], check=False).returncode == 0


def test_that_the_package_asks_for_what_qt_and_the_c_library_need(package: tuple[str, Path]):
    asked = field(package[0], "Depends").split(", ")
    listed = subprocess.run(["sh", ROOT / "packaging/system-libraries", "--depends"], capture_output=True, text=True)
    assert asked == ["libc6 (>= 2.34)", *listed.stdout.strip().split(", ")]
    assert "libxcb-cursor0" in asked
    assert "libglib2.0-0t64 | libglib2.0-0" in asked


def test_that_the_menu_entry_names_a_program_and_an_icon_that_are_there(package: tuple[str, Path]):
    root = package[1]
    entry = (root / "usr/share/applications/xferviewer.desktop").read_text("utf-8")
    (types,) = re.findall(r"^MimeType=(.*)$", entry, re.M)
    known = (root / "usr/share/mime/packages/xferviewer.xml").read_text("utf-8")
    assert "inode/directory" in types  # what a checkpoint is
    for name in types.strip(";").split(";"):
        assert name == "inode/directory" or f'<mime-type type="{name}">' in known
    (icon,) = re.findall(r"^Icon=(.*)$", entry, re.M)
    assert list((root / "usr/share/icons/hicolor").glob(f"*/apps/{icon}.svg"))
    assert len(list((root / "usr/share/icons/hicolor").glob(f"*x*/apps/{icon}.png"))) >= 8
    for command in re.findall(r"^Exec=(\S+)", entry, re.M):
        assert (root / "usr/bin" / command).resolve() == root / "usr/lib/xferviewer/xferviewer"


def test_that_no_entry_is_faulted_by_its_validator(package: tuple[str, Path], tmp_path: Path):
    share = package[1] / "usr/share"
    checks = {
        "desktop-file-validate": ["desktop-file-validate", share / "applications/xferviewer.desktop"],
        # a name in somebody's domain is theirs to give who pass the package on
        "appstreamcli": [
            "appstreamcli", "validate", "--no-net", "--pedantic",
            "--override=cid-desktopapp-is-not-rdns=info", share / "metainfo/xferviewer.metainfo.xml",
        ],
    }  # fmt: skip
    present = {name: command for name, command in checks.items() if shutil.which(name)}
    if not present:
        pytest.skip("neither desktop-file-validate nor appstreamcli is here")
    for command in present.values():
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stdout + found.stderr


def test_that_the_package_is_made_the_same_again(package: tuple[str, Path], tmp_path: Path):
    folder = package[1].parent
    (first,) = folder.glob("*.deb")
    os.utime(folder / "bundle" / "xferviewer", (1_600_000_000, 1_600_000_000))  # as another day's build would have it
    environment = {**os.environ, "PYTHON": sys.executable, "SOURCE_DATE_EPOCH": "1700000000"}
    command = [ROOT / "packaging" / "make-deb", folder / "bundle", tmp_path]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert (tmp_path / first.name).read_bytes() == first.read_bytes()


def test_that_the_manual_names_every_command_option_and_folder(package: tuple[str, Path]):
    from tests.unit.test_command_line_documented import commands, options_of

    page = gzip.decompress((package[1] / "usr/share/man/man1/xferviewer.1.gz").read_bytes()).decode()
    plain = page.replace(r"\-", "-").replace(r"\:", "")
    sections = dict(re.findall(r'^\.SS "([\w-]+)"\n(.*?)(?=^\.S[SH] )', plain, re.M | re.S))
    assert list(sections) == list(commands())
    for name, parser in commands().items():
        assert options_of(parser) <= set(re.findall(r"--[a-z-]+", sections[name])), name
    for name in ("~/.local/share/xferviewer", "/etc/xferviewer/policy.toml", "XFERVIEWER_HOME", "deployment.md"):
        assert name in plain
    if shutil.which("groff"):
        read = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-Kutf8"], input=page, capture_output=True, text=True)
        assert read.stderr == ""
        assert "For research, not for diagnosis." in read.stdout


def test_that_a_checkpoint_on_a_medium_is_known_by_its_files(package: tuple[str, Path], tmp_path: Path):
    """As desktops ask (GIO), with a database of types that holds the package's."""
    if shutil.which("update-mime-database") is None:
        pytest.skip("update-mime-database is missing")
    mime = tmp_path / "mime" / "packages"
    mime.mkdir(parents=True)
    shutil.copy(package[1] / "usr/share/mime/packages/xferviewer.xml", mime)
    subprocess.run(["update-mime-database", mime.parent], check=True)
    code = """
import ctypes, sys
gio = ctypes.CDLL("libgio-2.0.so.0")
gio.g_file_new_for_path.restype = ctypes.c_void_p
gio.g_content_type_guess_for_tree.restype = ctypes.POINTER(ctypes.c_char_p)
gio.g_content_type_guess_for_tree.argtypes = [ctypes.c_void_p]
gio.g_content_type_guess.restype = ctypes.c_char_p
types = gio.g_content_type_guess_for_tree(gio.g_file_new_for_path(sys.argv[1].encode()))
print(types[0].decode() if types[0] else "")
print(gio.g_content_type_guess(b"model.safetensors", None, 0, None).decode())
"""
    half = tmp_path / "half"
    half.mkdir()
    for name in ("model.safetensors", "config.json"):
        shutil.copy(ROOT / "models" / "lite0-probe" / name, half)
    for folder, expected in ((ROOT / "models/lite0-probe", "x-content/x-xferviewer-checkpoint"), (half, "")):
        environment = {**os.environ, "XDG_DATA_DIRS": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "none")}
        command = [sys.executable, "-c", code, folder]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split("\n")
        assert found[:2] == [expected, "application/x-safetensors"]
