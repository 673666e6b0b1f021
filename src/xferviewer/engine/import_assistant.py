"""The process behind the import dialog: looks at files of weights, shows what a network would see, and imports.

A request is one line of JSON on standard input, `{"id", "do", …}`; answers are lines of JSON on standard output with
its id: any number of `"progress"`, then one `"done"` or `"error"` with what, why and todo. The window that asks imports
no torch, and may end this process at any time.

look      file, architecture (may be null),        FileReport
          published (its name at the hub, or null)
preview   words, image, frame                      InputPreview
import    words                                    what `xferviewer import-checkpoint --json` prints
names                                              the names of all published weights
describe  name                                     what `import-checkpoint NAME --from-hub --look --json` prints
fetch     name                                     the path of the file, which is fetched where it may be and must

`words` are those of the command line after `import-checkpoint`, so that the window has no other way to say anything.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xferviewer.checkpoints.fields import to_mapping
from xferviewer.errors import XferviewerError

if TYPE_CHECKING:  # loading torch takes seconds: the window is told so before
    from xferviewer.checkpoints.import_answers import Answers
    from xferviewer.engine.import_look import OpenFile

ReadWords = Callable[[list[str]], "tuple[Path, Path, Answers]"]
"""File, folder of the checkpoint, and answers in the words of a command line. Raises XferviewerError."""

_TELL_EVERY_SECONDS = 0.1


class Assistant:
    """Keeps the file that was looked at last, so that a preview does not read it again."""

    def __init__(self, read_words: ReadWords, send: Callable[[dict[str, Any]], None]) -> None:
        self._read_words = read_words
        self._send = send
        self._open: OpenFile | None = None
        self._id = 0
        self._told = ("", 0.0)

    def answer(self, request: dict[str, Any]) -> None:
        """Do what a request asks, and send the answer; an error of any kind is an answer, too."""
        self._id, self._told = request["id"], ("", 0.0)
        try:
            if "torch" not in sys.modules:
                self._tell("loading the libraries", 0, 0)
            does = {
                "look": self._look, "preview": self._preview, "import": self._import, "names": self._names,
                "describe": self._describe, "fetch": self._fetch,
            }[request["do"]]  # fmt: skip
            self._send({"id": self._id, "done": does(request)})
        except XferviewerError as error:
            self._send({"id": self._id, "error": error.as_dict()})
        except Exception as error:  # noqa: BLE001 - whatever a file makes a library do, the window is told
            what = XferviewerError(
                "The weights could not be worked with.", f"{type(error).__name__}: {str(error)[:300]}.",
                "Please report it; the file itself is unchanged.",
            )  # fmt: skip
            self._send({"id": self._id, "error": what.as_dict()})

    def _look(self, request: dict[str, Any]) -> dict[str, Any]:
        from xferviewer.engine.import_hub import published_weights

        architecture, known = request.get("architecture"), None
        if request.get("published"):  # who publishes them knows what they are of
            _, known = published_weights(request["published"], lambda line: self._tell(line, 0, 0))
            architecture = architecture or known.architecture
        report = self._opened(Path(request["file"])).look(architecture, self._tell)
        return to_mapping(report if known is None else replace(report, said=report.said.else_from(known)))

    def _preview(self, request: dict[str, Any]) -> dict[str, Any]:
        from xferviewer.engine.import_checkpoint import imported_network
        from xferviewer.engine.import_preview import preview

        file, _, given = self._read_words(request["words"])
        made = imported_network(file, given, self._opened(file).network)
        return to_mapping(preview(file, made, Path(request["image"]), request["frame"]))

    def _import(self, request: dict[str, Any]) -> dict[str, Any]:
        from xferviewer.engine.import_checkpoint import import_checkpoint

        self._open = None  # two copies of the weights are enough
        file, out, given = self._read_words(request["words"])
        command = shlex.join(["xferviewer", "import-checkpoint", *request["words"]])
        return import_checkpoint(file, out, given, command, self._tell)

    def _names(self, _request: dict[str, Any]) -> list[str]:
        from xferviewer.networks.hub.published import published_names

        return published_names()

    def _describe(self, request: dict[str, Any]) -> dict[str, Any]:
        from xferviewer.engine.import_hub import describe_published

        return describe_published(request["name"])

    def _fetch(self, request: dict[str, Any]) -> str:
        from xferviewer.engine.import_hub import published_weights

        file, _ = published_weights(
            request["name"],
            lambda line: self._tell(line, 0, 0),
            lambda got, size: self._tell("fetching", got, size or 0),
        )
        return str(file)

    def _opened(self, file: Path) -> OpenFile:
        from xferviewer.engine.import_look import OpenFile, mark

        try:
            same = self._open is not None and self._open.mark == mark(file)
        except OSError:
            same = False
        if self._open is None or not same:
            self._open = None
            self._open = OpenFile(file, self._tell)
        return self._open

    def _tell(self, stage: str, done: int, total: int) -> None:
        last, when = self._told
        if stage != last or time.monotonic() - when > _TELL_EVERY_SECONDS:
            self._told = (stage, time.monotonic())
            self._send({"id": self._id, "progress": {"stage": stage, "done": done, "total": total}})


def serve(read_words: ReadWords) -> int:
    """Answer requests until standard input closes; whatever a library prints goes to standard error."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: dict[str, Any]) -> None:
        output.write(json.dumps(message, ensure_ascii=True) + "\n")
        output.flush()

    assistant = Assistant(read_words, send)
    try:
        for line in sys.stdin:
            assistant.answer(json.loads(line))
    except BrokenPipeError:  # the window is gone
        return 0
    return 0
