"""MedMNIST (Yang et al. 2023): small images of one task in an .npz, with labels and parts beside them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from xferviewer.errors import UnreadableImage, UnusableChoice, UnusableTable
from xferviewer.studies.arrays import describe_array
from xferviewer.studies.cohort import CohortRow, Terms
from xferviewer.studies.datasets.reading import Reading, no_images
from xferviewer.studies.datasets.source import Choice, Content, Source
from xferviewer.studies.opening import LARGEST_UNPACKED_BYTES, opened

_LAYOUT = "{name}.npz or {name}_64.npz, _128, _224, with train_images, train_labels, val_…, test_…"
_PARTS = {"train": "train", "val": "validation", "test": "test"}
_FILE = re.compile(r"(?P<name>[a-z]+mnist(3d)?)(_(?P<size>28|64|128|224))?\.npz")
_ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left", "lung-right",
    "pancreas", "spleen",
)  # fmt: skip
_CLASSES = {  # by number, as MedMNIST's own list has them
    "pathmnist": (
        "adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
        "cancer-associated stroma", "colorectal adenocarcinoma epithelium",
    ),
    "chestmnist": (
        "atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia", "pneumothorax",
        "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia",
    ),
    "dermamnist": (
        "actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions",
        "dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions",
    ),
    "octmnist": ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    "pneumoniamnist": ("normal", "pneumonia"),
    "retinamnist": ("0", "1", "2", "3", "4"),
    "breastmnist": ("malignant", "normal, benign"),
    "bloodmnist": (
        "basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil",
        "platelet",
    ),
    "tissuemnist": (
        "Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule", "Glomerular endothelial cells",
        "Interstitial endothelial cells", "Leukocytes", "Podocytes", "Proximal Tubule Segments", "Thick Ascending Limb",
    ),
    "organamnist": _ORGANS, "organcmnist": _ORGANS, "organsmnist": _ORGANS,
}  # fmt: skip
# Which number of the two is disease: breastmnist calls malignant 0.
_PRESENT = {"pneumoniamnist": 1, "breastmnist": 0}
_MODALITY = {
    "pathmnist": "SM", "chestmnist": "DX", "dermamnist": "DMS", "octmnist": "OPT", "pneumoniamnist": "DX",
    "retinamnist": "OP", "breastmnist": "US", "bloodmnist": "GM", "tissuemnist": "GM", "organamnist": "CT",
    "organcmnist": "CT", "organsmnist": "CT",
}  # fmt: skip
_IMAGES = {  # train, val, test
    "pathmnist": (89_996, 10_004, 7_180), "chestmnist": (78_468, 11_219, 22_433), "dermamnist": (7_007, 1_003, 2_005),
    "octmnist": (97_477, 10_832, 1_000), "pneumoniamnist": (4_708, 524, 624), "retinamnist": (1_080, 120, 400),
    "breastmnist": (546, 78, 156), "bloodmnist": (11_959, 1_712, 3_421), "tissuemnist": (165_466, 23_640, 47_280),
    "organamnist": (34_581, 6_491, 17_778), "organcmnist": (13_000, 2_392, 8_268),
    "organsmnist": (13_940, 2_452, 8_829),
}  # fmt: skip


def _detect(folder: Path) -> Path | None:
    return folder if _files(folder) else None


def _files(folder: Path) -> list[str]:
    names = (entry.name for entry in folder.iterdir()) if folder.is_dir() else ()
    return sorted(name for name in names if _FILE.fullmatch(name))


def _read(reading: Reading, chosen: Mapping[str, str]) -> Content:
    name = _chosen_file(reading, chosen["file"])
    matched = _FILE.fullmatch(name)
    task = matched["name"] if matched else ""
    if matched is None or task not in _CLASSES:
        raise UnusableTable(
            f"{name} was not imported.",
            "It is none of MedMNIST's sets of two-dimensional images.",
            f"Choose one of {', '.join(_CLASSES)}.",
        )
    classes = _CLASSES[task]
    offsets = _offsets(reading, name)
    for place, (part, split) in enumerate(_PARTS.items()):
        if part not in offsets:
            reading.say(f"{name} holds no {part}_images.")
            continue
        first, images = offsets[part]
        labels = _labels(reading.folder / name, part)
        if len(labels) != images:
            reading.say(f"{name} holds {images:,} images and {len(labels):,} labels of {part}, which was left out.")
            continue
        reading.expect([(f"images of {part}", images, _IMAGES[task][place])])
        for row, stated in enumerate(labels):
            values = _values(stated, task, classes)
            if values is None:
                reading.met("labels are none of the set's classes and were left out", str(stated.tolist()))
            else:
                reading.add(CohortRow(name, values, first + row, split=split))
    if not reading.rows:
        raise no_images(reading.folder, _LAYOUT)
    reading.used(reading.folder / name)
    return _content(task, classes, reading)


def _content(task: str, classes: tuple[str, ...], reading: Reading) -> Content:
    reading.say("No image says whose it is: every image counts as a patient of its own.")
    if task == "retinamnist":
        reading.say("Its five grades are ordered; here they are classes, whose order no loss uses.")
    if task == "chestmnist":
        return Content("multi-label", classes, "image", _MODALITY[task])
    if task in _PRESENT:
        return Content("binary", (classes[_PRESENT[task]],), "image", _MODALITY[task])
    return Content("multi-class", classes, "image", _MODALITY[task])


def _chosen_file(reading: Reading, wanted: str) -> str:
    """The file that was named, or the only one there is."""
    files = _files(reading.folder)
    if wanted and wanted in files:
        return wanted
    if wanted or len(files) != 1:
        raise UnusableChoice(
            f"{wanted or 'No file'} was chosen of {reading.folder.name}.",
            f"It holds {', '.join(files)}.",
            "Name one of them with --file.",
        )
    return files[0]


def _offsets(reading: Reading, name: str) -> dict[str, tuple[int, int]]:
    """The first frame and the number of images of each part: frames are counted on from one array to the next."""
    path = reading.folder / name
    with opened(path) as source:
        arrays = describe_array(path, source).arrays
    found, first = {}, 0
    for array in arrays:
        part = array.member.removesuffix("_images.npy")
        if part in _PARTS:
            if array.frames != array.shape[0]:
                raise UnreadableImage(
                    f"{name} was not imported.", "Its images are volumes.", "Choose a set of two-dimensional images."
                )
            found[part] = first, array.frames
        first += array.frames
    return found


def _labels(path: Path, part: str) -> NDArray[np.int64]:
    """(images, labels) of a part. Arrays of objects, which are pickles, are refused unread."""
    with zipfile.ZipFile(path) as archive:
        try:
            info = archive.getinfo(f"{part}_labels.npy")
            if info.file_size > LARGEST_UNPACKED_BYTES:
                raise ValueError("too large for labels")
            with archive.open(info) as member:
                labels: NDArray[Any] = npy.read_array(member, allow_pickle=False)
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise UnusableTable(
                f"The labels of {part} in {path.name} cannot be read.", f"{error}.", "Fetch the file again."
            ) from error
    return labels.reshape(len(labels), -1).astype(np.int64)


def _values(stated: NDArray[np.int64], task: str, classes: tuple[str, ...]) -> tuple[int, ...] | None:
    """The label of an image by finding; None for a number that is no class."""
    numbers = stated.tolist()
    if task == "chestmnist":
        return tuple(numbers) if len(numbers) == len(classes) and set(numbers) <= {0, 1} else None
    if len(numbers) != 1 or not 0 <= numbers[0] < len(classes):
        return None
    if task in _PRESENT:
        return (int(numbers[0] == _PRESENT[task]),)
    return tuple(int(numbers[0] == place) for place in range(len(classes)))


MEDMNIST = Source(
    key="medmnist",
    title="MedMNIST",
    layout=_LAYOUT,
    terms=Terms(
        "CC BY 4.0, but DermaMNIST CC BY-NC 4.0 (not for commercial use); not for clinical use. Cite Yang et al. 2023 "
        "and the source of the set.",
        "https://medmnist.com/",
    ),
    detect=_detect,
    read=_read,
    choices=(Choice("file", (), "which .npz, where a folder holds several"),),
)
