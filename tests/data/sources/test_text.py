"""Text as windows of bytes."""

import pytest

from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.data.sources.text import text

VERSE = "Tyger Tyger, burning bright, 在夜晚的森林中; ".encode() * 40


def places(data):
    """Every window by its file and place, with its target."""
    found = {}
    for split in (data.train, data.valid, data.test):
        for name, x, y in zip(split.names, split.inputs, split.targets, strict=True):
            file, _, start = name.partition(" byte ")
            found[file, int(start)] = bytes(x.tolist()), bytes(y.tolist())
    return found


@pytest.mark.law("text")
def test_windows_joined_give_the_file_back(tmp_path):
    (tmp_path / "a.txt").write_bytes(VERSE)
    found = places(text(tmp_path / "a.txt", window=16))
    count = (len(VERSE) - 1) // 16
    assert sorted(found) == [("a.txt", 16 * i) for i in range(count)]
    assert b"".join(x for _, (x, _) in sorted(found.items())) == VERSE[: 16 * count]
    assert all(y == VERSE[start + 1 : start + 17] for (_, start), (_, y) in found.items())


@pytest.mark.law("text")
def test_files_of_a_folder_are_kept_apart_and_steady(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_bytes(VERSE[:600])
    (tmp_path / "deep" / "b.txt").write_bytes(VERSE[7:800])
    (tmp_path / "c.md").write_bytes(VERSE)
    before = text(tmp_path, window=8)
    assert {file for file, _ in places(before)} == {"a.txt", "deep/b.txt"}
    (tmp_path / "0.txt").write_bytes(bytes(range(256)) * 3)
    after = text(tmp_path, window=8)
    for part in ("train", "valid", "test"):
        assert set(getattr(before, part).names) <= set(getattr(after, part).names)
    assert {file for file, _ in places(build(f"text:{tmp_path},pattern=*.md")())} == {"c.md"}


@pytest.mark.law("text")
@pytest.mark.parametrize("window", [5, 16, 47])
def test_of_questions_only_the_answers_are_learned(tmp_path, window):
    lines = [
        f"{a}+{b}={a + b} : ok\n" if a % 3 else "none here\n" for a in range(40) for b in (2, 77)
    ]
    (tmp_path / "a.txt").write_text("".join(lines))
    whole = "".join(
        "." * (line.find("=") + 1 or len(line)) + line[line.find("=") + 1 or len(line) :]
        for line in lines
    )
    data = text(tmp_path / "a.txt", window=window, answers_after="=:", valid=0.2, test=0.2)
    found = {}
    for split in (data.train, data.valid, data.test):
        for name, x, y in zip(split.names, split.inputs, split.targets, strict=True):
            start = int(name.partition(" byte ")[2])
            assert bytes(x.tolist()).decode() == "".join(lines)[start : start + window]
            found[start] = "".join("." if one == -100 else chr(one) for one in y.tolist())
    all_of = {i: whole[i + 1 : i + 1 + window] for i in range(0, len(whole) - window, window)}
    assert found == {i: one for i, one in all_of.items() if set(one) != {"."}}


def test_a_mark_of_several_bytes_is_one_mark(tmp_path):
    (tmp_path / "a.txt").write_text("问题：好。\n" * 60, encoding="utf-8")
    size = len("问题：好。\n".encode())
    data = text(tmp_path / "a.txt", window=size, answers_after="：?", valid=0, test=0)
    (row,) = {bytes(one for one in y.tolist() if one >= 0) for y in data.train.targets}
    assert row.decode() == "好。\n"


def test_batches_are_classes(tmp_path):
    (tmp_path / "a.txt").write_bytes(bytes(range(256)) * 9)
    data = text(tmp_path / "a.txt", window=32)
    x, y = next(data.train.batches(batch_size=4).epoch(0, seed=0))
    assert x.shape == y.shape == (4, 32)
    assert ((x + 1) % 256 == y).all()
    assert data.signature.sizes() == {"classes": 256, "vocabulary": 256}


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none.txt: No such file"):
        text(tmp_path / "none.txt")
    with pytest.raises(UsageError, match=r"holds no files that match \*.txt"):
        text(tmp_path)
    (tmp_path / "b.md").write_bytes(VERSE)
    with pytest.raises(UsageError, match=r"no line of .* goes on after any of '='; name the marks"):
        text(tmp_path / "b.md", window=16, answers_after="=")
    (tmp_path / "a.txt").write_bytes(b"short")
    with pytest.raises(UsageError, match="gives 0 windows of 128 bytes"):
        text(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"")
    with pytest.raises(UsageError, match="gives 0 windows"):
        text(tmp_path / "a.txt", window=1)
