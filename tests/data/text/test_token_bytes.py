"""What each token writes is what decoding it among others gives."""

import random

import pytest

from cartograd.core.errors import UsageError
from cartograd.data.text.token_bytes import token_bytes
from cartograd.data.text.tokenizer import Tokenizer

TEXTS = ["the quick brown fox, naïve café 😀", "中文的句子", "  two  spaces\tand\nlines 123"] * 20


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_tokens_spell_what_decoding_gives(kind):
    tokenizer = Tokenizer.train(TEXTS, vocabulary=330 if kind == "bpe" else 90, kind=kind)
    words, rng = token_bytes(tokenizer), random.Random(0)
    spelled = [number for number, word in enumerate(words) if word is not None]
    assert len(words) == tokenizer.vocabulary
    assert len(spelled) == len(words) - 5
    first = tokenizer.encode("a", special=False)
    before = tokenizer.decode(first)
    for _ in range(200):
        row = [rng.choice(spelled) for _ in range(5)]
        said = b"".join(words[number] for number in row).decode(errors="replace")
        assert tokenizer.decode([*first, *row]) == before + said


def test_bytes_without_a_piece_and_special_tokens():
    document = {
        "model": {"type": "BPE", "vocab": {"▁a": 0, "<0x0A>": 1, "b": 2, "</s>": 3, "<|x|>": 4},
                  "merges": []},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "added_tokens": [{"id": 4, "content": "<|x|>", "special": True},
                         {"id": 5, "content": "   ", "special": False}],
    }  # fmt: skip
    words = token_bytes(Tokenizer(document, special={"end": 3}))
    assert words == [b" a", b"\n", b"b", None, None, b"   "]


def test_words_without_their_spaces_are_refused():
    tokenizer = Tokenizer.train(TEXTS, vocabulary=120, kind="wordpiece")
    with pytest.raises(UsageError, match="do not keep their spaces"):
        token_bytes(tokenizer)
