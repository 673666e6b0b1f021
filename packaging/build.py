"""`make package`: the bundle in one folder, its list of files, licences and bill of materials, and an archive of it.

    python packaging/build.py [--dist DIR] [--work DIR] [--no-archive]

It runs with the interpreter of the environment that the bundle is to hold: whose torch computes on CUDA makes the CUDA
variant, whose torch does not the other one. It asks no network. Of one commit it makes the same files each time, but
for those that packaging/README.md names: times come from the commit, and the order of sets from PYTHONHASHSEED.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import bill_of_materials
import contents
import licences
import origins

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Build everything; the folder, the archive and SHA256SUMS lie in `--dist`. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Build the xferviewer bundle from this commit and this environment.")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the bundle goes")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "package", help="what is in the making")
    parser.add_argument("--no-archive", action="store_true", help="make the folder alone")
    options = parser.parse_args()
    dist, work = options.dist.resolve(), options.work.resolve()
    environment = reproducible_environment()

    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(dist / "xferviewer", ignore_errors=True)
    site = install_wheel(work, environment)
    version = next(distributions(path=[str(site)])).version
    freeze(site, dist, work, environment)

    bundle = dist / "xferviewer"
    parts = origins.parts_of_bundle(work / "xferviewer" / "origins.json", site)
    licences.write(bundle / "licences", parts)
    bill_of_materials.write(bundle / "xferviewer.cdx.json", parts, version, int(environment["SOURCE_DATE_EPOCH"]))
    contents.write(bundle)
    print(f"{bundle}: xferviewer {version}, {variant()}, {contents.size(bundle) / 1e9:.2f} GB", flush=True)
    if not options.no_archive:
        make_archive(bundle, dist / f"xferviewer-{version}-{variant()}.tar.zst", environment)
        make_debian_package(bundle, dist, environment)
        for path in write_checksums(dist):
            print(f"{path}: {path.stat().st_size / 1e9:.2f} GB", flush=True)
    return 0


def reproducible_environment() -> dict[str, str]:
    """The environment of every step: no time but that of the commit, no random order, no bytecode of another path."""
    commit_time = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    return {
        **os.environ,
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", commit_time),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def variant() -> str:
    """`linux-x86_64-cuda`, `linux-x86_64-cpu`, `darwin-arm64`, …: the system, its processor, and what torch is for."""
    place = f"{platform.system().lower()}-{platform.machine().lower()}"
    if sys.platform == "darwin":
        return place
    built_for = subprocess.run(
        [sys.executable, "-c", "from torch.version import cuda; print('cuda' if cuda else 'cpu')"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return f"{place}-{built_for}"


def install_wheel(work: Path, environment: dict[str, str]) -> Path:
    """The wheel of this commit, unpacked as pip unpacks it, in a folder of its own; that folder."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    wheels, site = work / "wheel", work / "site"
    build = ["wheel", *offline, "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)]
    subprocess.run([*pip, *build], env=environment, check=True)
    # by its name, because pip writes into the metadata of a wheel named by its path where that was
    found = ["--pre", "--find-links", str(wheels), "xferviewer"]
    install = ["install", *offline, "--no-compile", "--target", str(site), *found]
    subprocess.run([*pip, *install], env=environment, check=True)
    return site


def freeze(site: Path, dist: Path, work: Path, environment: dict[str, str]) -> None:
    """Run PyInstaller with the unpacked wheel before anything else on Python's path."""
    path = os.pathsep.join(filter(None, [str(site), environment.get("PYTHONPATH")]))
    places = ["--distpath", str(dist), "--workpath", str(work)]
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--clean", "--log-level", "WARN", *places]
    specification = ROOT / "packaging" / "xferviewer.spec"
    subprocess.run([*command, str(specification)], env={**environment, "PYTHONPATH": path}, cwd=work, check=True)


def make_archive(bundle: Path, archive: Path, environment: dict[str, str]) -> None:
    """`bundle` as a tar file of sorted names, one time and no owners, packed by zstd on all cores."""
    same = ["--sort=name", f"--mtime=@{environment['SOURCE_DATE_EPOCH']}", "--owner=0", "--group=0", "--numeric-owner"]
    form = ["--format=posix", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"]
    packed = ["--use-compress-program=zstd -9 --threads=0", "--file", str(archive)]
    subprocess.run(
        ["tar", "--create", *same, *form, *packed, "--directory", str(bundle.parent), bundle.name],
        env=environment,
        check=True,
    )


def make_debian_package(bundle: Path, dist: Path, environment: dict[str, str]) -> None:
    """The package of packaging/make-deb, on systems that make such packages."""
    script = ROOT / "packaging" / "make-deb"
    if script.exists() and shutil.which("dpkg-deb"):
        told = {**environment, "PYTHON": sys.executable}
        subprocess.run(["sh", str(script), str(bundle), str(dist)], env=told, cwd=ROOT, check=True)


def write_checksums(dist: Path) -> list[Path]:
    """Write SHA256SUMS of the files in `dist`, in the form that `sha256sum --check` reads; those files."""
    files = [path for path in sorted(dist.iterdir()) if path.is_file() and path.name != "SHA256SUMS"]
    lines = []
    for path in files:
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (dist / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
    return files


if __name__ == "__main__":
    sys.exit(main())
