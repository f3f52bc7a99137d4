"""Running text as words with their neighbours."""

import pytest
import torch

from cartograd.core.errors import UsageError
from cartograd.data.sources import corpus
from cartograd.data.sources.words import words


def folder_of(tmp_path, texts):
    for i, text in enumerate(texts):
        (tmp_path / f"{i:03}.txt").write_text(text)
    return tmp_path


def spelled(data, rows):
    labels = data.signature.output.labels
    return [[labels[i] for i in row if i] for row in rows.tolist()]


@pytest.mark.law("words")
def test_neighbours_are_those_of_the_text_within_window_and_text(tmp_path):
    """Each text counts from its own number, so that a neighbour from elsewhere would show."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    texts = [" ".join([names[i % 10], *names] * 2) for i in range(40)]
    data = words(folder_of(tmp_path, texts), window=2, sample=0.0, min_count=1, valid=0.1, test=0.1)
    whole = data.train.select(range(len(data.train)))
    labels = data.signature.output.labels
    found = list(zip(spelled(data, whole.inputs), [labels[i] for i in whole.targets], strict=True))
    at = 0
    for text in [t.split() for t in texts]:
        here = [(text[max(0, i - 2) : i] + text[i + 1 : i + 3], w) for i, w in enumerate(text)]
        if found[at : at + len(here)] == here:
            at += len(here)
    assert at == len(found), "what was trained on is whole texts, in their order"


@pytest.mark.law("words")
def test_frequent_words_are_used_as_often_as_the_formula_says(tmp_path):
    texts = [("the " * 9 + f"word{chr(97 + i % 20)} ") * 30 for i in range(60)]
    data = words(folder_of(tmp_path, texts), window=2, sample=1e-3)
    the = data.signature.output.labels.index("the")
    counts = torch.tensor(data.tokenizer.counts)
    share = counts[the] / counts.sum()
    expected = float((1e-3 / share).sqrt() + 1e-3 / share)
    batches = data.train.batches(batch_size=100)
    seen, all_words = 0, 0
    for epoch in range(6):
        for _, word in batches.epoch(epoch, seed=0):
            seen += int((word == the).sum())
            all_words += len(word)
    assert all_words == 6 * data.about["used in an epoch"]
    assert seen / 6 / int(counts[the]) == pytest.approx(expected, rel=0.1)


def test_windows_are_of_random_width(tmp_path):
    texts = ["a b c d e f g h i j k l m n o p q r s t " * 20] * 20
    texts = [f"{text} w{chr(97 + i)}" for i, text in enumerate(texts)]
    data = words(folder_of(tmp_path, texts), window=4, sample=0.0)
    x = torch.cat([x for x, _ in data.train.batches(batch_size=64).epoch(0, seed=0)])
    share = (x != 0).float().mean(0)
    expected = torch.tensor([1, 2, 3, 4, 4, 3, 2, 1]) / 4
    torch.testing.assert_close(share, expected, rtol=0, atol=0.03)


def test_an_epoch_can_be_resumed(tmp_path):
    texts = [f"some words of text number {chr(97 + i)} " * 9 for i in range(20)]
    batches = words(folder_of(tmp_path, texts), sample=1e-2).train.batches(batch_size=16)
    first = list(batches.epoch(1, seed=2))
    assert len(first) == len(batches)
    again = list(batches.epoch(1, seed=2, start=3))
    for one, two in zip(again, first[3:], strict=True):
        assert all(map(torch.equal, one, two))
    assert not torch.equal(first[0][1], next(batches.epoch(2, seed=2))[1])


def test_paragraphs_of_one_file_are_texts(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text("\n\n".join(f"Chapter {chr(97 + i)} of the book, isn't it?" for i in range(26)))
    data = words(path, min_count=1)
    assert data.about["texts"] == 26
    assert {"isn't", "book"} <= set(data.signature.output.labels)


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match="'nowhere' has no English texts"):
        words("brown+nowhere")
    (tmp_path / "a.txt").write_text("only one")
    with pytest.raises(UsageError, match="holds 1 texts; expected at least 10"):
        words(tmp_path)


def test_texts_of_the_store():
    try:
        found = corpus.texts(("shakespeare",))
    except UsageError as error:
        pytest.skip(f"corpus: {error}")
    assert len(found) == 42
    assert corpus.words(found[0])[:5] == ["all's", "well", "that", "ends", "well"]
