"""Folders of texts: every text comes back, with its class and its split."""

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.sources.text_folder import text_folder


def write(root, count=60, **more):
    for i in range(count):
        file = root / ("dull", "fine")[i % 2] / f"{i}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(f"film {i}: {file.parent.name}!".encode(**more))
    return root


def subject(folder):
    """For the conformance suite."""
    return (write(folder / "films"),), {"tokenize": "characters"}


def told(data, part):
    split = getattr(data, part)
    labels = split.signature.output.labels
    texts = split.table.column("text")
    return {
        (text, labels[y], name)
        for text, y, name in zip(texts, split.targets.tolist(), split.names, strict=True)
    }


@pytest.mark.law("text-folder")
def test_every_text_comes_back_from_its_tokens_with_its_class(tmp_path):
    data = text_folder(write(tmp_path), tokenize="pieces", vocabulary=300)
    rows = set()
    for part in ("train", "valid", "test"):
        split = getattr(data, part)
        found = [data.tokenizer.decode(row) for row in split.inputs]
        assert found == split.table.column("text")
        rows |= told(data, part)
    assert rows == {
        (f"film {i}: {kind}!", kind, f"{kind}/{i}.txt")
        for i in range(60)
        for kind in (("dull", "fine")[i % 2],)
    }


@pytest.mark.parametrize("names", [("Training", "Testing"), ("train", "test")])
def test_splits_in_any_spelling(tmp_path, names):
    write(tmp_path / names[0])
    write(tmp_path / names[1], count=20)
    (tmp_path / names[0] / "notes.pdf").write_bytes(b"")
    data = text_folder(tmp_path)
    assert len(data.test) == 20
    assert len(data.train) + len(data.valid) == 60
    assert all(name.startswith(f"{names[1]}/") for name in data.test.names)
    assert any("notes.pdf" in line for line in data.decided)


def test_words_are_learned_from_the_training_texts_alone(tmp_path):
    write(tmp_path / "train")
    write(tmp_path / "test", count=20)
    (tmp_path / "test" / "fine" / "rare.txt").write_text("Film zebra zebra: fine!")
    data = text_folder(tmp_path, context=4)
    row = data.test.names.index("test/fine/rare.txt")
    unknown = data.tokenizer.unknown
    known = [data.tokenizer.number(word) for word in ("film", ":")]
    assert data.test.inputs[row].tolist() == [known[0], unknown, unknown, known[1]]
    assert data.train.inputs.shape[1] == 4
    assert any("at most 4 of a text, which 81 reach" in line for line in data.decided)


def test_an_empty_text_is_left_out_and_counted(tmp_path):
    write(tmp_path)
    (tmp_path / "fine" / "1.txt").write_text(" \n")
    data = text_folder(tmp_path)
    assert len(data.train) + len(data.valid) + len(data.test) == 59
    assert any("1 texts without a token are left out" in line for line in data.decided)


def test_a_mark_goes_and_another_encoding_has_to_be_said(tmp_path):
    write(tmp_path, encoding="utf-8-sig")
    assert "film 0: dull!" in text_folder(tmp_path, valid=0, test=0).train.table.column("text")
    for name in ("a", "b"):
        (tmp_path / "fine" / f"{name}.txt").write_bytes("Café, très fine".encode("cp1252"))
    with pytest.raises(UsageError, match=r"[ab]\.txt is not UTF-8 text.*; .*[ab]\.txt is not UTF"):
        text_folder(tmp_path)
