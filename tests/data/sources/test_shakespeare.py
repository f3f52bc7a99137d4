"""The works of Shakespeare as windows of bytes or pieces."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.shakespeare import shakespeare
from cartograd.data.text.vocabularies import UNKNOWN

WORKS = {f"work {i}": f"{i}: To be, or not to be — that is {i}.\n" * (9 + i) for i in range(30)}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "works.txt"
    path.write_text("".join(f"\f{name}\n{text}" for name, text in WORKS.items()))
    return path


@pytest.mark.law("shakespeare")
def test_windows_joined_give_each_work_back(file):
    data = shakespeare(file, window=16)
    left = {name: text.encode() for name, text in WORKS.items()}
    for part in (data.train, data.valid, data.test):
        rows, after = (bytes(one.flatten().tolist()) for one in (part.inputs, part.targets))
        at = 0
        while at < len(rows):
            name = next(n for n, t in left.items() if rows.startswith(t[:32], at))
            text = left.pop(name)
            size = (len(text) - 1) // 16 * 16
            assert rows[at : at + size] == text[:size]
            assert after[at : at + size] == text[1 : size + 1]
            at += size
    assert not left, "each work is in one part"
    assert sum(data.about["bytes"].values()) == sum(len(t.encode()) for t in WORKS.values())


@pytest.mark.law("shakespeare")
def test_pieces_are_learned_from_the_training_works(file):
    data = shakespeare(file, window=8, vocabulary=300)
    assert data.signature.sizes() == {"classes": 300, "vocabulary": 300}
    for part in (data.train, data.test):
        assert (part.targets[:, :-1] == part.inputs[:, 1:]).all()
    train = {i for i in range(30) if data.about["bytes"]["train"]}
    assert train
    tokens, size = data.about["tokens"], data.about["bytes"]
    assert all(tokens[part] < size[part] / 2 for part in ("train", "valid", "test"))
    assert UNKNOWN not in data.test.inputs


def test_mistakes_are_named(file):
    with pytest.raises(UsageError, match="has no work of 5001 tokens; give a smaller window"):
        shakespeare(file, window=5000)
    with pytest.raises(UsageError, match=r"cannot read .*none"):
        shakespeare(file.with_name("none"))


def test_the_real_ones():
    try:
        data = shakespeare()
    except UsageError as error:
        pytest.skip(f"shakespeare: {error}")
    assert data.about["works"] == 42
    assert sum(data.about["bytes"].values()) == 5_057_239
