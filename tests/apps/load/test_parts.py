"""Which part of the data is measured unless it is said."""

import pytest

from cartograd.apps.load.parts import part_of


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("a,b\n1,yes\n2,no\n")
    for folder in ("photos/cat", "photos/dog", "parted/train/cat", "parted/test/cat"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.png").write_bytes(b"x")
    return tmp_path


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("old.csv,target=b", "test"),
        ("csv:old.csv,target=b", "test"),
        ("csv:./old.csv,target=b", "test"),
        ("new.csv,target=b", "all"),
        ("csv:new.csv,target=b,test=0.5", "test"),  # a share that somebody chose
        ("photos", "all"),
        ("folder:parted", "test"),  # it comes in parts
        ("digits", "test"),
    ],
)
def test_other_files_are_measured_whole(here, data, part):
    found, why = part_of(None, data, "csv:old.csv,target=b")
    assert found == part
    assert ("--part test" in why) == (part == "all")
    absolute = f"csv:{here / 'old.csv'},target=b"
    assert part_of(None, absolute, "old.csv,target=b") == ("test", "")


def test_what_was_said_is_taken_and_lost_data_are_others(here):
    assert part_of("valid", "new.csv,target=b", "digits") == ("valid", "")
    assert part_of("all", "new.csv,target=b", "old.csv,target=b") == ("all", "")
    (here / "old.csv").unlink()
    assert part_of(None, "new.csv,target=b", "csv:old.csv,target=b")[0] == "all"
    assert part_of(None, "new.csv,target=b", None)[0] == "all"


@pytest.mark.parametrize(
    ("data", "trained"),
    [("old.csv,target=b", "csv:old.csv,target=b"), ("digits", "digits"), ("moons:seed=3", "moons")],
)
def test_examples_of_the_training_among_those_measured_are_said(here, data, trained):
    assert "that it was trained on" in part_of("all", data, trained)[1]
    assert "what it was trained on" in part_of("train", data, trained)[1]
    assert part_of("test", data, trained) == ("test", "")
    assert part_of("all", "spirals", trained) == ("all", "")
