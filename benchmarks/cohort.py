"""Predicting a cohort by several checkpoints, against the bare networks, and against a plain script for each.

`python -m benchmarks.cohort [--films N] [--size S] [--folder DIR] [--networks bundled|large] [--only speed|memory]
[--uncompressed]`: films of site B, DICOM in four transfer syntaxes by turns, are rendered into DIR where it does not
hold them; they can be unpacked first, so that what decoders cost is left out. The three take turns with one part of the
films after the other. Budgets: at least 0.85 of the sum of the networks' throughput alone, at least 3 times the plain
script, areas equal within 0.001; memory of the engine flat within 5 % from image 200.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import torch
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from xferviewer import protocol
from xferviewer.checkpoints import Card, Preprocessing, find_checkpoints, write_checkpoint
from xferviewer.engine.cohort_predictions import predict_cohort
from xferviewer.engine.inference import LoadedCheckpoint, load
from xferviewer.evaluation.predictions import PredictionStore
from xferviewer.evaluation.roc import auc
from xferviewer.networks import backbones
from xferviewer.processes import own_command, usable_cores
from xferviewer.studies.phantom import FINDINGS, write_cohort
from xferviewer.studies.selection import SelectedImage, select_images

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

FILMS, SIZE, PARTS = 240, 512, 5
LARGE = ("resnet50", "densenet121", "resnet50", "densenet121")
BATCH_OF_THE_SCRIPT = 16
_FORWARD_RUNS = 12  # of each network and way, in each part
_FLAT_FROM = 200


def main(arguments: Sequence[str] = ()) -> None:
    """Print a line for each comparison."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch) / "films"
        if not (folder / "images").is_dir():
            write_cohort(folder, options.films, 11, "B", size=options.size, masks=False, workers=usable_cores())
        if options.uncompressed:
            folder = _unpacked(folder, Path(scratch) / "unpacked", options.films)
        images = select_images(folder).images[: options.films]
        loaded = _checkpoints(options.networks, Path(scratch))
        packed = "uncompressed" if options.uncompressed else "in four transfer syntaxes"
        name = f"cohort ({options.networks}, {len(images)} films of {_side(images[0])} pixels {packed})"
        if options.only != "memory":
            _compare(name, loaded, images, _labels(folder), Path(scratch))
        if options.only != "speed":
            print(f"{name}: {_memory([one.checkpoint.folder for one in loaded], images)}", flush=True)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cohort")
    parser.add_argument("--films", type=int, default=FILMS)
    parser.add_argument("--size", type=int, default=SIZE)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--networks", choices=("bundled", "large"), default="bundled")
    parser.add_argument("--only", choices=("speed", "memory"))
    parser.add_argument("--uncompressed", action="store_true")
    return parser.parse_args(arguments)


def _unpacked(folder: Path, copy: Path, films: int) -> Path:
    """The same films and labels with pixels as they are (Explicit VR Little Endian)."""
    (copy / "images").mkdir(parents=True)
    shutil.copy(folder / "labels.csv", copy)
    for image in select_images(folder).images[:films]:
        film = pydicom.dcmread(image.path)
        if film.file_meta.TransferSyntaxUID.is_compressed:
            film.decompress(generate_instance_uid=False)
        film.save_as(copy / "images" / image.path.name)
    return copy


def _side(image: SelectedImage) -> str:
    header = pydicom.dcmread(image.path, stop_before_pixels=True)
    return f"{header.Rows}×{header.Columns}"


def _checkpoints(networks: str, scratch: Path) -> list[LoadedCheckpoint]:
    """Those that come with the application, or four of the published architectures with random weights."""
    if networks == "bundled":
        folders = find_checkpoints(Path(__file__).parent.parent / "models")
    else:
        folders = [_random_checkpoint(scratch / f"{place}", name, place) for place, name in enumerate(LARGE)]
    return [load(folder, torch.device("cpu")) for folder in folders]


