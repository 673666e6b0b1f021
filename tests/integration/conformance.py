"""What is read, as real files prove it: every DICOM file of the shared data and of pydicom is opened and compared.

`python -m tests.integration.conformance` (make conformance) writes docs/conformance.md; a test compares the two.
"""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pydicom.uid
from numpy.typing import NDArray
from pydicom.pixels import get_decoder
from pydicom.uid import UID
from tests.unit.studies.layouts import LAYOUTS

from xferviewer.errors import UnreadableImage
from xferviewer.studies.content import Content
from xferviewer.studies.dicom_header import read_header, refuse_unless_image
from xferviewer.studies.dicom_pixels import RETIRED_JPEG, stored_pixels
from xferviewer.studies.images import read_image
from xferviewer.studies.opening import opened

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance.md"
SHARED = ROOT.parent / "shared" / "data" / "dicom"
PYDICOM = Path(pydicom.data.__file__).parent / "test_files"

_NAMES = {  # younger than pydicom 3.0's dictionary
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
    "1.2.840.10008.1.2.1.98": "Encapsulated Uncompressed Explicit VR Little Endian",
}
READ_WITHOUT_PYDICOM = {UID("1.2.840.10008.1.2.1.98"), UID("1.2.840.10008.1.2.8.1"), *RETIRED_JPEG}

# Programs that share no code with the decoders used here unpack a file: command and arguments before the two paths.
SECOND_DECODERS = {
    pydicom.uid.ImplicitVRLittleEndian: (("dcmconv", "+te"), ("gdcmconv", "--raw")),
    pydicom.uid.ExplicitVRLittleEndian: (("dcmconv", "+tb"),),  # it reads every word, and writes it the other way round
    pydicom.uid.ExplicitVRBigEndian: (("dcmconv", "+te"), ("gdcmconv", "--raw")),
    pydicom.uid.DeflatedExplicitVRLittleEndian: (("dcmconv", "+te"),),
    pydicom.uid.RLELossless: (("dcmdrle",), ("gdcmconv", "--raw")),
    pydicom.uid.JPEGLossless: (("dcmdjpeg",), ("gdcmconv", "--raw")),
    pydicom.uid.JPEGLosslessSV1: (("dcmdjpeg",), ("gdcmconv", "--raw")),
    pydicom.uid.JPEGLSLossless: (("dcmdjpls",), ("gdcmconv", "--raw")),
    pydicom.uid.JPEG2000Lossless: (("gdcmconv", "--raw"),),
}
# gdcm believes the header about the sign, the code stream says otherwise; both programs take big-endian words of 32
# bits for pairs of 16; words that a file calls bytes (OB) keep their order when dcmtk writes the file in the other one.
NOT_COMPARED = {"J2K_pixelrep_mismatch.dcm", "rtdose_expb.dcm", "rtdose_expb_1frame.dcm", "sm_image_grayscale.dcm",
                "sm_image_grayscale_reversed.dcm"}  # fmt: skip
LARGEST_WORD_OF_DCMTK = 2  # bytes
# gdcm 3.0.21 mixes up the bytes of run-length coded colour of 16 and 32 bits; dcmtk agrees with us.
DIFFERENT_BY_GDCM = {"SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit.dcm"}


@dataclass(frozen=True)
class Proof:
    """What came of one file. refused: the reason, or ""; equal_to: programs that unpack the same pixels, to the bit."""

    name: str
    syntax: UID
    sop_class: str
    photometric: str
    bits: str
    refused: str
    equal_to: tuple[str, ...] = ()
    differs_from: tuple[str, ...] = ()


def files() -> Iterator[Path]:
    """Each file once, however often it is in the two collections; a text beside them is none."""
    seen: set[bytes] = set()
    for folder in (SHARED, PYDICOM):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix not in (".txt", ".csv", ".py", ".pyc", ".json"):
                digest = hashlib.sha256(path.read_bytes()).digest()
                if digest not in seen:
                    seen.add(digest)
                    yield path


def proof(path: Path) -> Proof | None:
    """Open a file; None for one that is not DICOM at all."""
    try:
        with opened(path) as source:
            if source.content is not Content.DICOM:
                return None
            header = read_header(path, source)
    except UnreadableImage:
        return None
    dataset = header.dataset
    sop_class = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
    try:
        image = read_image(path)
        read_image(path, image.frames - 1)
        refused = ""
    except UnreadableImage as error:
        refused = error.why
    equal, differs = comparisons(path, header.syntax) if not refused else ((), ())
    sign = "signed" if dataset.get("PixelRepresentation") else ""
    bits = f"{dataset.get('BitsStored', '')} of {dataset.get('BitsAllocated', '')} {sign}".strip()
    photometric = str(dataset.get("PhotometricInterpretation") or "")
    name = _NAMES.get(sop_class, sop_class.name) if sop_class else "not stated"
    return Proof(path.name, header.syntax, name, photometric, bits, refused, equal, differs)


