"""`import-checkpoint` and `describe-inputs`: folders of checkpoints."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from xferviewer.cli.options import (
    DONE,
    command,
    numbers,
    print_json,
    size,
    tell_result,
)
from xferviewer.errors import XferviewerError

if TYPE_CHECKING:
    from xferviewer.checkpoints.import_answers import Answers


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    _add_import(command(commands, "import-checkpoint", _import, "weights of other programs as a checkpoint folder"))
    describe = command(
        commands, "describe-inputs", _describe_inputs, "what a checkpoint's training images look like, for its card"
    )
    describe.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    describe.add_argument(
        "--images", type=Path, required=True, help="those that it learned from: a folder, a CSV with a path column, …"
    )
    describe.add_argument("--json", action="store_true")


def _add_import(parser: argparse.ArgumentParser) -> None:
    """The options of `import-checkpoint`; `checkpoints.import_answers` says what they mean."""
    parser.add_argument("file", type=Path, metavar="FILE", help=".pt, .pth, .ckpt, .bin, .safetensors; never executed")
    parser.add_argument(
        "--from-hub", action="store_true",
        help="FILE names published weights, timm/NAME.TAG or torchvision/NAME.TAG; from the mirror, or fetched",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="the folder of the checkpoint, a new one")
    parser.add_argument("--look", action="store_true", help="say what the file is and what it fits; write nothing")
    parser.add_argument(
        "--architecture", metavar="NAME", help="timm's or torchvision's (default: told from the weights)"
    )
    parser.add_argument(
        "--findings", metavar="A,B,…",
        help="in the order of the logits; or a .txt, .csv or .json file; or nih-14, chexpert-5, …",
    )  # fmt: skip
    parser.add_argument("--untrained", metavar="A,B,…", help="findings whose part of the head saw no labels")
    parser.add_argument("--task", choices=("multi-label", "multi-class", "binary"), help="default: multi-label")
    parser.add_argument("--name", help="short, for tables (default: that of the file)")
    parser.add_argument("--title", help="for people (default: the name)")
    parser.add_argument("--license", metavar="NAME", help="of the weights (default: unknown)")
    parser.add_argument("--origin", metavar="TEXT", help="where the weights come from: a paper, an address")
    parser.add_argument("--json", action="store_true")
    made = parser.add_argument_group("preprocessing: by name or file, and single constants otherwise than that")
    made.add_argument("--preprocessing", metavar="NAME|TOML", help="imagenet, caffe+std, timm, …, or a file")
    made.add_argument("--size", type=size, metavar="ROWS[,COLUMNS]", help="of the input")
    made.add_argument("--resize", choices=("squash", "shorter"), help="both sides, or the shorter one")
    made.add_argument("--crop-fraction", type=float, metavar="SHARE", help="of each side that the middle keeps")
    made.add_argument("--interpolation", choices=("bilinear", "bicubic"))
    made.add_argument("--channels", choices=("grey", "RGB", "BGR"), dest="channel_order")
    made.add_argument("--mean", type=numbers, metavar="A,B,C", help="per channel, of values in [0, 1]")
    made.add_argument("--std", type=numbers, metavar="A,B,C", help="per channel")
    made.add_argument("--polarity", choices=("as shown", "inverted"))
    made.add_argument("--window", choices=("default", "full range", "range", "percentiles"), help="of grey images")
    made.add_argument("--window-range", type=numbers, metavar="LOW,HIGH", help="of range (values, HU) or percentiles")


def _import(options: argparse.Namespace) -> int:
    import shlex

    from xferviewer.engine.import_checkpoint import import_checkpoint

    if options.look:
        return _look(options)
    if options.out is None:
        raise XferviewerError("Nothing was imported.", "No folder for it was named.", "Name a new one with --out DIR.")
    words = shlex.join(word for word in options.words if word != "--json")  # how it is told is no part of what is done
    file, answers = _weights(options)
    result = import_checkpoint(file, options.out, answers, words)
    if not options.json:
        for decision in result["decisions"]:
            print(decision, file=sys.stderr)
        print(options.out)
    return tell_result(result, options)


def _describe_inputs(options: argparse.Namespace) -> int:
    from xferviewer.engine.training_inputs import describe_inputs

    def tell(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{done} of {total} images", file=sys.stderr)

    checkpoint, result = describe_inputs(options.checkpoint, options.images, tell)
    if not options.json:
        print(f"{checkpoint.name}: the card describes {result['images']} training images")
    return tell_result(result, options)


def _look(options: argparse.Namespace) -> int:
    from xferviewer.checkpoints.fields import to_mapping
    from xferviewer.engine.import_look import OpenFile

    if options.from_hub:
        return _look_at_hub(options)
    report = OpenFile(options.file).look(options.architecture)
    if options.json:
        print_json(to_mapping(report))
        return DONE
    print(f"{report.file}: {report.container}, {report.tensors} tensors, {report.parameters:,} numbers")
    for decision in report.decisions:
        print(f"  {decision}")
    if not report.candidates:
        print(f"told by no name; the first is {report.first_name}")
    for each in report.candidates:
        print(f"fits: {each.architecture}" if each.fits else f"{each.architecture}: {each.first_fault}")
    return DONE


def _look_at_hub(options: argparse.Namespace) -> int:
    from xferviewer.engine.import_hub import describe_published

    described = describe_published(options.file.as_posix())
    if options.json:
        print_json(described)
        return DONE
    for name, value in described.items():
        print(f"{name}: {'-' if value in (None, '') else value}")
    return DONE


def _weights(options: argparse.Namespace) -> tuple[Path, Answers]:
    """The file to import, and what is known of it: from the options, else from who published it."""
    answers = _answers(options)
    if not options.from_hub:
        return options.file, answers
    from xferviewer.engine.import_hub import published_weights

    file, said = published_weights(options.file.as_posix(), lambda line: print(line, file=sys.stderr))
    return file, answers.else_from(said)


def _answers(options: argparse.Namespace) -> Answers:
    """What the options of import-checkpoint say beside file and folder."""
    from xferviewer.checkpoints.finding_lists import named_findings
    from xferviewer.checkpoints.import_answers import CONSTANT_OPTIONS, Answers
    from xferviewer.engine.import_answers import preprocessing_file

    file = options.preprocessing if options.preprocessing and options.preprocessing.endswith(".toml") else None
    constants = {name: getattr(options, name) for name in CONSTANT_OPTIONS if getattr(options, name) is not None}
    return Answers(
        architecture=options.architecture,
        findings=named_findings(options.findings or ""),
        untrained=None if options.untrained is None else named_findings(options.untrained),
        task=options.task,
        preset=None if file else options.preprocessing,
        preprocessing=preprocessing_file(Path(file)) if file else None,
        constants=constants,
        name=options.name,
        title=options.title,
        license=options.license,
        origin=options.origin,
    )


class _SaysWhy(argparse.ArgumentParser):
    """Raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise XferviewerError("The weights were not imported.", f"{message}.", "Correct what is named.")


def read_import_words(words: list[str]) -> tuple[Path, Path, Answers]:
    """The file, the folder to write and the answers that these words of `import-checkpoint` give.

    Raises XferviewerError for words that it does not know.
    """
    parser = _SaysWhy(prog="xferviewer import-checkpoint")
    _add_import(parser)
    options = parser.parse_args(words)
    file, answers = _weights(options)
    return file, options.out or Path(), answers
