"""The licences of everything in the bundle: a folder of texts for each part, and a table of them."""

from __future__ import annotations

import csv
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from origins import Part

TABLE = "licences.csv"
_IS_A_TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|third.?party)", re.IGNORECASE)
_SUFFIXES = ("", ".txt", ".md", ".rst", ".lesser", ".apache", ".bsd", ".mit", ".external", ".jquery", ".openseadragon")
_COMMON = Path("/usr/share/common-licenses")
# Wheels that say which licence they have and do not bring its text; the texts lie in licence-texts/ beside this file.
_NOT_IN_THE_WHEEL = {
    "pyjpegls": ("pyjpegls.txt", "charls.txt"),
    "pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt", "qt.txt", "icu.txt"),
    "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt"),
}


def write(folder: Path, parts: list[Part]) -> None:
    """Write the texts of all parts below `folder`, and licences.csv: part, version, licence, texts.

    Raises SystemExit in words where a part has no text: the bundle could not be passed on.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    without: list[str] = []
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["part", "version", "kind", "licence", "texts"])
        for part in parts:
            home = folder / f"{part.name}-{part.version}".replace(":", "_")
            texts = texts_of(part)
            for name, source in texts.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, home / name)
            if not texts:
                without.append(f"{part.name} {part.version} ({declared(part)})")
            table.writerow([part.name, part.version, part.kind, declared(part), " ".join(texts)])
    common = sorted({name for path in folder.rglob("copyright") for name in _common_licences(path)})
    for name in common:
        shutil.copyfile(_COMMON / name, folder / name)
    if without:
        sys.exit(
            "Parts of the bundle have no text of their licence:\n  " + "\n  ".join(without) + "\n"
            "Whoever passes the bundle on has to pass on the texts, too.\n"
            "Add them to packaging/licence-texts and packaging/licences.py, or leave the parts out."
        )


def declared(part: Part) -> str:
    """The licence that a part states, as an SPDX expression where it has one."""
    if part.distribution is None:
        return "PSF-2.0" if part.kind == "python" else "see copyright"
    metadata = part.distribution.metadata
    stated = metadata.get("License-Expression") or metadata.get("License") or ""
    classified = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier") or [] if "License ::" in each]
    # some wheels state a whole text where its name belongs
    return stated if 0 < len(stated) <= 80 or "License-Expression" in metadata else ", ".join(classified) or "see texts"


def texts_of(part: Part) -> dict[str, Path]:
    """Every text of a part's licences: its name below the part's folder, and where it is now."""
    if part.kind == "deb":
        copyright_file = Path("/usr/share/doc") / part.name / "copyright"
        return {"copyright": copyright_file} if copyright_file.is_file() else {}
    if part.kind == "python":
        places = [Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"]
        return {"LICENSE.txt": next(path for path in places if path.is_file())}
    texts = {}
    assert part.distribution is not None  # noqa: S101  of a distribution by its kind
    for file in part.distribution.files or ():
        inside = ".dist-info" in file.parts[0]
        named = _IS_A_TEXT.search(file.as_posix() if inside else file.name)
        path = Path(str(part.distribution.locate_file(file)))
        if named and path.suffix.lower() in _SUFFIXES and path.is_file():
            # those of the metadata at the top, others by their place in the distribution
            name = Path(*file.parts[1:]) if inside else Path(file)
            texts[name.as_posix().removeprefix("licenses/")] = path
    own = Path(__file__).parent / "licence-texts"
    for name in _NOT_IN_THE_WHEEL.get(re.sub(r"[-_.]+", "-", part.name).lower(), ()):
        texts[name] = own / name
    return texts


def _common_licences(path: Path) -> set[str]:
    """Which of Debian's common texts a copyright file refers to, rather than repeat them."""
    named = re.findall(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9.]*[0-9])?)", path.read_text("utf-8", "replace"))
    return {name for name in named if (_COMMON / name).is_file()}
