"""The Brown corpus: words with their parts of speech."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.brown import brown, part_of_speech, texts
from cartograd.data.store import packages
from cartograd.data.text.vocabularies import UNKNOWN

LINES = "\n\n\tThe/at {0}/nn-tl {0}/vbd-hl ./.\nand/or/cc {0}/nn$ rare{0}/np\n"
WORDS = ["cat", "dog", "old", "sad", "one", "two", "red", "tin"]


def corpus(folder, n=48):
    for i in range(n):
        (folder / f"c{i:02}").write_text(LINES.format(WORDS[i % 8]))
    return folder


@pytest.mark.law("brown")
def test_words_and_tags_come_back(tmp_path):
    found = texts(corpus(tmp_path))
    assert found["c01"] == [
        [("The", "at"), ("dog", "nn"), ("dog", "vbd"), (".", ".")],
        [("and/or", "cc"), ("dog", "nn$"), ("raredog", "np")],
    ]
    data = brown(tmp_path, context=3)
    assert data.signature.output.labels == (".", "at", "cc", "nn", "nn$", "np", "vbd")
    counts = data.about
    assert (counts["texts"], counts["sentences"], counts["words"]) == (48, 96, 336)
    rows = sum(len(part) for part in (data.train, data.valid, data.test))
    assert rows == 48 * 3, "a sentence of four words becomes two examples of at most three"
    labels = data.signature.output.labels
    tags = [[labels[i] for i in row if i >= 0] for row in data.train.targets.tolist()]
    assert all(row in (["at", "nn", "vbd"], ["."], ["cc", "nn$", "np"]) for row in tags)


@pytest.mark.law("brown")
def test_no_text_is_in_two_parts(tmp_path):
    """Each text has a word of its own; it must be in one part only, and unknown elsewhere."""
    for i in range(60):
        (tmp_path / f"c{i:02}").write_text(f"own{i}/nn own{i}/nn\n" * 5)
    data = brown(tmp_path)
    assert UNKNOWN not in data.train.inputs[:, 0]
    assert set(data.test.inputs.flatten().tolist()) == {UNKNOWN}
    assert len(data.train) % 5 == len(data.valid) % 5 == len(data.test) % 5 == 0


def test_one_file_of_all_texts(tmp_path):
    file = tmp_path / "all.txt"
    file.write_text("".join(f"\fc{i:02}\n{LINES.format(WORDS[i % 8])}" for i in range(48)))
    (tmp_path / "parts").mkdir()
    assert texts(file) == texts(corpus(tmp_path / "parts"))


def test_parts_of_speech():
    pairs = {
        "nn-tl-hl": "nn",
        "fw-at+nn-tl": "at+nn",
        "--": "--",
        "---hl": "--",
        "*": "*",
        "in+at-t": "in+at",
    }
    assert {tag: part_of_speech(tag) for tag in pairs} == pairs


def test_mistakes_are_named(tmp_path):
    (tmp_path / "c01").write_text("good/jj\nbad")
    with pytest.raises(UsageError, match="c01 line 2: 'bad' has no tag"):
        brown(tmp_path)
    with pytest.raises(UsageError, match=r"cannot read .*none"):
        brown(tmp_path / "none")


@pytest.mark.paper("brown")
def test_the_real_one():
    try:
        found = texts(packages.where("brown") / "brown.txt")
    except UsageError as error:
        pytest.skip(f"brown: {error}")
    sentences = [line for text in found.values() for line in text]
    assert (len(found), len(sentences), sum(map(len, sentences))) == (500, 57_340, 1_161_192)
    assert len({tag for line in sentences for _, tag in line}) == 188
    assert sentences[0][:3] == [("The", "at"), ("Fulton", "np"), ("County", "nn")]
