"""Raw input for every kind of port: what fits is read, what does not is named."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from cartograd.core.errors import UsageError
from cartograd.core.ports import Column, Port
from cartograd.data.decode.read import expanded, read
from cartograd.data.text.tokenizer import Tokenizer

IMAGE = Port("image", "image", (1, 4, 4), bounds=(0.0, 1.0))
ROW = Port(
    "row", "table", (4,),
    columns=(Column("age", mean=30, std=10, indicator=True), Column("town", ("Oslo", "Rome"))),
)  # fmt: skip
POINT = Port("point", "vector", (2,))
PIXELS = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.fromarray(PIXELS).save(path)
    return path


def test_pictures_in_every_form(photo):
    expected = torch.from_numpy(PIXELS)[None, None] / 255
    for source in (photo, str(photo), photo.read_bytes(), Image.open(photo), photo.parent):
        assert torch.equal(read(IMAGE, source), expected)
        assert torch.equal(read(IMAGE, [source, source]), expected.repeat(2, 1, 1, 1))
    assert torch.equal(read(IMAGE, io.BytesIO(photo.read_bytes())), expected)
    assert torch.equal(read(IMAGE, PIXELS[None]), expected)
    assert torch.equal(read(IMAGE, [PIXELS[None], photo]), expected.repeat(2, 1, 1, 1))


def test_other_bounds_are_filled(photo):
    found = read(replace(IMAGE, bounds=(-1.0, 1.0)), photo)
    assert found.min() == -1
    assert found.max() == 1
    torch.testing.assert_close(found, read(IMAGE, photo) * 2 - 1)


def test_a_picture_of_another_size_and_colour(photo):
    Image.fromarray(np.full((9, 8, 3), 51, np.uint8)).save(photo.parent / "b.jpg")
    assert torch.equal(read(IMAGE, photo.parent)[1], torch.full((1, 4, 4), 0.2))
    assert read(replace(IMAGE, dims=(3, 4, 4)), photo.parent).shape == (2, 3, 4, 4)


def test_folders_stand_for_their_pictures(photo):
    (photo.parent / "notes.txt").touch()
    (photo.parent / ".thumbnails").mkdir()
    (photo.parent / ".thumbnails" / "small.png").touch()
    assert expanded([photo.parent, b"x"]) == [photo, b"x"]
    deeper = photo.parent / "more" / "deep.png"
    deeper.parent.mkdir()
    deeper.touch()
    assert expanded([photo.parent]) == sorted([photo, deeper])
    (photo.parent / "none").mkdir()
    with pytest.raises(UsageError, match="holds no such files"):
        expanded([photo.parent / "none"])


def test_rows(tmp_path):
    rows = [{"age": 40, "town": "Rome", "more": 1}, {"town": " Oslo ", "age": None}]
    expected = [[1, 0, 0, 1], [0, 1, 1, 0]]
    assert read(ROW, rows).tolist() == expected
    assert read(ROW, rows[0]).tolist() == expected[:1]
    path = tmp_path / "rows.csv"
    path.write_text("town;age\nRome;40\nOslo;\n")
    assert read(ROW, path).tolist() == expected
    assert read(ROW, [str(path), rows[0]]).tolist() == [*expected, expected[0]]


def test_a_file_without_header_for_a_model_that_knows_none(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("40,Rome\n,Oslo\n")
    columns = tuple(replace(column, name=f"column{i + 1}") for i, column in enumerate(ROW.columns))
    assert read(replace(ROW, columns=columns), path).tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]
    path.write_text("column2,column1\nRome,40\n")
    assert read(replace(ROW, columns=columns), path).tolist() == [[1, 0, 0, 1]]
    path.write_text("40,Rome\n")
    with pytest.raises(UsageError, match="lacks 2 of the 2 columns"):
        read(ROW, path)


def test_a_tensor_of_features_passes():
    assert read(ROW, torch.ones(3, 4)).shape == (3, 4)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ([1.5, 2], [[1.5, 2]]),
        ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
        ("1.5, 2", [[1.5, 2]]),
        (["1 2", "[3,4]"], [[1, 2], [3, 4]]),
        (np.ones(2), [[1, 1]]),
        (torch.zeros(2, 2), [[0, 0], [0, 0]]),
        ([np.ones(2), torch.zeros(2)], [[1, 1], [0, 0]]),
        ((1, 2), [[1, 2]]),
    ],
)
def test_numbers(source, expected):
    found = read(POINT, source)
    assert found.tolist() == expected
    assert found.dtype == torch.float32


def test_text(tmp_path):
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0.0, 255.0))
    path = tmp_path / "a.txt"
    path.write_bytes(b"ab")
    tokenizer = Tokenizer.bytes()
    for source in ("ab", b"ab", path):
        assert read(port, source, tokenizer=tokenizer).tolist() == [[97, 98]]
    assert read(port, ["ab", "cd"], tokenizer=tokenizer).shape == (2, 2)
    with pytest.raises(UsageError, match="differ in length"):
        read(port, ["ab", "c"], tokenizer=tokenizer)
    with pytest.raises(UsageError, match="cannot read"):
        read(port, tmp_path / "none.txt", tokenizer=tokenizer)
    with pytest.raises(UsageError, match="there is no tokenizer"):
        read(port, "ab")  # 256 numbers may be other tokens than bytes


@pytest.mark.parametrize(
    ("port", "source", "message"),
    [
        (IMAGE, "none.png", r"none.png is missing"),
        (IMAGE, b"no picture", "picture 1 is not a readable picture"),
        (IMAGE, [PIXELS[None], b"no"], "picture 2 is not a readable picture"),
        (IMAGE, torch.full((1, 1, 4, 4), 1.5), "input 1 for 'image' is out of bounds"),
        (IMAGE, torch.zeros(1, 3, 4, 4), r"got an example of shape \(3, 4, 4\); expected \(1, 4"),
        (replace(IMAGE, dims=(1, "y", "x")), b"", "has no fixed size"),
        (ROW, {"age": 3}, "row 1 lacks 1 of the 2 columns that the model takes: 'town'"),
        (ROW, {"aged": 3, "town": "Oslo"}, "row 1 lacks.*'age'; is 'aged' meant"),
        (ROW, [{"age": 3, "town": "Oslo"}, {"age": "x", "town": ""}], "input row 2: 'x' in the"),
        (ROW, [3], "row 1 is of type int"),
        (POINT, [1, 2, 3], r"shape \(3,\); expected \(2\)"),
        (POINT, [[1, 2], [3]], r"shape \(1,\); expected \(2\)"),
        (POINT, "one two", "'one two' is not a list of numbers"),
        (POINT, [["a", "b"]], "is not made of numbers"),
        (POINT, [1.0, float("nan")], "input 1 for 'point' holds a number that is not finite"),
        (POINT, [], "nothing was given for 'point'"),
    ],
)
def test_mistakes_are_named(port, source, message):
    with pytest.raises(UsageError, match=message):
        read(port, source)
