"""The command line: one sub-command for each thing that a script wants.

With `--json` standard output holds one JSON object and nothing else; progress and messages go to standard error.
Exit codes: 0 done, 1 some inputs failed (each named with its reason), 2 could not run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from xferviewer import RESEARCH_NOTICE, __version__
from xferviewer.errors import UnusableChoice, XferviewerError
from xferviewer.saliency_methods import LAYER_SETS, METHODS, SMOOTHINGS, MapChoice

if TYPE_CHECKING:
    from xferviewer.checkpoints.import_answers import Answers
    from xferviewer.evaluation.run_progress import RunProgress

DONE, SOME_FAILED, COULD_NOT_RUN = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sub-command that the arguments name; without one, open the window. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    options.words = ["xferviewer", *given]
    try:
        code: int = options.run(options)
    except XferviewerError as error:
        if getattr(options, "json", False):
            _print_json({"error": error.as_dict()})
        print(f"xferviewer: {error.what}\n  {error.why}\n  {error.todo}", file=sys.stderr)
        return COULD_NOT_RUN
    except KeyboardInterrupt:
        print("xferviewer: interrupted", file=sys.stderr)
        return COULD_NOT_RUN
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="xferviewer",
        description=f"Compare fine-tuned medical-image classifiers on the workstation. {RESEARCH_NOTICE}",
    )
    parser.add_argument("--version", action="version", version=f"xferviewer {__version__}")
    parser.set_defaults(run=_window, paths=[], demo=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    window = _command(commands, "open", _window, "open the window on folders or files")
    window.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    window.set_defaults(demo=False)
    _command(commands, "demo", _window, "open the window on the bundled cohort and checkpoints").set_defaults(
        demo=True, paths=[]
    )
    devices = _command(commands, "devices", _devices, "what this computer has to compute on, and what each can")
    devices.add_argument("--json", action="store_true")
    selftest = _command(commands, "selftest", _selftest, "device, decoders, a prediction and a map end to end")
    _add_device(selftest)
    selftest.add_argument("--json", action="store_true")
    inspect = _command(commands, "inspect", _inspect, "what an image, checkpoint, prediction, job or catalogue path is")
    inspect.add_argument("path", type=Path)
    inspect.add_argument("--json", action="store_true")
    index = _command(commands, "index", _index, "read and count studies; names every refused file with its reason")
    index.add_argument("folder", type=Path)
    index.add_argument("--catalogue", type=Path, help="keep what was found in this file, and go on from it")
    index.add_argument("--json", action="store_true")
    index.add_argument("--while-stdin-is-open", action="store_true", help=argparse.SUPPRESS)
    phantom = _command(commands, "phantom", _phantom, "write a synthetic cohort of chest radiographs")
    phantom.add_argument("--out", type=Path, required=True)
    phantom.add_argument("--count", type=int, required=True)
    phantom.add_argument("--seed", type=int, required=True)
    phantom.add_argument("--site", choices=("A", "B", "C"), required=True)
    phantom.add_argument("--format", choices=("dicom", "png"), default="dicom")
    phantom.add_argument("--size", type=int, default=512, help="rows and columns (default: 512)")
    phantom.add_argument("--workers", type=int, default=1, help="processes that render (default: 1)")
    phantom.add_argument("--without-masks", action="store_true", help="write no masks of the findings")
    _add_import(_command(commands, "import-checkpoint", _import, "weights of other programs as a checkpoint folder"))
    describe = _command(
        commands, "describe-inputs", _describe_inputs, "what a checkpoint's training images look like, for its card"
    )
    describe.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    describe.add_argument(
        "--images", type=Path, required=True, help="those that it learned from: a folder, a CSV with a path column, …"
    )
    describe.add_argument("--json", action="store_true")
    predict = _command(commands, "predict", _predict, "probabilities of every image by every checkpoint, as a table")
    _add_checkpoints(predict)
    _add_device(predict)
    predict.add_argument("--images", type=Path, required=True, help="a folder, a CSV with a path column, a catalogue")
    predict.add_argument("--out", type=Path, required=True, help="FILE.csv or FILE.parquet")
    predict.add_argument("--batch-size", type=int, help="default: 1 on a CPU, so that no number depends on neighbours")
    predict.add_argument(
        "--store", type=Path, metavar="FILE",
        help="keep logits here as they come, and compute only what it lacks (default: OUT.logits.sqlite); the window's "
        "own is predictions.sqlite in the data folder",
    )  # fmt: skip
    predict.add_argument("--logits", action="store_true", help="write logits instead of probabilities")
    _add_columns(predict)
    predict.add_argument("--json", action="store_true")
    explain = _command(commands, "explain", _explain, "saliency maps of an image, as arrays and overlays")
    _add_checkpoints(explain)
    _add_device(explain)
    which = explain.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", type=Path, help="maps of this one are written")
    which.add_argument("--images", type=Path, help="a folder, a CSV, a catalogue: their maps are only measured")
    explain.add_argument("--frame", type=int, default=0, help="of a multi-frame image, from 0")
    explain.add_argument("--finding", default="all", help="a finding's name, or all (default)")
    explain.add_argument("--method", choices=tuple(METHODS), default="gradcam")
    explain.add_argument(
        "--layers", default="standard", metavar="LAYERS",
        help=f"{', '.join(LAYER_SETS)}, or names of the network's layers with commas, whose maps are averaged",
    )  # fmt: skip
    explain.add_argument(
        "--smoothing", choices=tuple(SMOOTHINGS), default="none",
        help="augmented: mean over mirrored and dimmed images; eigen: first principal component of the channels",
    )  # fmt: skip
    explain.add_argument("--out", type=Path, required=True)
    explain.add_argument("--json", action="store_true")
    _add_map_quality(explain)
    _add_evaluate(_command(commands, "evaluate", _evaluate, "metrics.json and report.html from labels and predictions"))
    calibrate = _command(commands, "calibrate", _calibrate, "calibrated probabilities for a checkpoint, from labels")
    calibrate.add_argument("--checkpoint", type=Path, required=True, metavar="DIR")
    calibrate.add_argument("--labels", type=Path, required=True, metavar="CSV")
    calibrate.add_argument(
        "--predictions", type=Path, required=True, metavar="FILE",
        help="a table of predict; logits (better) where a score lies outside [0, 1], else probabilities",
    )  # fmt: skip
    calibrate.add_argument("--method", choices=("temperature", "platt", "isotonic", "beta"), required=True)
    calibrate.add_argument("--split", required=True, metavar="NAME", help="what to call the calibration cases")
    calibrate.add_argument(
        "--where", type=_condition, action="append", default=[], metavar="COLUMN=VALUE",
        help="keep only these rows of the labels; may be given more than once",
    )  # fmt: skip
    calibrate.add_argument("--json", action="store_true")
    train = _command(commands, "train", _train, "fine-tune a checkpoint as a specification says")
    train.add_argument("spec", type=Path, metavar="SPEC.toml")
    train.add_argument("--out", type=Path, help="job folder (default: a new one among the window's jobs)")
    train.add_argument("--json", action="store_true")
    _command(commands, "engine", _engine, argparse.SUPPRESS)
    _command(commands, "import-assistant", _import_assistant, argparse.SUPPRESS)
    _command(commands, "examine-files", _examine_files, argparse.SUPPRESS)
    decode = _command(commands, "decode-with-gdcm", _decode_with_gdcm, argparse.SUPPRESS)
    decode.add_argument("arguments", nargs=2)
    reading = _command(commands, "read-images", _read_images, argparse.SUPPRESS)
    reading.add_argument("arguments", nargs=1)
    return parser


def _add_columns(parser: argparse.ArgumentParser) -> None:
    """What `predict` writes beside the plain checkpoints."""
    columns = parser.add_argument_group("further columns, with the spread of their members")
    columns.add_argument(
        "--augment", action="append", default=[], choices=("flip", "ten-crop"),
        help="also the mean of each image and its mirror image, or of ten crops; repeatable; a mirrored chest film has "
        "its heart on the other side, so beware where a finding lies left or right",
    )  # fmt: skip
    columns.add_argument(
        "--mc-dropout", type=int, metavar="N", help="also the mean of N passes with dropout at work, where there is any"
    )
    columns.add_argument(
        "--ensemble", action="append", default=[], metavar="NAME=A,B,…", dest="ensembles",
        help="also the mean of these checkpoints or columns (such as A + flip), by name; repeatable",
    )  # fmt: skip


def _passes(options: argparse.Namespace) -> list[Any]:
    from xferviewer.checkpoints import Passes, passes_of_word

    passes = [passes_of_word(word) for word in options.augment]
    if options.mc_dropout is not None:
        try:
            passes.append(Passes("mc-dropout", options.mc_dropout))
        except ValueError as error:
            raise UnusableChoice(
                f"--mc-dropout {options.mc_dropout} cannot be done.", f"{error}.", "Give, for example, --mc-dropout 20."
            ) from error
    return passes


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate`; `exchange.evaluate_options` says what they mean."""
    several: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV")
    parser.add_argument("--predictions", type=Path, required=True, nargs="+", metavar="FILE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    cases = parser.add_argument_group("which cases, and how they are counted")
    cases.add_argument("--unit", choices=("image", "study", "patient"), default="image")
    cases.add_argument(
        "--aggregation", choices=("max", "mean", "noisy-or"), default="max",
        help="how the scores of images become that of a study or patient (default: max)",
    )  # fmt: skip
    cases.add_argument(
        "--uncertain", choices=("ignore", "zeros", "ones"), default="ignore",
        help="labels of -1 count as not stated (default), absent or present",
    )  # fmt: skip
    cases.add_argument("--where", **several, metavar="COLUMN=VALUE", help="only these cases; same column: any of them")
    cases.add_argument("--findings", **several, metavar="A,B", help="report these findings (default: all)")
    cases.add_argument(
        "--same", **several, metavar="NAME=NAME", help="these mean the same finding, beside the published synonyms"
    )
    cases.add_argument(
        "--cases", choices=("each", "common"), default="each",
        help="each checkpoint on all its own cases (default), or on those that every checkpoint has, as in the window",
    )  # fmt: skip
    cases.add_argument("--by", **several, metavar="COLUMN", help="columns to group by; site+sex crosses two")
    compared = parser.add_argument_group("how checkpoints are compared")
    compared.add_argument("--level", type=float, default=0.95, help="of all intervals (default: 0.95)")
    compared.add_argument("--reference", default="", metavar="NAME", help="every other checkpoint against this one")
    compared.add_argument(
        "--adjust", choices=("holm", "bh", "bonferroni", "none"), default="holm",
        help="the p-values against the reference, over all findings and checkpoints (default: holm)",
    )  # fmt: skip
    point = parser.add_argument_group("operating points and referral")
    point.add_argument(
        "--threshold", action="append", default=[], metavar="[[CHECKPOINT:]FINDING=]VALUE", dest="thresholds",
        help="repeatable; the most specific one counts (default: 0.5)",
    )  # fmt: skip
    point.add_argument("--operating-point", default="", metavar="youden|sensitivity:R|specificity:R|VALUE")
    point.add_argument("--referral-rate", type=float, default=0.0, help="share of cases for an expert (default: 0)")
    point.add_argument(
        "--uncertainty", choices=(
            "finding", "probability", "case", "entropy", "margin", "spread", "member-spread", "mutual-information"
        ),
        default="finding",
        help="which cases these are: nearest to the finding's threshold (default), nearest to 0.5, the same in the "
        "mean over a case's findings, of most entropy, nearest to all thresholds, where checkpoints differ, where the "
        "members of each column differ (standard deviation, mutual information)",
    )  # fmt: skip
    written = parser.add_argument_group("what is written beside metrics.json and report.html")
    written.add_argument("--figures", type=_formats("svg", "pdf", "png"), default=(), metavar="svg,pdf,png")
    written.add_argument("--tables", type=_formats("csv", "latex"), default=(), metavar="csv,latex")


def _add_map_quality(parser: argparse.ArgumentParser) -> None:
    """The options of `explain` by which maps are compared and measured; `engine.explain_quality` says what they do."""
    alike = parser.add_argument_group("how alike the maps of the checkpoints are")
    alike.add_argument(
        "--compare", choices=("own", "shared"),
        help="rank correlation, overlap and difference A − B of each pair; each map on its own scale, or on one scale",
    )  # fmt: skip
    alike.add_argument("--top-share", type=float, default=0.1, help="of the pixels, for the overlap (default: 0.1)")
    good = parser.add_argument_group("how good the maps are")
    good.add_argument(
        "--quality", type=_formats("localisation", "deletion", "insertion", "randomisation"), default=(),
        metavar="localisation,deletion,insertion,randomisation", help="what is measured; written to quality.json",
    )  # fmt: skip
    good.add_argument(
        "--regions", type=Path, nargs="+", action="extend", default=[], metavar="PATH",
        help="NIH's BBox_List_2017.csv, VinDr's annotations, a folder with masks (those beside an image count anyway)",
    )  # fmt: skip
    good.add_argument(
        "--region-name", type=_condition, action="append", default=[], metavar="THEIRS=OURS",
        help="what a finding of the regions is called by the checkpoints; repeatable",
    )  # fmt: skip
    good.add_argument(
        "--sample", type=int, default=0, help="so many images for curves and randomisation (default: all)"
    )
    good.add_argument("--seed", type=int, default=0, help="of random maps, random weights and the sample (default: 0)")
    good.add_argument(
        "--pixels-per-step", type=int, default=0, help="of the curves (default: one row; RISE's 224 at 224 × 224)"
    )
    good.add_argument("--deletion-ground", choices=("zero", "mean"), default="zero", help="what deleted pixels become")
    good.add_argument(
        "--insertion-ground", choices=("blur", "mean", "zero"), default="blur", help="what the image grows out of"
    )


def _formats(*known: str) -> Callable[[str], tuple[str, ...]]:
    """The type of an option that names formats with commas between them."""

    def formats(text: str) -> tuple[str, ...]:
        named = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
        if not set(named) <= set(known):
            raise argparse.ArgumentTypeError(f"{text} is not of {', '.join(known)}")
        return named

    return formats


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
    made.add_argument("--size", type=_size, metavar="ROWS[,COLUMNS]", help="of the input")
    made.add_argument("--resize", choices=("squash", "shorter"), help="both sides, or the shorter one")
    made.add_argument("--crop-fraction", type=float, metavar="SHARE", help="of each side that the middle keeps")
    made.add_argument("--interpolation", choices=("bilinear", "bicubic"))
    made.add_argument("--channels", choices=("grey", "RGB", "BGR"), dest="channel_order")
    made.add_argument("--mean", type=_numbers, metavar="A,B,C", help="per channel, of values in [0, 1]")
    made.add_argument("--std", type=_numbers, metavar="A,B,C", help="per channel")
    made.add_argument("--polarity", choices=("as shown", "inverted"))


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected numbers with commas between them, got {text!r}") from error


def _size(text: str) -> tuple[int, int]:
    sides = [int(part) for part in text.split(",") if part.isdecimal()]
    if len(sides) not in (1, 2) or len(sides) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"expected ROWS or ROWS,COLUMNS, got {text!r}")
    return sides[0], sides[-1]


