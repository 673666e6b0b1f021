"""The manual page xferviewer(1), made from the parser of the command line, so that it says what the program takes.

    python packaging/man_page.py VERSION > xferviewer.1

Its date is that of SOURCE_DATE_EPOCH (1970 without it), so that one commit makes one page.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from xferviewer import RESEARCH_NOTICE, cli, settings
from xferviewer.policy import machine_policy_file

EXIT_CODES = {
    cli.options.DONE: "Done.",
    cli.options.SOME_FAILED: "Some inputs failed; each is named with its reason.",
    cli.options.COULD_NOT_RUN: "Could not run: what happened, why, and what to do stand on standard error.",
}


def page(version: str, day: str) -> str:
    """The page as roff (man(7)). `version` and `day` are printed at its foot."""
    return "\n".join(_lines(cli.parser(), version, day)) + "\n"


def _lines(parser: argparse.ArgumentParser, version: str, day: str) -> Iterator[str]:
    yield f'.TH XFERVIEWER 1 "{day}" "xferviewer {_escaped(version)}" "User Commands"'
    yield from (".nh", ".ad l")
    yield from (".SH NAME", r"xferviewer \- compare fine\-tuned medical\-image classifiers on the workstation")
    yield from (".SH SYNOPSIS", r"\fBxferviewer\fR", ".br", r"\fBxferviewer\fR \fICOMMAND\fR [\fIOPTIONS\fR]")
    yield from (".SH DESCRIPTION", "Without a command the window opens.", _escaped(RESEARCH_NOTICE))
    yield from (
        ".PP",
        r"With \fB\-\-json\fR a command prints one JSON object on standard output and nothing else there;",
        "progress and messages go to standard error.",
    )
    yield from (".SH OPTIONS", *_options(parser))
    yield ".SH COMMANDS"
    for name, command in _commands(parser).items():
        yield f'.SS "{_escaped(name)}"'
        yield _escaped(" ".join(command.format_usage().removeprefix("usage: ").split()))
        yield from (".PP", _escaped(command.description or ""))
        yield from _options(command)
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES.items():
        yield from (".TP", rf"\fB{code}\fR", _escaped(meaning))
    yield ".SH FILES"
    for path, purpose in _folders().items():
        yield from (".TP", rf"\fI{_escaped(path)}\fR", _escaped(purpose))
    yield from (".SH ENVIRONMENT", ".TP", r"\fBXFERVIEWER_HOME\fR", "One folder in place of data, settings and logs.")
    yield from (".SH SEE ALSO", r"\fI/usr/share/doc/xferviewer\fR: README.md and, for whoever installs it for others,")
    yield r"deployment.md (silent installation, policy, logs, updates, removal)."


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The sub-commands that `--help` lists; the others are started by our own processes alone."""
    (table,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    listed = {choice.dest for choice in table._choices_actions}  # noqa: SLF001
    return {name: command for name, command in table.choices.items() if name in listed}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001  argparse has no other way to ask
        in_usage_alone = action.help in (None, argparse.SUPPRESS) or isinstance(action, argparse._HelpAction)  # noqa: SLF001
        if in_usage_alone or isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            continue
        names = ", ".join(rf"\fB{_escaped(name)}\fR" for name in action.option_strings)
        help_text = str(action.help) % {**vars(action), "prog": parser.prog}
        yield from (".TP", " ".join(filter(None, (names, _value(action)))), _escaped(help_text))


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    of_choices = "|".join(map(str, action.choices)) if action.choices is not None else ""
    word = action.metavar or of_choices or (action.dest.upper() if action.option_strings else action.dest)
    more = r" \&.\|.\|." if action.nargs in ("+", "*") else ""
    return rf"\fI{_escaped(word if isinstance(word, str) else ' '.join(word))}\fR{more}"


def _folders() -> dict[str, str]:
    """Where the application keeps its files for somebody whose home is `~`."""
    home = str(Path.home())
    return {
        str(path).replace(home, "~", 1): purpose
        for path, purpose in (
            (settings.data_folder(), "Catalogue, predictions, jobs and checkpoints."),
            (settings.settings_file(), "Settings."),
            (machine_policy_file(), "What the administrator of the computer sets for everybody."),
            (settings.log_folder(), "A log for each kind of process; no patient is named there."),
        )
    }


def _escaped(text: str) -> str:
    """`text` as roff prints it: hyphens that can be copied, lists that may be broken, no line taken for a request."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("|", r"|\:").replace(",", r",\:")
    return rf"\&{text}" if text[:1] in (".", "'") else text


def main() -> None:
    """Print the page as it is for a user who has set nothing."""
    for name in [name for name in os.environ if name.startswith(("XDG_", "XFERVIEWER_"))]:
        del os.environ[name]
    os.environ["COLUMNS"] = "10000"  # argparse would break lines
    day = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC).date()
    sys.stdout.write(page(sys.argv[1], day.isoformat()))


if __name__ == "__main__":
    main()
