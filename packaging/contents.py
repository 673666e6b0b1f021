"""The list of a bundle's files with their digests, and which of its parts are large.

python packaging/contents.py sizes BUNDLE      the largest parts, as the table of packaging/README.md
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from pathlib import Path

NAME = "xferviewer.files"
_SHOWN = 24


def write(bundle: Path) -> None:
    """Write `bundle`/xferviewer.files: SHA-256 and path of each file, sorted, as `sha256sum --check` reads it.

    Links stand behind a #, which that program passes over: `# link PATH -> TARGET`. The list itself is not in it.
    """
    lines = []
    for path in sorted(bundle.rglob("*")):
        name = path.relative_to(bundle).as_posix()
        if path.is_symlink():
            lines.append(f"# link {name} -> {path.readlink().as_posix()}\n")
        elif path.is_file() and name != NAME:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    (bundle / NAME).write_text("".join(lines), encoding="utf-8")


def size(folder: Path) -> int:
    """Bytes of all files of a folder; a link counts nothing."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def largest(bundle: Path) -> list[tuple[str, int]]:
    """The largest parts of a bundle with their bytes, largest first; what is smaller as one last row, and the whole.

    A part is a folder or file of `_internal/`; NVIDIA's libraries, in one folder with many owners, are one for each.
    """
    parts: Counter[str] = Counter()
    inside = bundle / "_internal"
    for path in bundle.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        names = path.relative_to(inside if path.is_relative_to(inside) else bundle).parts
        if names[0] == "nvidia":
            parts[f"nvidia: {path.name.partition('.so')[0].partition('_')[0]}"] += path.stat().st_size
        elif len(names) == 1 and ".so" in path.name:
            parts["libraries of the system that built it"] += path.stat().st_size
        elif names[0].endswith(".dist-info"):
            parts["metadata of the parts"] += path.stat().st_size
        else:
            parts[names[0].removesuffix(".libs")] += path.stat().st_size
    first, rest = parts.most_common(_SHOWN), parts.most_common()[_SHOWN:]
    return [
        *first,
        (f"{len(rest)} smaller ones", sum(count for _, count in rest)),
        ("together", sum(parts.values())),
    ]


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "sizes":
        sys.exit(__doc__)
    print("| part | MB |\n|---|---|")
    for part, count in largest(Path(sys.argv[2])):
        print(f"| {part} | {count / 1e6:,.0f} |")
