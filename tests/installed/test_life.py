"""One installation of the package from its beginning to its end: the tests stand in the order of that life."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pydicom
import pytest
from PIL import Image
from tests.installed.conftest import HOME, USER
from tests.packaged.conftest import make_jpeg_lossless, wait_until
from tests.packaged.test_jobs import SPEC, descendants, kept, state
from tests.packaged.test_window import COMPRESSIONS, display, grey_and_warm, seen

if TYPE_CHECKING:
    from pathlib import Path

    from tests.installed.conftest import System

__all__ = ["display"]  # a fixture

MODELS = "/usr/lib/xferviewer/_internal/xferviewer/_bundled/models"
DATA = ".local/share/xferviewer"
FROM_DRIVERS = {"libcuda.so.1", "libnvidia-ml.so.1"}
"""Libraries that come with the driver of a graphics card, and that the bundle does without where there is none."""


@pytest.fixture(scope="module")
def before(system: System) -> set[str]:
    """The files of the system before anything was installed."""
    return system.files()


@pytest.fixture(scope="module")
def film_of(system: System) -> dict[str, Path]:
    """A film of each compression, in the home of the user, from the cohort that the installed program wrote."""
    found: dict[str, Path] = {}
    for path in sorted(system.home("films", "images").glob("*.dcm")):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        found.setdefault(header.file_meta.TransferSyntaxUID, path)
    return found


def install(system: System, package: Path) -> str:
    """`apt install ./FILE`, with no network: whatever the package needs is there."""
    place = system.root / "var/cache" / package.name
    place.unlink(missing_ok=True)
    try:
        os.link(package, place)
    except OSError:  # on another disk
        shutil.copyfile(package, place)
    try:
        return system.apt("install", f"/var/cache/{package.name}")
    finally:
        place.unlink()


def installed_version(system: System) -> str:
    return system.done("dpkg-query", "--show", "--showformat=${Version}", "xferviewer", user="root")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found[str(path.relative_to(folder))] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def test_that_it_installs_where_only_its_dependencies_are(system: System, before: set[str], deb: Path) -> None:
    assert "usr/bin/xferviewer" not in before
    said = install(system, deb)
    assert "0 upgraded, 1 newly installed, 0 to remove" in said
    version = system.done("xferviewer", "--version").removeprefix("xferviewer ").strip()
    packaged, _, variant = installed_version(system).rpartition("+")
    assert packaged.replace("~", "") == version.replace(".dev", "dev")
    assert (variant == "cuda") == bool(list((system.root / "usr/lib/xferviewer").rglob("libtorch_cuda.so*")))


def test_that_no_library_is_missing(system: System) -> None:
    programs = ["(", "-name", "*.so", "-o", "-name", "*.so.*", "-o", "-perm", "/111", ")"]
    look = ["find", "/usr/lib/xferviewer", "-type", "f", *programs, "-exec", "ldd", "{}", "+"]
    said = system.run(*look, LD_LIBRARY_PATH="/usr/lib/xferviewer/_internal").stdout  # as its start program sets it
    assert said.count("libc.so.6 => ") > 100
    missing = set(re.findall(r"^\s*(\S+) => not found", said, re.M))
    # torchvision's operators name torch's libraries, which torch has loaded by then
    inside = {path.name for path in (system.root / "usr/lib/xferviewer").rglob("*.so*")}
    assert missing - inside <= FROM_DRIVERS


def test_that_the_selftest_passes_for_a_user_without_network(system: System) -> None:
    found = system.json("selftest")
    assert found["ok"], found["checks"]
    (decoders,) = (check["message"] for check in found["checks"] if check["name"] == "decoders")
    for compression in ("JPEG Lossless", "JPEG-LS Lossless", "JPEG 2000", "RLE Lossless"):
        assert compression in decoders


def test_that_menu_types_and_icon_are_known_to_the_desktop(system: System) -> None:
    share = system.root / "usr/share"
    entry = (share / "applications/xferviewer.desktop").read_text()
    (command,) = re.findall(r"^Exec=(\S+) open %F$", entry, re.M)
    assert system.done("which", command).strip() == "/usr/bin/xferviewer"
    assert (share / "mime/application/x-safetensors.xml").is_file()  # made by the trigger of shared-mime-info
    with Image.open(share / "icons/hicolor/48x48/apps/xferviewer.png") as icon:
        assert icon.size == (48, 48)
    assert (share / "man/man1/xferviewer.1.gz").is_file()


def test_that_a_cohort_is_written_and_indexed_into_the_catalogue(system: System) -> None:
    folder = f"{HOME}/films"
    words = ["phantom", "--out", folder, "--count", 32, "--seed", 7, "--site", "A", "--size", 256, "--workers", 2]
    system.done("xferviewer", *words, "--without-masks")
    make_jpeg_lossless(sorted(system.home("films", "images").glob("*.dcm"))[4])
    found = system.json("index", f"{folder}/images", "--catalogue", f"{HOME}/{DATA}/catalogue.sqlite")
    assert (found["images"], found["refused"]) == (32, [])


def test_that_the_demo_opens_with_its_name_and_icon(system: System, display: str, pytestconfig: pytest.Config) -> None:
    running = system.start("xferviewer", "demo", DISPLAY=display)
    try:
        wait_until(lambda: has_maps(display), 240)
        ask = {"env": {**os.environ, "DISPLAY": display}, "capture_output": True, "text": True, "check": True}
        found = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", "xferviewer"], **ask).stdout.split()  # type: ignore[call-overload]
        said = subprocess.run(["xprop", "-id", found[0], "WM_CLASS", "_NET_WM_ICON"], **ask).stdout  # type: ignore[call-overload]
        assert '"xferviewer", "xferviewer"' in said
        assert "Icon (" in said
        keep(pytestconfig, display, "demo")
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()


@pytest.mark.parametrize("syntax", COMPRESSIONS, ids=[name.replace(" ", "-") for name in COMPRESSIONS.values()])
def test_that_the_window_shows_a_compressed_film_with_maps(
    system: System, film_of: dict[str, Path], display: str, syntax: str, pytestconfig: pytest.Config
) -> None:
    name = COMPRESSIONS[syntax].replace(" ", "-")
    place = f"{HOME}/{name}"
    system.done("mkdir", place)
    shutil.copy(film_of[syntax], system.root / place.lstrip("/"))
    wait_until(lambda: grey_and_warm(seen(display), 0, 1) == (0, 0), 30)  # the window before has gone
    own_home = f"{place} home"
    system.done("mkdir", own_home)
    (system.root / own_home.lstrip("/") / "settings.toml").write_text("notice_seen = true\n", encoding="utf-8")
    more = {"DISPLAY": display, "XFERVIEWER_HOME": own_home}
    running = system.start("xferviewer", "open", place, f"{MODELS}/lite0-imagenet", f"{MODELS}/lite0-probe", **more)

    def with_maps() -> bool:
        assert running.poll() is None, running.communicate()[1]
        return has_maps(display)

    try:
        wait_until(with_maps, 240)
        assert " engine" in " ".join(descendants(running.pid).values())
        keep(pytestconfig, display, name)
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate()


def has_maps(display: str) -> bool:
    """Both films in the middle of the screen have tissue, and a map over it."""
    picture = seen(display)
    panes = [grey_and_warm(picture, 0.15, 0.5), grey_and_warm(picture, 0.5, 0.85)]
    return all(grey > 10_000 and warm > 500 for grey, warm in panes)


def keep(config: pytest.Config, display: str, name: str) -> None:
    """A picture of the screen for whoever asked for it."""
    if folder := config.getoption("pictures"):
        folder.mkdir(parents=True, exist_ok=True)
        seen(display).save(folder / f"{name}.png")


def test_that_a_job_with_readers_is_killed_and_goes_on_to_its_end(system: System) -> None:
    spec = system.home("tuned.toml")
    spec.write_text(SPEC.format(name="tuned", films=f"{HOME}/films", epochs=8), encoding="utf-8")
    job, inside = system.home(DATA, "jobs", "tuned"), f"{HOME}/{DATA}/jobs/tuned"
    readers: set[int] = set()
    running = system.start("xferviewer", "train", f"{HOME}/tuned.toml", "--out", inside, "--now")

    def reads_and_learns() -> bool:
        readers.update(child for child, line in descendants(running.pid).items() if "read-images" in line)
        assert running.poll() is None, running.communicate()[1]
        return bool(readers) and kept(job) > 0

    wait_until(reads_and_learns)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert state(job) == "running"  # as the kill left it
    assert not (job / "result").exists()

    system.done("xferviewer", "jobs", "resume", "tuned")
    wait_until(lambda: state(job) in ("finished", "failed"), 300)
    assert state(job) == "finished", (job / "log.txt").read_text()
    assert list((job / "result").rglob("model.safetensors"))


def test_that_it_is_neither_updated_nor_removed_while_it_runs(system: System, newer: Path) -> None:
    version = installed_version(system)
    (system.root / "var/cache/newer.deb").hardlink_to(newer)
    running = system.start("xferviewer", "open", QT_QPA_PLATFORM="offscreen")
    try:
        wait_until(lambda: " engine" in " ".join(descendants(running.pid).values()))
        for words in (["install", "/var/cache/newer.deb"], ["remove", "xferviewer"]):
            ended = system.run("apt-get", "--yes", *words, user="root")
            assert ended.returncode != 0
            assert "neither updated nor removed" in ended.stderr
            assert f"{running.pid} (user {USER})" in ended.stderr
            assert "Close its windows" in ended.stderr
            assert system.done("dpkg-query", "--show", "--showformat=${Status}", "xferviewer", user="root") in (
                "install ok installed",
                "deinstall ok installed",
            )
            assert installed_version(system) == version
    finally:
        (system.root / "var/cache/newer.deb").unlink()
        running.send_signal(signal.SIGKILL)
        running.communicate()
    wait_until(lambda: not system.programs(), 60)


@pytest.fixture(scope="module")
def newer(deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package as a later version: only its control file differs."""
    members = list(_members(deb))
    control = subprocess.run(["zstd", "-dc"], input=members[1][1], capture_output=True, check=True).stdout
    changed = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(control)) as old, tarfile.open(fileobj=changed, mode="w") as new:
        for entry in old:
            content = old.extractfile(entry)
            text = content.read() if content else b""
            if entry.name == "./control":
                text = re.sub(rb"(?m)^Version: (.*)$", rb"Version: \1+later", text)
                entry.size = len(text)
            new.addfile(entry, io.BytesIO(text))
    packed = subprocess.run(["zstd", "-c"], input=changed.getvalue(), capture_output=True, check=True).stdout
    path = tmp_path_factory.mktemp("newer") / deb.name
    with path.open("wb") as out, deb.open("rb") as source:
        out.write(b"!<arch>\n")
        for name, content, start, size in members:
            given = packed if name.startswith("control") else content
            out.write(_header(name, len(given) if given is not None else size))
            if given is None:
                source.seek(start)
                shutil.copyfileobj(source, out, 1 << 24)
            else:
                out.write(given + b"\n" * (len(given) % 2))
    return path


