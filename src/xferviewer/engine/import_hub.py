"""Published weights as a file to import, with what the library that publishes them says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xferviewer.checkpoints.import_answers import Answers
from xferviewer.networks.hub.download import stated
from xferviewer.networks.hub.obtaining import at_hand, obtain, policy
from xferviewer.networks.hub.published import Published, published

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def published_weights(
    name: str, tell: Callable[[str], None], progress: Callable[[int, int | None], None] | None = None
) -> tuple[Path, Answers]:
    """The file of the weights, and architecture, classes, preprocessing and licence as published.

    `tell` hears what is fetched, from where and how large it is, before it is; `progress` how many bytes have come.
    Raises as networks.hub does.
    """
    known = published(name)
    obtained = obtain(known, policy(), tell, progress)
    return obtained.file, _answers(known, obtained.said)


def describe_published(name: str) -> dict[str, Any]:
    """What `published_weights` would get and from where, for `--look`; nothing is fetched but, where allowed, its size.

    Raises UnusableChoice for a name that is none, UnusableCheckpoint for a file here with a wrong digest.
    """
    known, allowed = published(name), policy()
    here = at_hand(known, allowed)
    size, digest = known.size, known.sha256
    if here is not None:
        size, digest = here.file.stat().st_size, here.sha256
    elif not allowed.forbidden:
        size, digest = stated(name, known.url)
    return {
        "name": known.name, "architecture": known.architecture, "file": known.file, "url": known.url,
        "size_bytes": size, "sha256": digest or known.sha256, "license": known.license, "classes": len(known.classes),
        "at": str(here.file) if here else None, "forbidden": allowed.forbidden if here is None else "",
    }  # fmt: skip


def _answers(known: Published, said: str) -> Answers:
    return Answers(
        architecture=known.architecture,
        findings=known.classes,
        task="multi-class" if known.classes else None,
        preprocessing=known.preprocessing,
        name=known.name.partition("/")[2],
        license=known.license,
        origin=f"{known.url}. {said}",
    )
