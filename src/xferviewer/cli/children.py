"""Sub-commands that only our own processes run; no help lists them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xferviewer.cli.options import (
    DONE,
    command,
)

if TYPE_CHECKING:
    pass


from xferviewer.cli.checkpoints import read_import_words


def add_to(commands: Any) -> None:
    """Add these sub-commands to those of a parser."""
    command(commands, "engine", _engine, argparse.SUPPRESS)
    command(commands, "import-assistant", _import_assistant, argparse.SUPPRESS)
    command(commands, "examine-files", _examine_files, argparse.SUPPRESS)
    decode = command(commands, "decode-with-gdcm", _decode_with_gdcm, argparse.SUPPRESS)
    decode.add_argument("arguments", nargs=2)
    helper = command(commands, "train-on-device", _train_on_device, argparse.SUPPRESS)
    helper.add_argument("folder")
    helper.add_argument("devices")
    reading = command(commands, "read-images", _read_images, argparse.SUPPRESS)
    reading.add_argument("arguments", nargs=1)


def _engine(options: argparse.Namespace) -> int:
    from xferviewer.engine.server import serve

    return serve()


def _import_assistant(options: argparse.Namespace) -> int:
    from xferviewer.engine.import_assistant import serve

    return serve(read_import_words)


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


def _train_on_device(options: argparse.Namespace) -> int:
    """A job on several devices has a process for each; the others are started by the first."""
    from xferviewer.jobs.folder import JobFolder
    from xferviewer.training.finetune import help_train
    from xferviewer.training.several_devices import end_with_standard_input

    end_with_standard_input()
    help_train(JobFolder(options.folder), tuple(filter(None, options.devices.split(","))))
    return DONE