def comparisons(path: Path, syntax: UID) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The programs whose first and last frame equal ours to the bit, and those whose differ."""
    equal, differs = [], []
    commands = SECOND_DECODERS.get(syntax, ())
    if path.name in NOT_COMPARED or not commands:
        return (), ()
    ours = stored(path)
    if syntax == pydicom.uid.ExplicitVRLittleEndian and ours[0].dtype.itemsize > LARGEST_WORD_OF_DCMTK:
        return (), ()
    for command in commands:
        with tempfile.TemporaryDirectory() as folder:
            plain = Path(folder) / "plain.dcm"
            done = subprocess.run([*command, path, plain], capture_output=True, timeout=60)
            if done.returncode or not plain.exists():
                continue
            try:
                same = all(np.array_equal(one, other) for one, other in zip(ours, stored(plain), strict=True))
            except UnreadableImage:
                continue
        (equal if same else differs).append(command[0])
    return tuple(equal), tuple(differs)


def stored(path: Path) -> list[NDArray[Any]]:
    """The stored values of the first and the last frame; of slides, too, which are shown as a whole."""
    with opened(path) as source:
        header = read_header(path, source)
        places = (0, header.frames - 1)
        return [stored_pixels(path, source, header, refuse_unless_image(path, header), place) for place in places]


def page(proofs: Iterable[Proof]) -> str:
    """docs/conformance.md."""
    proofs = list(proofs)
    return "\n".join([_INTRODUCTION, *_syntaxes(proofs), *_colours(proofs), *_bits(proofs), *_classes(proofs)])


_INTRODUCTION = """\
# What is read

Made by `make conformance`, which opens every DICOM file of the shared test data and of pydicom's own test files; a test
fails where this page says anything else. Each file counts once; one with several frames is opened at its first and its
last. Small files are those of `tests/unit/studies`, whose pixels the unit tests state.
"""

_OF_DCMTK = {"dcmconv", "dcmdrle", "dcmdjpeg", "dcmdjpls"}


def _syntaxes(proofs: list[Proof]) -> Iterator[str]:
    yield "## Transfer syntaxes\n"
    yield "For lossless ones: the programs that unpack every frame of these files to the very same pixels.\n"
    yield "| transfer syntax | UID | files shown | equal to the bit |\n|---|---|---|---|"
    unread = []
    found = defaultdict(list)
    for each in proofs:
        if not each.refused:
            found[each.syntax].append(each)
    younger = {*READ_WITHOUT_PYDICOM, *found} - set(pydicom.uid.AllTransferSyntaxes)
    syntaxes = [*pydicom.uid.AllTransferSyntaxes, *sorted(younger)]
    for syntax in syntaxes:
        if not (_has_decoder(syntax) or syntax in found or syntax in READ_WITHOUT_PYDICOM):
            unread.append(syntax)
            continue
        equal = Counter("dcmtk" if name in _OF_DCMTK else "gdcm" for each in found[syntax] for name in each.equal_to)
        words = ", ".join(f"{name} ({count})" for name, count in sorted(equal.items()))
        shown = len(found[syntax]) or ("small files" if syntax in READ_WITHOUT_PYDICOM else "none at hand")
        yield f"| {_NAMES.get(syntax, syntax.name)} | {syntax} | {shown} | {words} |"
    yield "\nRefused by name, for want of a decoder:\n"
    yield from (f"- {syntax.name}, {syntax}" for syntax in unread)
    yield ""


def _has_decoder(syntax: UID) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _colours(proofs: list[Proof]) -> Iterator[str]:
    yield "## Photometric interpretations\n"
    yield "Small files are compared with stated values and, where it reads them, with dcmtk's picture.\n"
    yield "| photometric interpretation | real files shown | small files |\n|---|---|---|"
    real = Counter(each.photometric for each in proofs if not each.refused and each.photometric)
    small = Counter(layout.elements.get("PhotometricInterpretation", "MONOCHROME2") for layout in LAYOUTS)
    for name in sorted(set(real) | set(small)):
        yield f"| {name} | {real[name]} | {small[name]} |"
    yield "\nAny other one (HSV, ARGB, CMYK, YBR_PARTIAL_420, XYB …) is refused by its name.\n"


def _bits(proofs: list[Proof]) -> Iterator[str]:
    yield "## Bits stored of bits allocated\n"
    real = Counter(each.bits for each in proofs if not each.refused and each.bits[:1].isdigit())
    yield "Real files: " + "; ".join(f"{bits} ({count})" for bits, count in sorted(real.items())) + ".\n"
    small = [layout.name for layout in LAYOUTS if "PhotometricInterpretation" not in layout.elements]
    yield "Small files: " + "; ".join(small) + ". Float and Double Float Pixel Data are read as they are.\n"


def _classes(proofs: list[Proof]) -> Iterator[str]:
    yield "## SOP classes\n"
    yield "| SOP class | shown | refused, because |\n|---|---|---|"
    shown = Counter(each.sop_class for each in proofs if not each.refused)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for each in proofs:
        if each.refused:
            reasons[each.sop_class][_short(each)] += 1
    for name in sorted(set(shown) | set(reasons)):
        why = "; ".join(f"{reason} ({count})" for reason, count in sorted(reasons[name].items()))
        yield f"| {name} | {shown[name] or ''} | {why} |"
    yield ""


def _short(each: Proof) -> str:
    words: list[tuple[str, Callable[[str], bool]]] = [
        ("no pixel data", lambda why: "without pixel data" in why),
        ("a directory of files", lambda why: "DICOMDIR" in why),
        ("cut off", lambda why: "fewer bytes" in why),
        ("damaged pixel data", lambda why: "no decoder here understands" in why),
        ("no rows and columns", lambda why: "lacks a usable" in why),
        ("a damaged header", lambda why: "element of its header" in why),
        ("a damaged code stream", lambda why: "unpack to" in why),
    ]
    return next((short for short, fits in words if fits(each.refused)), each.refused)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(found for path in files() if (found := proof(path)) is not None), encoding="utf-8")


if __name__ == "__main__":
    main()
