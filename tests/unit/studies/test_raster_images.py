from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from xferviewer.errors import UnreadableImage
from xferviewer.studies.images import frame_identity, present, read_image

GREY16 = np.array([[0, 255, 256], [1000, 40000, 65535]], np.uint16)
COLOUR = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [9, 9, 9]]], np.uint8)


@pytest.mark.parametrize("name", ["film.png", "film.tif"])
def test_that_sixteen_bits_are_not_clipped(tmp_path: Path, name: str):
    PIL.Image.fromarray(GREY16).save(tmp_path / name)

    image = read_image(tmp_path / name)

    assert image.pixels.dtype == np.uint16
    np.testing.assert_array_equal(image.pixels, GREY16)
    np.testing.assert_allclose(present(image), GREY16 / 65535, atol=1e-7)


def test_that_the_format_is_told_by_the_content_whatever_the_name(tmp_path: Path):
    PIL.Image.fromarray(GREY16).save(tmp_path / "film.dcm", format="PNG")

    assert read_image(tmp_path / "film.dcm").facts.file_format == "PNG"


def test_that_eight_bits_are_shown_over_their_full_range(tmp_path: Path):
    grey = np.array([[10, 60, 200]], np.uint8)
    PIL.Image.fromarray(grey).save(tmp_path / "film.png")

    np.testing.assert_allclose(present(read_image(tmp_path / "film.png")), grey / 255, atol=1e-7)


def test_that_three_equal_channels_are_greyscale_and_different_ones_colour(tmp_path: Path):
    grey = np.array([[0, 100], [200, 255]], np.uint8)
    PIL.Image.fromarray(np.stack([grey] * 3, -1)).save(tmp_path / "grey.png")
    PIL.Image.fromarray(COLOUR).save(tmp_path / "colour.png")

    np.testing.assert_array_equal(read_image(tmp_path / "grey.png").pixels, grey)
    colour = read_image(tmp_path / "colour.png")
    np.testing.assert_array_equal(colour.pixels, COLOUR)
    np.testing.assert_allclose(present(colour), COLOUR / 255, atol=1e-7)


def test_that_transparency_is_laid_on_black(tmp_path: Path):
    layered = np.dstack([COLOUR, np.array([[255, 0], [255, 255]], np.uint8)])
    PIL.Image.fromarray(layered).save(tmp_path / "layered.png")

    pixels = read_image(tmp_path / "layered.png").pixels

    assert pixels[0, 1].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(pixels[1], COLOUR[1])


def test_that_a_palette_becomes_its_colours(tmp_path: Path):
    PIL.Image.fromarray(COLOUR).quantize(4).save(tmp_path / "palette.png")

    np.testing.assert_array_equal(read_image(tmp_path / "palette.png").pixels, COLOUR)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_that_every_orientation_of_a_camera_is_turned_upright(tmp_path: Path, name: str, orientation: int):
    upright = np.zeros((32, 48), np.uint8)
    upright[:16, :16] = 255  # one bright corner of an oblong tells all eight apart
    turns = {1: [], 2: [1], 3: [0, 1], 4: [0], 5: ["T"], 6: ["T", 0], 7: ["T", 0, 1], 8: ["T", 1]}[orientation]
    stored = upright
    for turn in turns:  # what the camera did, undone by EXIF 2.3 table 4
        stored = stored.T if turn == "T" else np.flip(stored, turn)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if name.endswith("webp") else {"quality": 100} if name.endswith("jpg") else {}
    PIL.Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / name, exif=exif, **lossless)

    image = read_image(tmp_path / name)

    np.testing.assert_allclose(image.pixels.astype(int), upright, atol=3)


def test_that_colour_of_sixteen_bits_keeps_its_most_significant_eight(tmp_path: Path):
    colour = np.random.default_rng(1).integers(0, 65536, (5, 7, 3)).astype(np.uint16)
    rows = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in colour)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))

    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, colour >> 8)


def test_that_the_inks_of_a_printed_picture_become_its_colours(tmp_path: Path):
    red = PIL.Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red.save(tmp_path / "a.jpg", quality=100)
    red.save(tmp_path / "a.tif")

    for name in ("a.jpg", "a.tif"):
        np.testing.assert_allclose(read_image(tmp_path / name).pixels[4, 4].astype(int), (255, 0, 0), atol=2)


def test_that_the_exif_orientation_is_applied(tmp_path: Path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the picture has to be rotated by 90 degrees clockwise
    PIL.Image.fromarray(np.array([[0, 100, 200]], np.uint8)).save(tmp_path / "turned.png", exif=exif)

    assert read_image(tmp_path / "turned.png").pixels.tolist() == [[0], [100], [200]]


def test_that_a_tiff_of_white_is_zero_is_shown_inverted(tmp_path: Path):
    PIL.Image.fromarray(GREY16).save(tmp_path / "film.tif", tiffinfo={262: 0})

    image = read_image(tmp_path / "film.tif")

    assert image.inverted
    np.testing.assert_allclose(present(image), 1 - GREY16 / 65535, atol=1e-7)


def test_that_each_page_of_a_tiff_is_a_frame_with_its_own_identity(tmp_path: Path):
    path = tmp_path / "pages.tif"
    pages = [PIL.Image.fromarray(np.full((2, 2), value, np.uint8)) for value in (1, 2, 3)]
    pages[0].save(path, save_all=True, append_images=pages[1:])

    third = read_image(path, 2)

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert third.pixels.tolist() == [[3, 3], [3, 3]]
    assert third.frames == 3
    assert third.identity == f"sha256:{digest}#2" == frame_identity(read_image(path).identity, 2)


def test_that_a_single_picture_is_identified_by_its_bytes(tmp_path: Path):
    PIL.Image.fromarray(GREY16).save(tmp_path / "film.png")

    identity = read_image(tmp_path / "film.png").identity

    assert identity == f"sha256:{hashlib.sha256((tmp_path / 'film.png').read_bytes()).hexdigest()}"
    assert frame_identity(identity, 0) == identity


def png_header(columns: int, rows: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (png_header(15000, 15000), "more pixels than are decoded in safety"),
        (png_header(12000, 12000), "damaged or cut off"),
        (png_header(20, 20), "damaged or cut off"),
        (b"\xff\xd8\xff\xe0 and then nothing", "damaged or cut off"),
        (b"", "empty"),
        (b"path,Edema\nfilm.png,1\n", "text"),
        (b"PK\x03\x04\x00\x00", "ZIP archive that is damaged or cut off"),
        (b"%PDF-1.7\n\x00\x00", "neither DICOM nor a picture"),
    ],
)
def test_that_what_cannot_be_shown_is_refused_with_its_reason(tmp_path: Path, content: bytes, why: str):
    path = tmp_path / "film.png"
    path.write_bytes(content)

    with pytest.raises(UnreadableImage) as refusal:
        read_image(path)

    assert why in refusal.value.why
    assert all(part.endswith(".") for part in refusal.value.as_dict().values())


