"""Every encoder with every head that transformers has for it: numbers and gradients in float64."""

import pytest
import torch

from tests.architectures.pretrained.published_folders import (
    BART,
    BERT,
    DEBERTA,
    DISTIL,
    ELECTRA,
    MODERN,
    ROBERTA,
    T5,
    transformers,
)
from tests.architectures.transformer.published import ours, saved
from tests.architectures.transformer.test_deberta import exact_roots
from tests.architectures.transformer.test_t5 import exact

ALL = {
    "hidden": "Model", "masked": "ForMaskedLM", "classify": "ForSequenceClassification",
    "tag": "ForTokenClassification", "extract": "ForQuestionAnswering",
}  # fmt: skip
READING = ("classify", "tag", "extract")
FAMILIES = {
    "Bert": (BERT, ALL), "DistilBert": (DISTIL, ALL), "Roberta": (ROBERTA, ALL),
    "XLMRoberta": (ROBERTA, ALL), "Electra": (ELECTRA, ALL | {"detect": "ForPreTraining"}),
    "DebertaV2": (DEBERTA, ALL), "ModernBert": (MODERN, ALL),
    "Bart": (BART, {head: ALL[head] for head in ("hidden", "classify", "extract")}),
    "T5": (T5, {"hidden": "EncoderModel"} | {head: ALL[head] for head in READING}),
    "UMT5": (T5, {"hidden": "EncoderModel"} | {head: ALL[head] for head in READING}),
    "MT5": (T5, {"hidden": "EncoderModel"} | {head: ALL[head] for head in READING}),
}  # fmt: skip
BY_THE_END = ("Bart", "T5", "MT5", "UMT5")
"""Families that classify by the last token; others by the first, which may be padding."""

CASES = [
    (family, head, side)
    for family, (_, heads) in FAMILIES.items()
    for head in heads
    for side in ("right", "left")
    if side == "right" or head != "classify" or family in BY_THE_END
]


@pytest.fixture
def _exact(monkeypatch):
    """Their numbers in the type that they are given."""
    from transformers.models.mt5 import modeling_mt5
    from transformers.models.t5 import modeling_t5
    from transformers.models.umt5 import modeling_umt5

    monkeypatch.setattr(modeling_t5.T5LayerNorm, "forward", exact)
    monkeypatch.setattr(modeling_mt5.MT5LayerNorm, "forward", exact)
    monkeypatch.setattr(modeling_umt5.UMT5LayerNorm, "forward", exact)
    exact_roots(monkeypatch)
    single = torch.Tensor.float
    monkeypatch.setattr(
        torch.Tensor, "float", lambda x: x if x.dtype == torch.double else single(x)
    )


def texts(side, end):
    rows = torch.randint(4, 23, (3, 12))
    rows[:, -1] = end
    for row, short in zip(rows, (0, 4, 9), strict=True):
        row[:short] = 0
        row.copy_(row.roll(-short) if side == "right" else row)
    return rows


@pytest.mark.oracle("hf")
@pytest.mark.parametrize(("family", "head", "side"), CASES)
@pytest.mark.usefixtures("_exact")
def test_equals_transformers(family, head, side, tmp_path):
    """Padded at the right, and at the left where the first token is not what is read."""
    sizes, heads = FAMILIES[family]
    end = 3 if family == "Bart" else 1
    said = sizes | {"vocab_size": 23, "pad_token_id": 0, "eos_token_id": end}
    said |= {"num_labels": 2 if head == "extract" else 3}
    config = getattr(transformers, f"{family}Config")(**said)
    theirs = saved(getattr(transformers, f"{family}{heads[head]}")(config), tmp_path)
    mine, tokens = ours(tmp_path), texts(side, end)
    real = tokens != 0
    inputs = {"attention_mask": real.long()}
    sides = [port.name for port in mine.signature.inputs[1:]]
    segments = (torch.arange(12) > 5).long().expand_as(tokens)
    found = theirs(tokens, **inputs | ({"token_type_ids": segments} if sides else {}))
    if head == "extract":
        expected = torch.stack([found.start_logits, found.end_logits], 2)
    else:
        expected = found[0]
    if head == "detect":
        expected = torch.stack([torch.zeros_like(expected), expected], 2)
    answer = mine(tokens, *([segments] if sides else []))
    if head != "classify":
        answer, expected = answer * real[..., None], expected * real[..., None]
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)
    if side == "right":
        weight = torch.randn_like(answer)
        (expected * weight).sum().backward()
        (answer * weight).sum().backward()
        torch.testing.assert_close(*numbers(mine, theirs), rtol=1e-9, atol=1e-9)


def numbers(*models):
    """All gradients in order of size; rows that nothing reads, which some have more of, are 0."""
    found = [
        torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        for model in models
    ]
    longest = max(map(len, found))
    return [torch.nn.functional.pad(one, (0, longest - len(one))).sort().values for one in found]