def _add_checkpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", type=Path, required=True, nargs="+", metavar="DIR", dest="checkpoints")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")


def _condition(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not column or not equals:
        raise argparse.ArgumentTypeError(f"expected COLUMN=VALUE, got {text!r}")
    return column, value


def _command(commands: Any, name: str, run: Any, help_text: str) -> argparse.ArgumentParser:
    # Without a help text argparse leaves a command out of the list: our own processes are nobody else's business.
    shown = {} if help_text == argparse.SUPPRESS else {"help": help_text, "description": f"{help_text}."}
    parser: argparse.ArgumentParser = commands.add_parser(name, **shown)
    parser.set_defaults(run=run)
    return parser


def _print_json(values: dict[str, Any]) -> None:
    print(json.dumps(values, allow_nan=False, ensure_ascii=False))


def _window(options: argparse.Namespace) -> int:
    from xferviewer.gui.running import run

    return run(options.paths, demo=options.demo)


def _engine(options: argparse.Namespace) -> int:
    from xferviewer.engine.server import serve

    return serve()


def _examine_files(options: argparse.Namespace) -> int:
    from xferviewer.studies.examiners import main as examine

    return examine()


def _decode_with_gdcm(options: argparse.Namespace) -> int:
    """A decoder that may crash runs in a process of its own."""
    from xferviewer.studies.gdcm_pixels import main as decode

    return decode(options.arguments)


def _read_images(options: argparse.Namespace) -> int:
    """Images are read in processes of their own: several at a time, and none can bring down who asked."""
    from xferviewer.studies.reading_processes import main as read

    return read(options.arguments)


def _index(options: argparse.Namespace) -> int:
    import tempfile

    from xferviewer.studies.catalogue import Catalogue
    from xferviewer.studies.indexing import Progress, index
    from xferviewer.studies.summary import describe_index

    closed = threading.Event()
    if options.while_stdin_is_open:
        threading.Thread(target=_wait_for_end_of_stdin, args=(closed,), daemon=True).start()

    def tell(progress: Progress) -> None:
        values = {
            "files": progress.files,
            "images": progress.images,
            "refused": progress.refused,
            "rate": progress.files_per_second,
        }
        print(json.dumps(values), file=sys.stderr, flush=True)

    with (
        tempfile.TemporaryDirectory() as scratch,
        Catalogue(options.catalogue or Path(scratch) / "catalogue.sqlite") as catalogue,
    ):
        index(options.folder, catalogue, tell, closed.is_set)
        summary = describe_index(catalogue, options.folder)
    if options.json:
        _print_json(summary)
    else:
        for refused in summary["refused"]:
            print(f"refused: {refused['path']}: {refused['why']}")
        print("{files} files: {images} images of {studies} studies, {patients} patients".format(**summary))
    return DONE


def _wait_for_end_of_stdin(closed: threading.Event) -> None:
    """The window holds the other end; when it goes, also by being killed, the index commits and stops."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    closed.set()


def _selftest(options: argparse.Namespace) -> int:
    from xferviewer.engine.selftest import run_selftest

    result = run_selftest(options.device, options.precision)
    if options.json:
        _print_json(result)
    else:
        for check in result["checks"]:
            print(
                f"{'ok    ' if check['ok'] else 'FAILED'} {check['name']} ({check['seconds']:.1f} s) {check['message']}"
            )
    return DONE if result["ok"] else SOME_FAILED


def _devices(options: argparse.Namespace) -> int:
    from xferviewer.engine.devices import describe_devices, device_lines

    described = describe_devices()
    if options.json:
        _print_json(described)
    else:
        print("\n".join(device_lines(described)))
    return DONE


def _inspect(options: argparse.Namespace) -> int:
    from xferviewer.exchange.inspection import inspect

    described = inspect(options.path)
    if options.json:
        _print_json(described)
    else:
        for key, value in described.items():
            print(f"{key:>18}  {value}")
    return DONE


def _phantom(options: argparse.Namespace) -> int:
    from xferviewer.studies.phantom import CohortProgress, write_cohort

    def tell(progress: CohortProgress) -> None:
        if progress.done % 50 == 0 or progress.done == progress.total:
            print(f"{progress.done} of {progress.total} films", file=sys.stderr)

    try:
        labels = write_cohort(
            options.out, options.count, options.seed, options.site, options.format,
            size=options.size, masks=not options.without_masks, workers=options.workers, progress=tell,
        )  # fmt: skip
    except ValueError as error:
        raise XferviewerError("The cohort was not written.", f"{error}.", "Correct the arguments.") from error
    print(labels)
    return DONE


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
    return _tell_result(result, options)


def _describe_inputs(options: argparse.Namespace) -> int:
    from xferviewer.engine.training_inputs import describe_inputs

    def tell(done: int, total: int) -> None:
        if done % 100 == 0 or done == total:
            print(f"{done} of {total} images", file=sys.stderr)

    checkpoint, result = describe_inputs(options.checkpoint, options.images, tell)
    if not options.json:
        print(f"{checkpoint.name}: the card describes {result['images']} training images")
    return _tell_result(result, options)


def _look(options: argparse.Namespace) -> int:
    from xferviewer.checkpoints.fields import to_mapping
    from xferviewer.engine.import_look import OpenFile

    if options.from_hub:
        return _look_at_hub(options)
    report = OpenFile(options.file).look(options.architecture)
    if options.json:
        _print_json(to_mapping(report))
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
        _print_json(described)
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


def _import_assistant(options: argparse.Namespace) -> int:
    from xferviewer.engine.import_assistant import serve

    return serve(_read_import_words)


class _SaysWhy(argparse.ArgumentParser):
    """Raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise XferviewerError("The weights were not imported.", f"{message}.", "Correct what is named.")


def _read_import_words(words: list[str]) -> tuple[Path, Path, Answers]:
    parser = _SaysWhy(prog="xferviewer import-checkpoint")
    _add_import(parser)
    options = parser.parse_args(words)
    file, answers = _weights(options)
    return file, options.out or Path(), answers


def _predict(options: argparse.Namespace) -> int:
    from xferviewer.engine.columns import ensemble_of_words
    from xferviewer.engine.table import predict_table

    shown = time.monotonic()

    def tell(progress: RunProgress) -> None:
        nonlocal shown
        if progress.done == progress.total or time.monotonic() - shown > 2.0:
            shown = time.monotonic()
            print(_in_words(progress), file=sys.stderr, flush=True)

    result = predict_table(
        options.checkpoints, options.images, options.out,
        device=options.device, precision=options.precision, batch_size=options.batch_size,
        kind="logit" if options.logits else "probability", passes=_passes(options),
        ensembles=[ensemble_of_words(text) for text in options.ensembles], store=options.store, progress=tell,
    )  # fmt: skip
    if result["computed"] < result["images"]:
        print(f"{result['images'] - result['computed']} images were in {result['store']}", file=sys.stderr)
    for name, inputs in result["inputs"].items():
        for sentence in inputs["sentences"]:
            print(f"warning: {name}: {sentence}", file=sys.stderr)
    for sentence in result["left_out"]:
        print(sentence, file=sys.stderr)
    return _tell_result(result, options)


def _in_words(progress: RunProgress) -> str:
    words = f"{progress.done} of {progress.total} images"
    words += f" ({progress.kept} more were there)" if progress.kept else ""
    words += f", {progress.failed} failed" if progress.failed else ""
    left = progress.remaining_seconds
    return words if math.isnan(left) else f"{words}, {progress.rate:.1f} images/s, {left:.0f} s left"


def _explain(options: argparse.Namespace) -> int:
    from xferviewer.engine.explain_quality import compare_and_measure
    from xferviewer.engine.map_quality import QualityChoices
    from xferviewer.engine.overlays import explain_image
    from xferviewer.engine.perturbation_curves import PerturbationChoices

    result: dict[str, Any] = {}
    if options.image is not None:
        result = explain_image(
            options.checkpoints, options.image, options.out,
            frame=options.frame, finding=options.finding, method=options.method, layers=options.layers,
            smoothing=options.smoothing, progress=_tell_maps if METHODS[options.method].slow else None,
            device=options.device, precision=options.precision,
        )  # fmt: skip
    if options.image is None or options.compare is not None or options.quality:
        choice = MapChoice(options.method, options.layers, options.smoothing)
        choices = QualityChoices(
            options.quality, options.finding, choice, tuple(options.regions), dict(options.region_name),
            options.sample,
            PerturbationChoices(
                options.pixels_per_step, options.deletion_ground, options.insertion_ground, options.seed
            ),
        )  # fmt: skip
        result |= compare_and_measure(
            options.checkpoints, options.image, options.images, options.out, choices, frame=options.frame,
            compare=options.compare, top_share=options.top_share, device=options.device,
            precision=options.precision, progress=_tell_measuring,
        )  # fmt: skip
    return _tell_result(result, options)


def _tell_measuring(what: str, done: int, total: int) -> None:
    if done == total or done % 50 == 0:
        print(f"{what}: {done} of {total}", file=sys.stderr)


def _tell_maps(done: int, total: int) -> None:
    print(f"\r{100 * done // total:3d} %", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _evaluate(options: argparse.Namespace) -> int:
    from dataclasses import fields

    from xferviewer.exchange.evaluate import run_evaluate
    from xferviewer.exchange.evaluate_options import EvaluateOptions

    given: dict[str, Any] = {}
    for field in fields(EvaluateOptions):
        value = getattr(options, field.name)
        given[field.name] = tuple(value) if isinstance(value, list) else value
    words = options.words
    result = run_evaluate(options.labels, options.predictions, options.out, EvaluateOptions(**given), words)
    for warning in result.get("warnings", ()):
        print(f"warning: {warning}", file=sys.stderr)
    if not options.json:
        print(options.out / "metrics.json")
        print(options.out / "report.html")
    return _tell_result(result, options)


def _calibrate(options: argparse.Namespace) -> int:
    from xferviewer.exchange.calibrate import run_calibrate

    result = run_calibrate(
        options.checkpoint, options.labels, options.predictions, options.method, options.split, options.where,
        options.words,
    )  # fmt: skip
    for warning in result["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if not options.json:
        print(f"{result['calibration']}: {result['method']} on {result['cases']} cases, from {result['scores']}")
        print("before → after, on the calibration cases themselves; on other cases the gain is smaller:")
        for finding, effect in result["findings"].items():
            changes = (
                f"{name} {effect['before'][key]:.4f} → {effect['after'][key]:.4f}"
                for key, name in (("ece", "ECE"), ("nll", "NLL"), ("brier", "Brier score"))
            )
            print(f"{finding}: {effect['n_positive']}+/{effect['n_negative']}-, {', '.join(changes)}")
    return _tell_result(result, options)


def _train(options: argparse.Namespace) -> int:
    from xferviewer.jobs.folder import JobFolder
    from xferviewer.jobs.spec import read_spec
    from xferviewer.settings import data_folder
    from xferviewer.training.finetune import run

    spec = read_spec(options.spec)
    out = options.out or data_folder() / "jobs" / f"{options.spec.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    print(f"job folder: {out}", file=sys.stderr)
    checkpoint = run(spec, JobFolder.create(out, spec), f"xferviewer train {options.spec}")
    folder = str(checkpoint.folder) if checkpoint is not None else None
    if options.json:
        _print_json({"job": str(out), "checkpoint": folder})
    elif folder is not None:
        print(folder)
    return DONE if folder is not None else COULD_NOT_RUN


def _tell_result(result: dict[str, Any], options: argparse.Namespace) -> int:
    """Print a result; each failed input goes to standard error with its reason."""
    if options.json:
        _print_json(result)
    for note in result.get("notes", ()):
        print(f"note: {note['what']} {note['why']} {note['todo']}", file=sys.stderr)
    failed = result.get("failed", ())
    for entry in failed:
        print(f"failed: {entry.get('path', '')}: {entry['what']} {entry['why']} {entry['todo']}", file=sys.stderr)
    return SOME_FAILED if failed else DONE
