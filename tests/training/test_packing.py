"""Texts that are read in one row answer as each alone, wherever their padding begins."""

import pytest
import torch

from cartograd.architectures.transformer.decoder_classifier import DecoderClassifier
from cartograd.training.packing import packed_texts

SAID, OTHER, END = [7, 8, 2], [9, 2], [2]


@pytest.mark.parametrize("prompt", [[4, 5, 6], [4, 5, 2], [2]])
@pytest.mark.parametrize("answers", [(SAID, OTHER), (SAID, END), (END, SAID), (END, END)])
def test_texts_answer_as_each_alone_where_padding_is_the_end_token(prompt, answers):
    torch.manual_seed(0)
    decoder = "llama:vocabulary=11,dim=8,heads=2,depth=1,ffn_dim=12,context=16"
    model = DecoderClassifier(decoder=decoder, classes=1, padding_id=2).double().eval()
    rows, labels = torch.full((2, 8), 2), torch.full((2, 8), -100)
    for row, label, answer in zip(rows, labels, answers, strict=True):
        end = len(prompt) + len(answer)
        row[:end] = torch.tensor([*prompt, *answer])
        label[len(prompt) : end] = torch.tensor(answer)
    for groups in ([[0, 1]], [[0], [1]], [[1, 0]]):
        packed = packed_texts(model, rows, labels, -100, groups, 2)
        torch.testing.assert_close(packed, model(rows), rtol=1e-10, atol=1e-10)
    weights = list(model.parameters())
    mine, alone = (
        torch.autograd.grad(answer.square().sum(), weights, allow_unused=True)
        for answer in (packed_texts(model, rows, labels, -100, [[0, 1]], 2), model(rows))
    )
    assert any(one is not None for one in mine)
    for one, other in zip(mine, alone, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