def test_that_a_png_cut_short_is_refused(tmp_path: Path):
    path = tmp_path / "film.png"
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(UnreadableImage, match="cut off"):
        read_image(path)


def test_that_a_missing_file_is_refused_in_the_words_of_the_system(tmp_path: Path):
    with pytest.raises(UnreadableImage, match="No such file"):
        read_image(tmp_path / "gone.png")


def tiff(path: Path, values: np.ndarray, sample_format: int) -> Path:
    """A TIFF of one strip, written here: Pillow writes neither 32 bits without a sign nor 8 bits with one."""
    rows, columns = values.shape
    data = values.tobytes()
    entries = [(256, 4, columns), (257, 4, rows), (258, 3, 8 * values.itemsize), (259, 3, 1), (262, 3, 1),
               (273, 4, 8 + 2 + 10 * 12 + 4), (277, 3, 1), (278, 4, rows), (279, 4, len(data)),
               (339, 3, sample_format)]  # fmt: skip
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    path.write_bytes(b"II*\x00" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4) + data)
    return path


@pytest.mark.parametrize(
    ("values", "sample_format"),
    [(np.array([[0, 7], [1 << 31, (1 << 32) - 1]], "<u4"), 1), (np.array([[-128, -1], [0, 127]], "i1"), 2),
     (np.array([[-(1 << 31), -1], [0, 7]], "<i4"), 2), (np.array([[0, 1], [128, 255]], "u1"), 1)],
    ids=["32 bits", "8 signed bits", "32 signed bits", "8 bits"],
)  # fmt: skip
def test_that_a_tiff_has_a_sign_where_it_says_so(tmp_path: Path, values: np.ndarray, sample_format: int):
    image = read_image(tiff(tmp_path / "values.tif", values, sample_format))

    np.testing.assert_array_equal(image.pixels, values)
    assert present(image).argmin() == values.argmin()


def png_of_grey_and_alpha(path: Path, pixels: np.ndarray, orientation: int = 1) -> Path:
    """16 bits each, with the filter of the standard that depends on all neighbours (Paeth) in every second row."""
    rows, columns = pixels.shape[:2]
    data, above, width = b"", bytes(columns * 4), 4
    for number, row in enumerate(pixels.astype(">u2").reshape(rows, -1)):
        line = row.tobytes()
        if number % 2:
            coded = []
            for place, byte in enumerate(line):
                a, c = (line[place - width], above[place - width]) if place >= width else (0, 0)
                b = above[place]
                nearest = min((a, b, c), key=lambda each: (abs(a + b - c - each), (a, b, c).index(each)))
                coded.append((byte - nearest) % 256)
            data += b"\x04" + bytes(coded)
        else:
            data += b"\x00" + line
        above = line
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    parts = [(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 16, 4, 0, 0, 0)), (b"eXIf", exif.tobytes()[6:]),
             (b"IDAT", zlib.compress(data)), (b"IEND", b"")]  # fmt: skip
    chunks = [struct.pack(">I", len(d)) + kind + d + struct.pack(">I", zlib.crc32(kind + d)) for kind, d in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


def test_that_sixteen_bits_with_transparency_keep_all_their_bits_on_black(tmp_path: Path):
    grey = np.random.default_rng(3).integers(0, 4096, (7, 9)).astype(np.uint16)
    alpha = np.full_like(grey, 0xFFFF)

    opaque = read_image(png_of_grey_and_alpha(tmp_path / "opaque.png", np.stack([grey, alpha], -1)))
    turned = read_image(png_of_grey_and_alpha(tmp_path / "turned.png", np.stack([grey, alpha], -1), orientation=6))
    alpha[:, 5:] = 0x8000
    alpha[0] = 0
    thin = read_image(png_of_grey_and_alpha(tmp_path / "thin.png", np.stack([grey, alpha], -1)))

    np.testing.assert_array_equal(opaque.pixels, grey)
    np.testing.assert_array_equal(turned.pixels, np.rot90(grey, -1))
    np.testing.assert_array_equal(thin.pixels, np.rint(grey * (alpha / 65535)))
    assert present(opaque).max() == 1


def test_that_damaged_sixteen_bits_with_transparency_are_refused(tmp_path: Path):
    path = png_of_grey_and_alpha(tmp_path / "cut.png", np.zeros((40, 40, 2), np.uint16) + np.arange(40)[:, None, None])
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(UnreadableImage, match="damaged or cut off"):
        read_image(path)
