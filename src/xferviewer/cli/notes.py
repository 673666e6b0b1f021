"""`notes`: what a person kept about films, as tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xferviewer.cli.options import command, tell_result


def add_to(commands: Any) -> None:
    """Add this sub-command to those of a parser."""
    notes = command(
        commands, "notes", _notes, "measurements and agreement that were kept in the window, as tables without names"
    )
    notes.add_argument("--out", type=Path, required=True, metavar="DIR")
    notes.add_argument(
        "--images", type=Path, metavar="FOLDER|CSV|CATALOGUE", help="of these alone (default: the window's catalogue)"
    )
    notes.add_argument("--notes", type=Path, metavar="FILE", help="default: film_notes.sqlite in the data folder")
    notes.add_argument("--json", action="store_true")


def _notes(options: argparse.Namespace) -> int:
    from xferviewer.exchange.film_note_tables import AGREEMENT, MEASUREMENTS, write_note_tables
    from xferviewer.settings import data_folder, read_settings, settings_file
    from xferviewer.studies.film_notes import FilmNoteStore
    from xferviewer.studies.selection import identified, select_images

    chosen = read_settings(settings_file())[0].catalogue
    source = options.images or Path(chosen or data_folder() / "catalogue.sqlite")
    store = FilmNoteStore(options.notes or data_folder() / "film_notes.sqlite")
    try:
        kept = store.all()
    finally:
        store.close()
    written = write_note_tables(kept, identified(select_images(source).images), options.out)
    result = {
        "measurements": written.measurements,
        "verdicts": written.verdicts,
        "images": written.images,
        "elsewhere": written.elsewhere,
        "files": [str(options.out / name) for name in (MEASUREMENTS, AGREEMENT)],
        "failed": [{"path": path, **error.as_dict()} for path, error in written.failed],
    }
    code = tell_result(result, options)
    if not options.json:
        print(
            f"{written.measurements} measurements and {written.verdicts} verdicts on {written.images} images; "
            f"{written.elsewhere} images with notes are not among these"
        )
    return code
