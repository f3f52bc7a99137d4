"""Words that look like paths."""

import pytest

from cartograd.core.paths import looks_like_path, no_such_path


@pytest.mark.parametrize("word", ["rview.txt", "a/b.csv", "./x", "../x", "~/mails", "D.JSONL"])
def test_a_path_is_one(word):
    assert looks_like_path(word)


@pytest.mark.parametrize(
    "word", ["good", "and/or", "No. 1", "see readme.txt", "3.14", "e.g.", "...", "/shrug", "what?"]
)
def test_a_text_is_none(word):
    assert not looks_like_path(word)


def test_the_nearest_file_is_named(tmp_path):
    (tmp_path / "reviews.txt").touch()
    assert f"did you mean '{tmp_path}/reviews.txt'?" in str(no_such_path(f"{tmp_path}/revews.txt"))
    assert "there is no folder" in str(no_such_path(f"{tmp_path}/x/revews.txt"))
