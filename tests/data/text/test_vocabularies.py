"""Vocabularies: what they learn, and that text comes back."""

import torch

from cartograd.data.text import vocabularies
from cartograd.data.text.tokens import SPECIAL
from cartograd.data.text.vocabularies import BEGIN, END, MASK, PADDING, UNKNOWN

TEXTS = ["the cat sat on the mat", "the dog sat on the log", "¿dónde está? 在夜晚"] * 5


def test_special_tokens_come_first_everywhere():
    for make in (vocabularies.pieces, vocabularies.words, vocabularies.characters):
        made = make(TEXTS, vocabulary=300)
        numbers = [made.number(token) for token in SPECIAL.values()]
        assert numbers == [PADDING, UNKNOWN, BEGIN, END, MASK] == [0, 1, 2, 3, 4]
        assert made.vocabulary <= 300


def test_pieces_write_any_text():
    made = vocabularies.pieces(TEXTS, vocabulary=300)
    for text in (*TEXTS, "never seen: ☃ \t\n end"):
        (row,) = made.encoded([text])
        assert UNKNOWN not in row
        assert made.decode(row) == text
    (row,) = made.encoded(["the cat"])
    assert len(row) < len("the cat")


def test_much_text_is_thinned_out(monkeypatch):
    monkeypatch.setattr(vocabularies, "ENOUGH", 40)
    made = vocabularies.pieces(["aaaa" * 5, "bbbb" * 5] * 10, vocabulary=263)
    assert made.encoded(["aaaa"]) != [[made.number("a")] * 4]
    assert made.encoded(["bbbb"]) == [[made.number("b")] * 4]


def test_words_by_frequency_then_alphabet():
    made = vocabularies.words(["b a b", "c a", "d"], vocabulary=7)
    assert made.encoded(["a b c <pad>"]) == [[5, 6, UNKNOWN, PADDING]]
    rare = vocabularies.words(["b a b", "c a", "d"], vocabulary=99, least=2)
    assert rare.vocabulary == 7


def test_characters_are_one_token_each():
    made = vocabularies.characters(["好 好吃\n", "好"], vocabulary=99)
    (row,) = made.encoded(["吃好 \n坏"])
    assert len(row) == 5
    assert row[-1] == UNKNOWN
    assert made.decode(row[:4]) == "吃好 \n"


def test_rows_of_one_width():
    assert vocabularies.padded([[7], [], [8, 9]], fill=-100).tolist() == [
        [7, -100], [-100, -100], [8, 9]
    ]  # fmt: skip
    assert vocabularies.padded([]).shape == (0, 1)
    assert vocabularies.padded([[1]], width=3).tolist() == [[1, 0, 0]]
    assert vocabularies.padded([[1]]).dtype == torch.int32
