"""Published weights as a file here: from the mirror, from what was fetched before, or fetched now, in that order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from xferviewer import settings
from xferviewer.atomic_files import write_atomically
from xferviewer.checkpoints.folder import file_digest
from xferviewer.errors import UnusableChoice
from xferviewer.networks.hub.download import download
from xferviewer.networks.hub.mirror import Found, find, wrong_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from xferviewer.networks.hub.published import Published

    Progress = Callable[[int, int | None], None]

# By which the hub's own library is told to stay off the network; who set them meant all programs.
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_SAYS_YES = ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True, slots=True)
class HubPolicy:
    """Where published weights may come from.

    forbidden  why the network may not be asked; empty where it may
    locked     why a person cannot let it be asked; empty where they can
    """

    forbidden: str
    mirror: Path | None
    kept: Path
    locked: str = ""


@dataclass(frozen=True, slots=True)
class Obtained:
    """A file of published weights, and in a sentence where it came from and what its digest was compared with."""

    file: Path
    sha256: str
    said: str


def policy() -> HubPolicy:
    """As the settings and the environment have it."""
    found = settings.settings_in_force(settings.settings_file())
    chosen, locked = found.settings, found.policy.lock_of("hub")
    offline = next((name for name in _OFFLINE if os.environ.get(name, "").upper() in _SAYS_YES), None)
    forbidden = f"The variable {offline} forbids it." if offline else ""
    if chosen.hub == "off":
        forbidden = f"The setting hub is off, so that nothing is fetched from the network. {locked}".rstrip()
    mirror = Path(chosen.mirror).expanduser() if chosen.mirror else None
    return HubPolicy(forbidden, mirror, settings.weights_folder(), locked if chosen.hub == "off" else "")


def obtain(
    published: Published, policy: HubPolicy, tell: Callable[[str], object], progress: Progress | None = None
) -> Obtained:
    """The file. `tell` hears what is fetched, from where and how large it is, before a byte of it is.

    `progress` hears how many bytes have come, of how many where the server says so; without it `tell` hears quarters.

    Raises UnusableChoice where it is not here and may not be fetched, UnusableCheckpoint for a wrong digest or a
    download that failed, UnusableFolder where there is no room for it.
    """
    here = at_hand(published, policy)
    if here is not None:
        return here
    if policy.forbidden:
        raise UnusableChoice(
            f"The weights {published.name} were not fetched.",
            f"{policy.forbidden} {_not_in(policy.mirror)}",
            f"Put {published.file} into a folder and name it: xferviewer settings --set mirror=FOLDER"
            + (
                ", or ask whoever looks after this computer."
                if policy.locked
                else "; or let it be fetched: --set hub=on."
            ),
        )
    return _fetch(published, policy.kept, tell, progress or _quarters(published, tell))


def at_hand(published: Published, policy: HubPolicy) -> Obtained | None:
    """The file where it is on this machine; None where it is not. Raises UnusableCheckpoint for a wrong digest."""
    if policy.mirror is not None:
        found = find(published, policy.mirror)
        if found is not None:
            return _obtained(published, found, "the mirror")
    before = _fetched_before(published, policy.kept)
    return _obtained(published, before, "what was fetched before") if before else None


def _fetch(published: Published, kept: Path, tell: Callable[[str], object], progress: Progress) -> Obtained:
    checked: list[str] = ["its published name"] if published.sha256 else []

    def about(size: int | None, stated: str) -> None:
        checked.extend(["the server"] if stated else [])
        digest = f", SHA-256 {(stated or published.sha256)[:16]}…" if stated or published.sha256 else ""
        tell(f"Fetching {published.file} ({_amount(size)}{digest}) from {published.url}.")

    target = kept / published.file
    digest = download(published.name, published.url, target, published.sha256, about, progress)
    write_atomically(_note(target), f"{digest}\n".encode())
    return _obtained(published, Found(target, digest, " and ".join(checked)), published.url)


def _quarters(published: Published, tell: Callable[[str], object]) -> Progress:
    told: set[int] = set()

    def progress(got: int, size: int | None) -> None:
        if size and (quarter := 4 * got // size) not in told:
            told.add(quarter)
            tell(f"{published.file}: {_amount(got)} of {_amount(size)}")

    return progress


def _fetched_before(published: Published, kept: Path) -> Found | None:
    target = kept / published.file
    try:
        noted = _note(target).read_text(encoding="ascii").strip()
        digest = file_digest(target)
    except (OSError, UnicodeDecodeError):
        return None
    if digest != noted or not digest.startswith(published.sha256):
        raise wrong_digest(
            published.name, f"{target}: its SHA-256 is {digest[:16]}…, {noted[:16]} when it was fetched."
        )
    return Found(target, digest, "that noted when it was fetched")


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _obtained(published: Published, found: Found, source: str) -> Obtained:
    compared = f"compared with {found.checked}" if found.checked else "compared with none, since none is stated for it"
    said = f"The weights {published.name} come from {source}; their SHA-256 {found.sha256[:16]}… was {compared}."
    return Obtained(found.file, found.sha256, said)


def _not_in(mirror: Path | None) -> str:
    return f"The mirror {mirror} does not have them." if mirror else "No mirror is named in the settings."


def _amount(size: int | None) -> str:
    return "of unknown size" if size is None else f"{size / 1e6:,.1f} MB"