def _random_checkpoint(folder: Path, architecture: str, seed: int) -> Path:
    torch.manual_seed(seed)
    network = backbones.create(architecture, len(FINDINGS))
    card = Card(
        name=f"{architecture}-{seed}",
        title="Random weights",
        architecture=architecture,
        findings=FINDINGS,
        trained_findings=FINDINGS,
        task="multi-label",
        preprocessing=Preprocessing(size=(224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        weights_sha256="",
        license="Apache-2.0",
    )
    weights = {name: values.numpy() for name, values in network.state_dict().items()}
    return write_checkpoint(folder, card, {}, weights).folder


def _labels(folder: Path) -> dict[str, NDArray[np.float64]]:
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        return {row["path"]: np.array([float(row[finding]) for finding in FINDINGS]) for row in csv.DictReader(file)}


# --- the three that are compared


@dataclass(frozen=True, slots=True)
class _Part:
    """Seconds for an image by all checkpoints, of one part of the films; some also of processor time."""

    engine: float
    engine_processor: float
    alike_processor: float
    script_processor: float
    alike: float  # the bare networks, computed as the engine computes: an image a thread, as many as cores
    default: float  # the bare networks as torch computes them unasked: all threads at one image, or one batch
    script: float
    script_by_workers: float


def _compare(
    name: str,
    loaded: Sequence[LoadedCheckpoint],
    images: Sequence[SelectedImage],
    labels: dict[str, NDArray[np.float64]],
    scratch: Path,
) -> None:
    parts: list[_Part] = []
    ours: list[NDArray[np.float32]] = []
    theirs: list[NDArray[np.float32]] = []
    for number in range(PARTS):
        part = images[number * len(images) // PARTS : (number + 1) * len(images) // PARTS]
        with PredictionStore(scratch / f"{number}.sqlite") as store:
            before = _processor_seconds()
            seconds, predicted = _timed(partial(predict_cohort, loaded, part, store))
            processor = (_processor_seconds() - before) / len(part)
        ours.append(np.array([one.logits for one in predicted.images]))
        before = time.process_time()
        alike = sum(map(_alike, loaded))
        runs = _FORWARD_RUNS + usable_cores()
        alike_processor = (time.process_time() - before) / runs
        default = sum(map(_default, loaded))
        before = _processor_seconds()
        alone, logits = _timed(partial(_script, loaded, part, 0))
        script_processor = (_processor_seconds() - before) / len(part)
        by_workers, _ = _timed(partial(_script, loaded, part, usable_cores()))
        theirs.append(logits)
        walls = (alike, default, alone / len(part), by_workers / len(part))
        parts.append(_Part(seconds / len(part), processor, alike_processor, script_processor, *walls))
    engine = statistics.median(part.engine for part in parts)

    def against(way: str) -> str:
        ratio = statistics.median(getattr(part, way) / part.engine for part in parts)
        return f"{statistics.median(getattr(part, way) for part in parts) * 1e3:.0f} ms = {ratio:.2f}"

    def of_processor(way: str) -> str:
        ratio = statistics.median(getattr(part, f"{way}_processor") / part.engine_processor for part in parts)
        return f"{ratio:.2f} of processor time"

    print(
        f"{name}: {engine * 1e3:.0f} ms an image by {len(loaded)} checkpoints; bare networks, an image a core, "
        f"{against('alike')} (budget 0.85), {of_processor('alike')}; as torch computes unasked, {against('default')} "
        "(budget 0.85)",
        flush=True,
    )
    truth = np.array([labels[image.name] for image in images])
    mine, others = (_areas(truth, np.concatenate(logits)) for logits in (ours, theirs))
    print(
        f"{name}: plain script {against('script')} times (budget 3), {of_processor('script')}; with {usable_cores()} "
        f"workers {against('script_by_workers')} times; areas apart by {np.nanmax(np.abs(mine - others)):.5f} "
        "(budget 0.001)",
        flush=True,
    )


def _areas(truth: NDArray[np.float64], logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """(checkpoints, findings)."""
    columns = range(truth.shape[1])
    return np.array([[auc(truth[:, f], logits[:, c, f]) for f in columns] for c in range(logits.shape[1])])


def _timed(action: Any) -> tuple[float, Any]:
    begun = time.perf_counter()
    result = action()
    return time.perf_counter() - begun, result


def _processor_seconds() -> float:
    """Of this process and of those that it has started and seen end."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _input(loaded: LoadedCheckpoint, images: int) -> torch.Tensor:
    return torch.randn(images, loaded.preprocessing.channels, *loaded.preprocessing.size)


def _alike(loaded: LoadedCheckpoint) -> float:
    cores = usable_cores()
    batch = _input(loaded, 1)
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(loaded.logits, [batch] * cores))
        seconds, _ = _timed(lambda: list(threads.map(loaded.logits, [batch] * _FORWARD_RUNS)))
    return seconds / _FORWARD_RUNS


def _default(loaded: LoadedCheckpoint) -> float:
    """The faster of single images and batches."""
    torch.set_num_threads(usable_cores())
    best = float("inf")
    for size in (1, BATCH_OF_THE_SCRIPT):
        batch = _input(loaded, size)
        loaded.logits(batch)
        runs = max(1, _FORWARD_RUNS // size)
        seconds, _ = _timed(lambda batch=batch, runs=runs: [loaded.logits(batch) for _ in range(runs)])
        best = min(best, seconds / runs / size)
    torch.set_num_threads(1)
    return best


class _Films(Dataset[torch.Tensor]):
    """What a script does with a film: its values through its LUTs, in [0, 1], at the size of the network."""

    def __init__(self, paths: Sequence[Path], preprocessing: Preprocessing) -> None:
        self._paths = paths
        self._prepare = v2.Compose(
            [
                v2.Resize(preprocessing.size, antialias=True),
                v2.Normalize(preprocessing.mean, preprocessing.std),
            ]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> torch.Tensor:
        film = pydicom.dcmread(self._paths[place])
        values = apply_voi_lut(apply_modality_lut(film.pixel_array, film), film)
        low, high = _ends(film)
        grey = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
        if film.PhotometricInterpretation == "MONOCHROME1":
            grey = 1 - grey
        tensor: torch.Tensor = self._prepare(torch.from_numpy(grey)[None].repeat(3, 1, 1))
        return tensor


def _ends(film: pydicom.Dataset) -> tuple[float, float]:
    """apply_voi_lut stretches the window over the values that the stored bits allow."""
    return 0.0, 2.0**film.BitsStored - 1


def _script(loaded: Sequence[LoadedCheckpoint], images: Sequence[SelectedImage], workers: int) -> NDArray[np.float32]:
    """One loop for each checkpoint, in float32, with the threads that torch takes unasked."""
    paths = [image.path for image in images]
    torch.set_num_threads(usable_cores())
    found = []
    for one in loaded:
        films = _Films(paths, one.checkpoint.preprocessing)
        batches = DataLoader(films, batch_size=BATCH_OF_THE_SCRIPT, num_workers=workers)
        with torch.inference_mode():
            found.append(np.concatenate([one.network(batch).numpy() for batch in batches]))
    torch.set_num_threads(1)
    return np.stack(found, axis=1)


# --- memory of the engine process, as the window runs it


def _memory(folders: Sequence[Path], images: Sequence[SelectedImage]) -> str:
    if sys.platform != "linux":
        return "the engine's memory is read from /proc, which only Linux has"
    if len(images) <= _FLAT_FROM:
        return f"the engine's memory is looked at from image {_FLAT_FROM} on; there are {len(images)}"
    resident: dict[int, float] = {}
    for done, process in enumerate(_answers_of_an_engine(folders, images), 1):
        if done in (_FLAT_FROM, len(images)) or done % 100 == 0:
            resident[done] = _resident_mib(process)
    later = {done: mib for done, mib in resident.items() if done >= _FLAT_FROM}
    first, last = later[_FLAT_FROM], later[len(images)]
    return (
        f"the engine's resident memory {first:.0f} MiB at image {_FLAT_FROM}, {last:.0f} MiB at image {len(images)} "
        f"= {last / first:.3f}, at most {max(later.values()) / first:.3f} (budget 1.05)"
    )


def _answers_of_an_engine(folders: Sequence[Path], images: Sequence[SelectedImage]) -> Iterator[int]:
    """The engine's process id each time it has answered an image by all checkpoints."""
    engine = subprocess.Popen(own_command("engine"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert engine.stdin is not None
    opening = protocol.OpenCheckpoints(1, tuple(map(str, folders)), "cpu", "fp32")
    references = tuple(protocol.ImageReference(image.identity, str(image.path), image.frame) for image in images)
    engine.stdin.write(protocol.encode(opening))
    engine.stdin.flush()
    digests: list[str] = []
    answers = 0
    for message in _messages(engine):
        match message:
            case protocol.CheckpointOpened():
                digests.append(message.checkpoint)
            case protocol.Finished(request=1):
                engine.stdin.write(protocol.encode(protocol.PredictImages(2, references, tuple(digests))))
                engine.stdin.flush()
            case protocol.Predicted() | protocol.Failed():
                answers += 1
                if answers % len(digests) == 0:
                    yield engine.pid
            case protocol.Finished():
                break
    engine.stdin.close()
    engine.wait()


def _messages(engine: subprocess.Popen[bytes]) -> Iterator[protocol.Message]:
    assert engine.stdout is not None
    decoder = protocol.Decoder()
    while data := os.read(engine.stdout.fileno(), 1 << 16):
        yield from decoder.feed(data)


def _resident_mib(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1:])