def _members(deb: Path) -> list[tuple[str, bytes | None, int, int]]:
    """Name, content (None of the large last one), place and size of the members of an ar archive."""
    found: list[tuple[str, bytes | None, int, int]] = []
    with deb.open("rb") as file:
        file.seek(8)
        while header := file.read(60):
            name, size = header[:16].decode().strip(), int(header[48:58])
            start = file.tell()
            content = None if name.startswith("data") else file.read(size)
            found.append((name, content, start, size))
            file.seek(start + size + size % 2)
    return found


def _header(name: str, size: int) -> bytes:
    return f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{size:<10}`\n".encode()


def test_that_an_update_leaves_everything_of_its_users_as_it_was(system: System, newer: Path) -> None:
    settings = system.home(".config/xferviewer/settings.toml")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('theme = "light"\n', encoding="utf-8")
    shutil.copytree(next(system.home(DATA, "jobs/tuned/result").rglob("README.md")).parent, system.home(DATA, "own"))
    system.done("chown", "-R", f"{USER}:{USER}", HOME, user="root")
    of_user = digests(system.home())
    for kind in ("catalogue.sqlite", "predictions.sqlite", "jobs/tuned/status.json", "own/model.safetensors"):
        assert f"{DATA}/{kind}" in of_user

    version = installed_version(system)
    install(system, newer)
    assert installed_version(system) == f"{version}+later"
    assert digests(system.home()) == of_user
    assert system.json("inspect", f"{HOME}/{DATA}/catalogue.sqlite")["kind"] == "catalogue"
    assert system.json("inspect", f"{HOME}/{DATA}/own")["kind"] == "checkpoint"
    (job,) = system.json("jobs", "list")["jobs"]
    assert job["state"] == "finished"


def test_that_removing_it_leaves_what_users_and_administrators_made_and_nothing_else(
    system: System, before: set[str]
) -> None:
    of_user = digests(system.home())
    policy = (system.root / "etc/xferviewer/policy.toml").read_text()
    system.apt("remove", "xferviewer")
    assert system.files() == before
    known = system.run("dpkg-query", "--show", "--showformat=${Status}", "xferviewer", user="root").stdout
    assert "config-files" not in known  # so that there is nothing to purge
    assert digests(system.home()) == of_user
    assert (system.root / "etc/xferviewer/policy.toml").read_text() == policy
