"""Class folders and split folders: what counts as which."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.dataset.listing import cut, listed, told, unsorted

END = (".dat",)


@pytest.fixture
def fill(tmp_path):
    def fill(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return fill


def test_classes_in_natural_order(fill):
    labels, listing = listed(fill("10/a.dat", "2/a.dat", "b/a.dat"), END)
    assert labels == ["2", "10", "b"]
    assert [target for _, target in listing["train"]] == [0, 1, 2]


def test_splits(fill):
    root = fill("train/a/1.dat", "train/b/1.dat", "validation/a/2.dat", "test/b/3.dat")
    labels, listing = listed(root, END)
    assert labels == ["a", "b"]
    assert {part: [f.name for f, _ in files] for part, files in listing.items()} == {
        "train": ["1.dat", "1.dat"],
        "valid": ["2.dat"],
        "test": ["3.dat"],
    }
    parts = cut(root, listing, valid=0.5, test=0.5 - 1e-9)
    assert [len(parts[part]) for part in ("train", "valid", "test")] == [2, 1, 1]


def test_a_class_called_test_among_others_is_a_class(fill):
    assert listed(fill("train/1.dat", "test/1.dat", "plane/1.dat"), END)[0] == [
        "plane", "test", "train",
    ]  # fmt: skip


def test_files_without_folders(fill):
    with pytest.raises(UsageError, match="has none; expected a folder of files for each"):
        listed(fill("a.dat", "b.dat"), END)
    assert [file.name for file, _ in unsorted(fill("a.dat", "b.dat", ".c.dat"), END)] == [
        "a.dat", "b.dat",
    ]  # fmt: skip
    assert unsorted(fill("cat/a.dat"), END) == []


@pytest.mark.parametrize("names", [("Training", "Testing"), ("TRAIN", "Test"), ("train", "dev")])
def test_splits_in_any_spelling_and_case(fill, names):
    first, second = names
    root = fill(f"{first}/a/1.dat", f"{first}/b/1.dat", f"{second}/a/2.dat", f"{second}/b/3.dat")
    labels, listing = listed(root, END)
    assert labels == ["a", "b"]
    assert list(map(len, listing.values())) == [2, 2]


def test_a_split_without_classes_is_left_out_and_said(fill):
    root = fill("train/a/1.dat", "train/b/1.dat", "test/1.dat", "test/2.dat")
    labels, listing = listed(root, END)
    assert labels == ["a", "b"]
    assert list(listing) == ["train"]
    classes, line = told(root, labels, listing)
    assert classes == "2 classes (a 1, b 1)"
    assert line.startswith("test/ has no class folders, so its 2 files have no answers: ")


def test_other_files_are_counted_and_named(fill):
    root = fill("a/1.dat", "b/1.dat", "a/note.txt", "b/more.txt", "LICENSE", ".git/x", "a/.ds")
    labels, listing = listed(root, END)
    _, line = told(root, labels, listing)
    assert line.startswith("left out, 3 files that are no examples: 2 .txt, 1 without an ending")
    assert "a/note.txt" in line
    assert len(told(fill("c/1.dat"), *listed(root, END))) == 2
