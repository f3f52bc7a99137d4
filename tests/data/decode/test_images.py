"""Pictures: the right pixels from every kind of file, and a clear refusal of the others."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from cartograd.core.errors import UsageError
from cartograd.data.dataset.tensors import tensors
from cartograd.data.dataset.write_images import write_pictures
from cartograd.data.decode.images import header, pixels

DRAW = np.random.default_rng(0)
GREY = DRAW.integers(0, 256, (6, 5), dtype=np.uint8)
COLOUR = DRAW.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def encoded(image, form="PNG", **args):
    out = io.BytesIO()
    image.save(out, form, **args)
    return out.getvalue()


def grey(source, height=6, width=5, **how):
    return pixels(source, channels=1, height=height, width=width, **how)[0].numpy()


def colour(source, height=6, width=5):
    return pixels(source, channels=3, height=height, width=width).permute(1, 2, 0).numpy()


def test_the_same_pixels_from_path_bytes_file_and_picture(tmp_path):
    image = Image.fromarray(GREY)
    path = tmp_path / "a.png"
    image.save(path)
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), image):
        assert (grey(source) == GREY).all()


def test_colour_is_kept():
    assert (colour(encoded(Image.fromarray(COLOUR))) == COLOUR).all()


def test_grey_becomes_three_equal_channels():
    found = colour(Image.fromarray(GREY))
    assert all((found[..., i] == GREY).all() for i in range(3))


def test_colour_becomes_luma():
    found = grey(Image.fromarray(COLOUR)).astype(float)
    expected = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert np.abs(found - expected).max() <= 1


def test_transparency_becomes_white():
    clear = np.dstack([COLOUR, np.zeros((6, 5), np.uint8)])
    assert (colour(Image.fromarray(clear)) == 255).all()
    solid = np.dstack([COLOUR, np.full((6, 5), 255, np.uint8)])
    assert (colour(Image.fromarray(solid)) == COLOUR).all()
    half = np.dstack([np.zeros((6, 5, 3), np.uint8), np.full((6, 5), 128, np.uint8)])
    assert (np.abs(colour(Image.fromarray(half)).astype(int) - 127) <= 1).all()


def test_palette_with_a_transparent_colour():
    image = Image.new("P", (5, 6), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((2, 3), 0)
    found = colour(encoded(image, transparency=0))
    assert found[3, 2].tolist() == [255, 255, 255]
    assert found[0, 0].tolist() == [10, 20, 30]


def test_further_pictures_of_a_file_are_told():
    frames = [Image.new("L", (5, 6), 90 * n) for n in (0, 1, 2)]
    film = io.BytesIO()
    frames[0].save(film, "GIF", save_all=True, append_images=frames[1:])
    for given, told in (
        (film.getvalue(), ["film holds 3 pictures: the first is looked at"]),
        (frames[0], []),
    ):
        notes: list[str] = []
        pixels(given, channels=1, height=6, width=5, name="film", notes=notes)
        assert notes == told


def test_one_bit_and_cmyk():
    assert set(np.unique(grey(Image.fromarray(GREY > 127)))) == {0, 255}
    assert colour(encoded(Image.fromarray(COLOUR).convert("CMYK"), "JPEG")).shape == (6, 5, 3)


def test_orientation_of_the_camera_is_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # held on its side: to be turned a quarter clockwise
    path = tmp_path / "phone.png"
    Image.fromarray(GREY).save(path, exif=exif)
    assert header(path)[:3] == ((6, 5), False, False)
    assert (grey(path, height=5, width=6) == np.rot90(GREY, -1)).all()


def test_halving_averages_in_an_antialiased_way():
    board = np.indices((32, 32)).sum(0) % 2 * 255
    found = grey(Image.fromarray(board.astype(np.uint8)), height=8, width=8)
    assert (np.abs(found.astype(int) - 127) <= 3).all()


def test_a_flat_picture_stays_flat_at_any_size():
    image = Image.new("L", (37, 29), 77)
    assert (grey(image, height=8, width=8) == 77).all()
    assert (grey(image, height=64, width=64) == 77).all()


def test_the_middle_of_an_oblong_picture_is_taken():
    wide = np.zeros((10, 16), np.uint8)
    wide[:, 3:13] = 200
    assert (grey(Image.fromarray(wide), height=10, width=10) == 200).all()
    assert (grey(Image.fromarray(wide.T), height=10, width=10) == 200).all()


def test_pad_keeps_the_whole_with_black_beside_it():
    wide = Image.new("L", (40, 10), 200)
    found = grey(wide, height=16, width=16, fit="pad")
    assert (found[6:10] == 200).all()
    assert (np.delete(found, slice(6, 10), axis=0) == 0).all()
    assert (grey(Image.new("L", (10, 4000), 9), height=8, width=8, fit="pad")[:, 4] == 9).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16"])
def test_pad_white_keeps_the_whole_on_white(mode):
    deep = mode == "I;16"
    wide = (
        Image.fromarray(np.full((10, 30), 3000, np.uint16)) if deep else Image.new(mode, (30, 10))
    )
    found = pixels(wide, channels=1, height=13, width=13, fit="pad-white", bits=12)
    white = 1.0 if deep else 255
    rows = (found[0] == white).all(1)
    assert rows.nonzero().flatten().tolist() == [0, 1, 2, 3, 8, 9, 10, 11, 12]
    assert (found[0, 4:8] < white).all()


def test_pad_is_pillows():
    draw = np.random.default_rng(0)
    for columns, rows in draw.integers(9, 99, (20, 2)):
        picture = Image.fromarray(draw.integers(0, 256, (rows, columns, 3), dtype=np.uint8))
        theirs = ImageOps.pad(picture, (33, 33), method=Image.Resampling.BILINEAR, color="white")
        found = pixels(picture, channels=3, height=33, width=33, fit="pad-white")
        assert np.array_equal(found.permute(1, 2, 0).numpy(), np.asarray(theirs))


def test_stretch_changes_the_shape():
    halves = np.zeros((10, 40), np.uint8)
    halves[:, 20:] = 200
    found = grey(Image.fromarray(halves), height=10, width=10, fit="stretch")
    assert (found[:, :4] == 0).all()
    assert (found[:, 6:] == 200).all()


def test_small_pictures_are_scaled_up():
    found = grey(Image.fromarray(np.array([[0, 200]], np.uint8)), height=64, width=64)
    assert found.shape == (64, 64)
    assert found.min() < 5
    assert found.max() > 195


def test_a_picture_of_which_little_is_left_is_pointed_out():
    notes = []
    size = {"channels": 1, "height": 8, "width": 8}
    pixels(Image.new("L", (30, 10)), **size, name="wide.png", notes=notes)
    assert notes == ["wide.png is 30 x 10 pixels: only the middle, 33%, is looked at (fit=crop)"]
    pixels(Image.new("L", (30, 10)), **size, fit="pad", notes=notes)
    pixels(Image.new("L", (15, 10)), **size, notes=notes)
    assert len(notes) == 1


def without_pixels():
    """A PNG whose header says that it has no columns."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 4, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", encoded(Image.fromarray(COLOUR))[:60], encoded(Image.fromarray(GREY))[:20],
     encoded(Image.fromarray(COLOUR), "JPEG")[:200], without_pixels()],
    ids=["empty", "text", "half a PNG", "a PNG's head", "half a JPEG", "no columns"],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "bad.png"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"bad.png is not a readable picture"):
        grey(path)


