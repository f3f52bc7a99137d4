"""ModernBERT against transformers', through their own files."""

import pytest
import torch

from cartograd.architectures.transformer.modernbert import ModernBERT
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.transformer.published import compared, ours, same_file, saved
from tests.reference import Reference

transformers = Reference("transformers")

SMALL = {
    "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 4,
    "num_attention_heads": 2, "max_position_embeddings": 32, "local_attention": 4,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1, "cls_token_id": 1, "sep_token_id": 1,
    "num_labels": 3,
}  # fmt: skip
HEADS = {
    "Model": {}, "ForMaskedLM": {}, "ForSequenceClassification": {},
    "ForSequenceClassification by the mean": {"classifier_pooling": "mean"},
    "ForTokenClassification": {}, "ForQuestionAnswering": {"num_labels": 2},
}  # fmt: skip


@pytest.mark.oracle("modernbert")
@pytest.mark.parametrize("head", HEADS)
def test_equals_transformers(head, tmp_path, monkeypatch):
    single = torch.Tensor.float
    exact = lambda x: x if x.dtype == torch.float64 else single(x)  # noqa: E731
    monkeypatch.setattr(torch.Tensor, "float", exact)
    made = getattr(transformers, f"ModernBert{head.partition(' ')[0]}")
    theirs = saved(made(transformers.ModernBertConfig(**SMALL | HEADS[head])), tmp_path)
    mine = ours(tmp_path)
    tokens = torch.randint(1, 23, (3, 12))
    tokens[1, 7:] = tokens[2, 3:] = 0
    found = theirs(tokens, attention_mask=(tokens != 0).long())
    expected = torch.stack([*found.values()], 2) if "Question" in head else found[0]
    answer, real = mine(tokens), None if "Sequence" in head else tokens != 0
    if real is not None:
        answer, expected = answer * real[..., None], expected * real[..., None]
    same_file(tmp_path, mine, "model.")
    prefix = "" if head == "Model" else "model."
    pairs = [
        (f"{prefix}embeddings.tok_embeddings.weight", "model.tokens.weight"),
        (f"{prefix}layers.1.mlp_norm.weight", "model.blocks.1.feed_forward_norm.weight"),
    ]
    compared(theirs, mine, answer, expected, pairs, real=real)


@pytest.mark.law("modernbert")
def test_padding_changes_nothing_and_long_windows_are_none():
    torch.manual_seed(0)
    size = {"vocabulary": 11, "padding_id": 0, "dim": 8, "heads": 2, "depth": 3, "ffn_dim": 12}
    for head, pooling in (("masked", "cls"), ("classify", "mean")):
        model = ModernBERT(**size, head=head, pooling=pooling, window=9).double().eval()
        tokens = torch.randint(1, 11, (2, 7))
        whole = model(tokens)
        padded = model(torch.nn.functional.pad(tokens, (0, 3)))
        padded = padded[:, :7] if head == "masked" else padded
        torch.testing.assert_close(padded, whole, rtol=0, atol=1e-12)
        model.window = 700
        assert torch.allclose(model(tokens), whole, rtol=0, atol=1e-12)
        model.window = 2
        assert not torch.allclose(model(tokens), whole)


@pytest.mark.paper("modernbert")
@pytest.mark.parametrize(
    ("name", "weights"), [("modernbert-base", 149_014_272), ("modernbert-large", 394_781_696)]
)
def test_published_sizes(name, weights):
    with torch.device("meta"):
        model = build(name, head="hidden")
    assert sum(weight.numel() for weight in model.parameters()) == weights


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: ModernBERT(reach="x"), "expected letters of f and w"),
        (lambda: build("modernbert:context=4,dim=8,heads=2,depth=1,vocabulary=9")(
            torch.ones(1, 5, dtype=torch.long)), "5 tokens are more than the 4"),
    ],
)  # fmt: skip
def test_what_cannot_be(ask, told):
    with pytest.raises(UsageError, match=told):
        ask()
