"""One file over HTTP, whole and with the right digest or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from xferviewer import __version__
from xferviewer.errors import UnusableCheckpoint, UnusableFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

_PIECE = 2**20
_TIMEOUT_SECONDS = 30.0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps the headers of every step, since a hub states the digest where it sends on from; stays encrypted."""

    def __init__(self) -> None:
        self.passed: list[Message] = []

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self.passed.append(headers)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError("it sends on to an address that is not encrypted")
        onward = super().redirect_request(req, fp, code, msg, headers, newurl)
        if onward is not None:
            onward.method = req.get_method()  # urllib makes a GET of a HEAD
        return onward


def download(
    name: str,
    url: str,
    target: Path,
    sha256: str,
    about: Callable[[int | None, str], None],
    progress: Callable[[int, int | None], None],
) -> str:
    """Get `url` into the new file `target`; the SHA-256 (hex) of what came.

    name      of what is got, for errors
    sha256    the first digits that its digest must have; what the server states for it must be right too
    about     told before the first byte is read: size in bytes (None: not stated), digest as stated (empty: not)
    progress  told bytes read, and of how many

    Raises UnusableCheckpoint where nothing, not all or something else comes, UnusableFolder where there is no room.
    """
    with _opened(name, url, "GET") as (response, size, told):
        about(size, told)
        _check_room(target, size)
        digest = _receive(name, response, target, size, progress)
    for wanted in (sha256, told):
        if not digest.startswith(wanted):
            _part(target).unlink()
            raise _not_got(name, f"What came has the SHA-256 {digest[:16]}…, not {wanted[:16]} as stated.")
    _part(target).replace(target)
    return digest


def stated(name: str, url: str) -> tuple[int | None, str]:
    """Size in bytes and SHA-256 (hex) of the file at `url`, as its server states them. Raises UnusableCheckpoint."""
    with _opened(name, url, "HEAD") as (_, size, told):
        return size, told


@contextlib.contextmanager
def _opened(name: str, url: str, method: str) -> Iterator[tuple[Any, int | None, str]]:
    """The answer of the server, and size and digest as it states them."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise _not_got(name, f"{url} is no address of the web.")
    redirects = _Redirects()
    named = {"User-Agent": f"xferviewer/{__version__}"}
    request = urllib.request.Request(url, headers=named, method=method)  # noqa: S310  its scheme was looked at
    try:
        with urllib.request.build_opener(redirects).open(request, timeout=_TIMEOUT_SECONDS) as response:
            size = _number(response.headers.get("Content-Length"))
            yield response, size, _digest(redirects.passed, response.headers)
    except urllib.error.HTTPError as error:
        error.close()  # it is the answer, too, and holds the connection
        raise _not_got(name, f"{_host(url)} answered {error.code} {error.reason}.") from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise _not_got(name, f"{_host(url)} could not be reached: {reason}.") from error


def _receive(
    name: str, response: Any, target: Path, size: int | None, progress: Callable[[int, int | None], None]
) -> str:
    """Write what comes beside `target`; whatever goes wrong, nothing stays."""
    digest, got, part = hashlib.sha256(), 0, _part(target)
    try:
        try:
            with part.open("wb") as file:
                for piece in _pieces(response):
                    file.write(piece)
                    digest.update(piece)
                    got += len(piece)
                    progress(got, size)
                file.flush()
                os.fsync(file.fileno())
        except ConnectionError:
            raise
        except OSError as error:
            raise UnusableFolder(
                f"The weights {name} could not be kept.",
                f"{target.parent}: {error.strerror or error}.",
                "Free space there, or put the file into a mirror folder on another disk.",
            ) from error
        if size is not None and got != size:
            raise _not_got(name, f"The connection ended after {got:,} of {size:,} bytes.")
    except BaseException:  # also when a person stops it
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return digest.hexdigest()


def _pieces(response: Any) -> Iterator[bytes]:
    while True:
        try:
            piece: bytes = response.read(_PIECE)
        except (OSError, http.client.HTTPException) as error:  # not to be mistaken for the disk's
            raise ConnectionError(str(error) or "the connection broke off") from error
        if not piece:
            return
        yield piece


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _check_room(target: Path, size: int | None) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise UnusableFolder(
            f"{target.name} could not be kept.", f"{target.parent}: {error.strerror or error}.", "Free space there."
        ) from error
    if size is not None and size > free:
        raise UnusableFolder(
            f"{target.name} could not be kept.",
            f"It has {size:,} bytes; {target.parent} has room for {free:,}.",
            "Free space there, or put the file into a mirror folder on another disk.",
        )


def _digest(passed: list[Message], last: Message) -> str:
    """As model hubs state it, for files that they keep by their digest."""
    for headers in (*passed, last):
        stated = (headers.get("X-Linked-Etag") or "").strip('W/"').lower()
        if re.fullmatch(r"[0-9a-f]{64}", stated):
            return stated
    return ""


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _not_got(name: str, why: str) -> UnusableCheckpoint:
    return UnusableCheckpoint(
        f"The weights {name} were not fetched.",
        why,
        "Try again later, or put the file into the folder that the setting mirror names.",
    )