def test_a_flipped_byte_is_noticed(tmp_path):
    content = bytearray(encoded(Image.fromarray(COLOUR)))
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "flipped.png"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"flipped.png is not a readable picture"):
        colour(path)


def test_missing_file_and_wrong_channels(tmp_path):
    with pytest.raises(UsageError, match=r"none.png is missing"):
        grey(tmp_path / "none.png")
    with pytest.raises(UsageError, match="channels=2"):
        pixels(Image.fromarray(GREY), channels=2, height=6, width=5)


def test_writing_is_exact_and_never_half(tmp_path):
    stored = torch.from_numpy(DRAW.integers(0, 256, (30, 3, 4, 4), dtype=np.uint8))
    data = tensors(stored, torch.arange(30) % 2, labels=("a/b", "c"))
    write_pictures(data, tmp_path / "out")
    files = sorted((tmp_path / "out" / "train").rglob("*.png"))
    assert len(files) == len(data.train)
    assert {file.parent.name for file in files} == {"a-b", "c"}
    first = next(file for file in files if file.name == "000001.png")
    assert torch.equal(pixels(first, channels=3, height=4, width=4), data.train.stored[0])
    with pytest.raises(UsageError, match="exists already"):
        write_pictures(data, tmp_path / "out")
    with pytest.raises(UsageError, match="does not consist of images"):
        write_pictures(tensors(torch.rand(20, 2), torch.arange(20) % 2), tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "webp", "gif", "tiff"])
def test_what_a_picture_is_its_bytes_say(tmp_path, kind):
    path = tmp_path / "picture.png"
    Image.new("RGB", (8, 8), (255, 0, 0)).save(path, kind)
    found = pixels(path, channels=3, height=8, width=8)
    assert found[0].float().mean() > 240
    assert found[1:].float().mean() < 15


def test_a_picture_that_is_a_program_is_refused(tmp_path):
    """PostScript is run by Ghostscript, whatever the file's name."""
    path = tmp_path / "picture.png"
    head = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n"
    path.write_bytes(head)
    with pytest.raises(UsageError, match=r"not a readable picture \(no known picture format\)"):
        pixels(path, channels=3, height=8, width=8)
    with pytest.raises(UsageError, match="no known picture format"):
        header(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (13_000, 12_000)).save(path)
    with pytest.raises(UsageError, match="13000 x 12000 pixels; expected at most 150 million"):
        header(path)
