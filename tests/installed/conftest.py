"""The Debian package as an IT department meets it: in a clean system without Python and build tools.

`pytest tests/installed [--deb=FILE] [--root=DIR] [--pictures=DIR]` (`make deb-check`), as root, with a Debian mirror in
reach. The tests are the life of one installation, in the order of the file: each begins where the one before ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
USER = "reader"
HOME = "/home/Zoë Müller 北"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--deb=FILE`: the package; `--root=DIR`: the system, made where it is missing; `--pictures=DIR`: keep them."""
    parser.addoption("--deb", type=Path, metavar="FILE")
    parser.addoption("--root", type=Path, default=Path("/var/tmp/xferviewer-root"), metavar="DIR")
    parser.addoption("--pictures", type=Path, metavar="DIR", help="write the pictures of the installed window here")


# The system's own view of processes, devices and screens, in mounts that are gone when the command has ended.
_INSIDE = """
set -e
root=$1; shift
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
mkdir -p /tmp/.X11-unix "$root/tmp/.X11-unix"
mount --bind /tmp/.X11-unix "$root/tmp/.X11-unix"
exec "$@"
"""


@dataclass(frozen=True)
class System:
    """A Debian system below `root`."""

    root: Path

    def start(self, *words: object, user: str = USER, network: bool = False, **more: str) -> subprocess.Popen[str]:
        """A command in the system, without a network unless one is asked for; its process id is that of the command."""
        home = HOME if user == USER else "/root"
        environment = {"HOME": home, "PATH": PATH, "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **more}
        if network:
            proxies = ("http_proxy", "https_proxy", "no_proxy")
            environment |= {name: os.environ[name] for name in proxies if name in os.environ}
        entering = ["chroot", f"--userspec={user}:{user}", str(self.root), "/usr/bin/env", f"--chdir={home}"]
        alone = ["unshare", "--mount", *([] if network else ["--net"])]
        return subprocess.Popen(
            [*alone, "/bin/sh", "-c", _INSIDE, "sh", str(self.root), *entering, *map(str, words)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, *words: object, user: str = USER, network: bool = False, seconds: float = 600, **more: str
    ) -> subprocess.CompletedProcess[str]:
        """A command in the system to its end."""
        process = self.start(*words, user=user, network=network, **more)
        try:
            output, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(list(map(str, words)), process.returncode, output, errors)

    def done(self, *words: object, **options: Any) -> str:
        """What a command prints; it has to end well."""
        ended = self.run(*words, **options)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def apt(self, *words: object, network: bool = False) -> str:
        """`apt-get WORDS` as root."""
        return self.done("apt-get", "--yes", "--quiet", *words, user="root", network=network)

    def json(self, *words: object, **more: str) -> dict[str, Any]:
        """What `xferviewer WORDS --json` prints for the user; it has to end well."""
        printed: dict[str, Any] = json.loads(self.done("xferviewer", *words, "--json", **more))
        return printed

    def programs(self) -> set[int]:
        """Every process of the installed program."""
        exe = str(self.root / "usr/lib/xferviewer/xferviewer")
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has just ended
                if os.readlink(process / "exe").removesuffix(" (deleted)") == exe:  # noqa: PTH115
                    found.add(int(process.name))
        return found

    def home(self, *parts: str) -> Path:
        """A path in the user's home, seen from outside."""
        return self.root.joinpath(HOME.lstrip("/"), *parts)

    def files(self) -> set[str]:
        """Every file but those of users, of apt's and dpkg's own bookkeeping, and of caches that others fill."""
        passed_over = r"(home|root|tmp|proc|sys|dev|run|var/(lib/(apt|dpkg)|cache|log|tmp))(/|$)"
        found = set()
        for folder, folders, names in os.walk(self.root):
            place = Path(folder).relative_to(self.root)
            folders[:] = [name for name in folders if not re.match(passed_over, (place / name).as_posix())]
            found |= {(place / name).as_posix() for name in [*folders, *names]}
        return found


@pytest.fixture(scope="session")
def deb(request: pytest.FixtureRequest) -> Path:
    """The package. It has to be there: a check that skips what it is for checks nothing."""
    given: Path | None = request.config.getoption("deb")
    if given is None:
        (given,) = (ROOT / "dist").glob("xferviewer_*.deb")
    return given.resolve()


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest, deb: Path) -> Iterator[System]:
    """A minimal Debian with what the package depends on, a user, and its administrator's policy; no xferviewer yet."""
    root: Path = request.config.getoption("root")
    if not (root / "usr/bin/apt-get").exists():
        _make(root)
    for name in ("resolv.conf", "hosts"):
        shutil.copyfile(f"/etc/{name}", root / "etc" / name)
    system = System(root)
    if system.run("id", USER, user="root").returncode:
        system.done("useradd", "--create-home", "--home-dir", HOME, "--shell", "/bin/sh", USER, user="root")
    system.run("dpkg", "--purge", "xferviewer", user="root")
    shutil.rmtree(system.home(), ignore_errors=True)
    system.done("install", "--directory", f"--owner={USER}", f"--group={USER}", HOME, user="root")
    for name in ("python3", "pip", "gcc", "make", "git"):
        assert system.run("which", name).returncode, f"{name} is there, and this is no clean system"
    control = subprocess.run(["dpkg-deb", "--field", deb], capture_output=True, text=True, check=True).stdout
    wanted = [re.search(rf"^{name}: (.*)$", control, re.M) for name in ("Depends", "Recommends")]
    system.apt("update", network=True)
    system.apt("satisfy", *(found[1] for found in wanted if found), network=True)
    policy = root / "etc/xferviewer/policy.toml"
    policy.parent.mkdir(exist_ok=True)
    policy.write_text('version = 1\n[locked]\nhub = "off"\n', encoding="utf-8")
    yield system
    system.run("dpkg", "--purge", "xferviewer", user="root")


def _make(root: Path) -> None:
    """Debian's smallest system, of the suite and from the mirror of this machine."""
    sources = "".join(path.read_text() for path in Path("/etc/apt").rglob("*") if path.suffix in (".list", ".sources"))
    found = re.search(r"^(?:URIs:|deb(?: \[[^]]*\])?) (\S+/debian)/?\s", sources, re.M)
    assert found is not None, "no Debian mirror in /etc/apt"
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite = release["VERSION_CODENAME"].strip('"')
    subprocess.run(["debootstrap", "--variant=minbase", suite, root, found[1]], check=True, stdout=subprocess.DEVNULL)
