"""The row on long sentences: which sentences are long."""

import torch

from acceptance.attention import TOKENS, long_and_short


def test_a_sentence_of_more_tokens_is_long_whatever_its_padding():
    sources = torch.zeros(3, TOKENS + 5, dtype=torch.int64)
    for row, count in enumerate((TOKENS + 1, TOKENS, 2)):
        sources[row, : count + 1] = 7
    assert long_and_short(sources) == {"long": [0], "short": [1, 2]}
