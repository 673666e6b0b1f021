"""`read_image` for a process that nobody wants to lose: the window.

What is left to decoders written in C, which damaged data may crash or hold for ever, is read in another process; what
numpy and Python alone unpack is read here, without the way over a pipe (docs/decisions/0103).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.filereader import read_partial
from pydicom.tag import Tag
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from xferviewer.studies.content import Content
from xferviewer.studies.images import read_image
from xferviewer.studies.opening import opened
from xferviewer.studies.reading_processes import ReadingProcesses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from xferviewer.studies.image import Image
    from xferviewer.studies.opening import OpenedFile
    from xferviewer.studies.slides import Region

MOST_SECONDS = 30.0
"""For one film on the screen; whoever looks at it has long gone on."""

_SOP_CLASS, _ICC_PROFILE = Tag("SOPClassUID"), Tag("ICCProfile")


class FilmReading:
    """Reads films for the screen; `count` of those that need a process may be read at a time.

    A process is started when it is first needed. `read` may be called by any number of threads.
    """

    def __init__(self, count: int, command: Sequence[str] | None = None, most_seconds: float = MOST_SECONDS) -> None:
        self._processes = ReadingProcesses(count, command, most_seconds, attempts=1)

    def read(self, path: Path | str, frame: int = 0) -> Image:
        """What `studies.images.read_image` gives. Raises UnreadableImage, also where the decoder crashed or hung."""
        path = Path(path)
        return self._processes.read(path, frame) if needs_a_decoder(path) else read_image(path, frame)

    def read_region(self, path: Path | str, region: Region) -> NDArray[np.uint8]:
        """A part of a level of a slide, (rows, columns, 3) uint8 RGB. Raises UnreadableImage as `read` does."""
        return self._processes.read_region(Path(path), region)

    def interrupt(self) -> None:
        """End what is being read, at once and for good; the threads that wait for it are told so."""
        self._processes.interrupt()

    def close(self) -> None:
        """End the processes for good; no thread may be in `read`."""
        self._processes.close()


def needs_a_decoder(path: Path) -> bool:
    """True for what a library written in C reads: compressed DICOM, colour profiles, pictures, slides.

    Raises UnreadableImage.
    """
    with opened(path) as source:
        match source.content:
            case Content.DICOM:
                return _is_more_than_numbers(source)
            case Content.ARRAY | Content.NIFTI | Content.OTHER:
                return False
            case _:
                return True


def _is_more_than_numbers(source: OpenedFile) -> bool:
    """Compressed, a whole slide, or with a colour profile, which LittleCMS reads."""
    try:
        source.file.seek(0)
        dataset = read_partial(
            source.file,
            stop_when=lambda tag, _vr, _length: tag > _ICC_PROFILE,
            force=True,
            specific_tags=[_SOP_CLASS, _ICC_PROFILE],
        )
        if _ICC_PROFILE in dataset or dataset.get("SOPClassUID") == VLWholeSlideMicroscopyImageStorage:
            return True
        syntax = dataset.file_meta.get("TransferSyntaxUID")
        return syntax is not None and (syntax.is_private or not syntax.is_transfer_syntax or syntax.is_encapsulated)
    except Exception:  # noqa: BLE001 - a damaged beginning; what it quotes may name a patient
        return True
