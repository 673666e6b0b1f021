"""What a file of weights is, before anything is decided: container, tensors, and the architectures it could be of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import timm
import torch

from xferviewer.checkpoints.import_report import Candidate, FileReport
from xferviewer.engine.import_answers import beside
from xferviewer.engine.import_checkpoint import Tell, native_size, tell_nobody, timm_preprocessing
from xferviewer.networks import backbones
from xferviewer.networks.importing.reading import attempts
from xferviewer.networks.importing.recognition import Fit, Misfit, candidates
from xferviewer.networks.importing.state_dicts import StateDict, find_state_dict
from xferviewer.networks.importing.torchvision_names import timm_equal
from xferviewer.networks.importing.weight_files import read_content, refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PIECE = 4 * 2**20


class OpenFile:
    """A file of weights that was read once; `look` may be asked of it again for another architecture."""

    def __init__(self, path: Path, tell: Tell = tell_nobody) -> None:
        """Read it. Raises UnusableCheckpoint for a file that is refused."""
        self.path = path
        self.mark = mark(path)
        self.sha256 = _digest(path, tell)
        tell("opening", 0, 0)
        self.state: StateDict = find_state_dict(path, read_content(path))
        self._fits: dict[str, tuple[Any, Fit]] = {}

    def look(self, architecture: str | None = None, tell: Tell = tell_nobody) -> FileReport:
        """What it is, compared with `architecture`, or with all that its names and the file beside it speak of.

        Raises UnusableCheckpoint for an architecture that timm does not know, UnusableChoice for an unusable file
        beside it.
        """
        said, read = beside(self.path)
        named = architecture or said.architecture
        for name in [named] if named else []:
            if not backbones.is_known(timm_equal(name).architecture):
                raise refused(
                    self.path, f"timm {timm.__version__} knows no architecture named {name}.",
                    "Name it by timm's or torchvision's name.",
                )  # fmt: skip
        begin = [_shortest(named)] if named else []
        tried = dict.fromkeys((*begin, *(() if architecture else candidates(self.state.tensors))))
        found: list[Candidate] = []
        for name in tried:
            tell("comparing with architectures", len(found), len(tried))
            found.append(self._candidate(name, said.options))
        found.sort(key=lambda each: each.faults)
        tensors = self.state.tensors.values()
        return FileReport(
            self.path.name, _container(self.path), self.path.stat().st_size, self.sha256, len(tensors),
            sum(values.numel() for values in tensors), next(iter(self.state.tensors)),
            self.state.decisions, tuple(read), said, tuple(found),
        )  # fmt: skip

    def network(self, _path: Path, architecture: str | None, options: Mapping[str, Any] | None) -> Fit:
        """As `read_network` answers, from what was read; for an architecture that `look` found to fit."""
        name, options = architecture or "", dict(options or {})
        if name not in self._fits or self._fits[name][0] != options:
            made = self._attempt(name, options)
            if isinstance(made, Misfit):
                raise refused(self.path, f"{made.first}; {name} does not take it.", "Name another architecture.")
            self._fits = {name: (options, made)}
        found = self._fits[name][1]
        said = (*self.state.decisions, *found.decisions)
        return Fit(found.architecture, found.options, found.channels, found.backbone, found.head, said)

    def _attempt(self, architecture: str, options: Mapping[str, Any]) -> Fit | Misfit:
        equal = timm_equal(architecture)
        (made,) = attempts(self.state, [equal.architecture], {**equal.options, **options})
        return made

    def _candidate(self, architecture: str, options: Mapping[str, Any]) -> Candidate:
        try:
            made = self._attempt(architecture, options)
        except ValueError as error:
            return Candidate(architecture, max(len(self.state.tensors), 1), f"{error}")
        if isinstance(made, Misfit):
            return Candidate(architecture, made.count, made.first)
        outputs = made.head.outputs if made.head else None
        with torch.device("meta"):  # nothing is computed with it
            network = backbones.create(made.architecture, outputs or 1, made.channels, made.options)
        size = native_size(made, network)
        stated = timm_preprocessing(network, size) if made.channels == 3 else None
        kind = made.head.head.kind if made.head else ""
        return Candidate(architecture, 0, "", outputs, kind, made.channels, size, stated, made.decisions)


def _shortest(architecture: str) -> str:
    """timm's name, unless torchvision's says more than that: arguments with which timm's network is its equal."""
    equal = timm_equal(architecture)
    return architecture if equal.options else equal.architecture


def mark(path: Path) -> tuple[str, int, int]:
    """What changes when a file is replaced."""
    facts = path.stat()
    return str(path), facts.st_mtime_ns, facts.st_size


def _digest(path: Path, tell: Tell) -> str:
    """SHA-256 (hex), telling how far it is: of a large file this is where the disk is waited for."""
    try:
        total, digest = path.stat().st_size, hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
                tell("reading", file.tell(), total)
    except OSError as error:
        raise refused(path, f"It could not be read: {error.strerror or error}.") from error
    return digest.hexdigest()


def _container(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"PK"):
        return "torch.save, zip"
    return "torch.save, as before version 1.6" if head.startswith(b"\x80") else "safetensors"
