"""The icon in the form that each system wants, drawn from resources/icons/xferviewer.svg.

python packaging/icons.py FOLDER     an icon theme (hicolor) with the drawing and PNGs of the usual sizes
python packaging/icons.py FILE.ico   Windows
python packaging/icons.py FILE.icns  macOS
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

DRAWING = Path(__file__).parents[1] / "resources" / "icons" / "xferviewer.svg"
THEME_SIZES = (16, 22, 24, 32, 48, 64, 128, 256, 512)
ICO_SIZES = (16, 20, 24, 32, 40, 48, 64, 256)
ICNS_SIDE = 1024
"""Pillow makes the smaller sizes of an .icns out of this one."""


def drawn(side: int) -> Image.Image:
    """The icon as a square RGBA picture of `side` pixels."""
    from PIL import Image
    from PySide6.QtCore import QBuffer, QIODevice, Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    image = QImage(side, side, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    QSvgRenderer(str(DRAWING)).render(painter)
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.data().data()))


def write_theme(folder: Path) -> None:
    """`folder`/SIDExSIDE/apps/xferviewer.png for each usual size, and the drawing itself as scalable."""
    for side in THEME_SIZES:
        path = folder / f"{side}x{side}" / "apps" / "xferviewer.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn(side).save(path, optimize=True)
    scalable = folder / "scalable" / "apps" / "xferviewer.svg"
    scalable.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(DRAWING, scalable)


def main(target: Path) -> None:
    """Write what the name of `target` asks for."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtGui import QGuiApplication

    application = QGuiApplication([])
    if target.suffix == ".ico":
        sizes = [drawn(side) for side in ICO_SIZES]
        sizes[-1].save(target, sizes=[(side, side) for side in ICO_SIZES], append_images=sizes[:-1])
    elif target.suffix == ".icns":
        drawn(ICNS_SIDE).save(target)
    else:
        write_theme(target)
    del application


if __name__ == "__main__":
    main(Path(sys.argv[1]))
