"""DeBERTa v3 against transformers', through their own files."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.transformer.deberta import DeBERTa, ranged
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.transformer.published import compared, ours, same_file, saved
from tests.reference import Reference

transformers = Reference("transformers")

SMALL = {
    "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
    "num_attention_heads": 2, "max_position_embeddings": 24, "num_labels": 3,
    "relative_attention": True, "position_buckets": 6, "share_att_key": True,
    "position_biased_input": False, "norm_rel_ebd": "layer_norm", "pos_att_type": ["p2c", "c2p"],
}  # fmt: skip
HEADS = {
    "Model": {}, "ForMaskedLM": {}, "ForSequenceClassification": {},
    "ForTokenClassification": {}, "ForQuestionAnswering": {"num_labels": 2},
}  # fmt: skip


def exact_roots(monkeypatch):
    """The root that theirs takes in single precision."""
    from transformers.models.deberta_v2 import modeling_deberta_v2

    monkeypatch.setattr(
        modeling_deberta_v2,
        "scaled_size_sqrt",
        lambda x, factor: torch.tensor(x.size(-1), dtype=torch.float64).mul(factor).sqrt(),
    )


@pytest.mark.oracle("deberta")
@pytest.mark.parametrize("head", HEADS)
def test_equals_transformers(head, tmp_path, monkeypatch):
    exact_roots(monkeypatch)
    config = transformers.DebertaV2Config(**SMALL | HEADS[head])
    theirs = saved(getattr(transformers, f"DebertaV2{head}")(config), tmp_path)
    mine, tokens = ours(tmp_path), torch.randint(1, 23, (3, 20))
    tokens[1, 17:] = tokens[2, 3:] = 0
    found = theirs(tokens, attention_mask=(tokens != 0).long())
    expected = torch.stack([*found.values()], 2) if "Question" in head else found[0]
    answer, real = mine(tokens), None if "Sequence" in head else tokens != 0
    if real is not None:
        answer, expected = answer * real[..., None], expected * real[..., None]
    same_file(tmp_path, mine, "deberta.")
    prefix = "" if head == "Model" else "deberta."
    layer = f"{prefix}encoder.layer.1.attention.self"
    pairs = [
        (f"{prefix}encoder.rel_embeddings.weight", "model.distances.weight"),
        (f"{prefix}encoder.LayerNorm.bias", "model.distance_norm.bias"),
        (f"{layer}.query_proj.weight", "model.blocks.1.attention.query.weight"),
        (f"{layer}.key_proj.bias", "model.blocks.1.attention.key.bias"),
    ]
    compared(theirs, mine, answer, expected, pairs, real=real)


@pytest.mark.oracle("deberta")
@pytest.mark.parametrize(("ranges", "far"), [(256, 512), (6, 24), (32, 100)])
def test_ranges_are_those_of_transformers(ranges, far):
    from transformers.models.deberta_v2 import modeling_deberta_v2

    x = torch.zeros(1, far, 1)
    theirs = modeling_deberta_v2.build_relative_position(x, x, ranges, far)[0]
    places = torch.arange(far)
    found = ranged(places[:, None] - places, ranges, far)
    assert torch.equal(found, (theirs + ranges).clamp(0, 2 * ranges - 1))


@pytest.mark.law("deberta")
def test_padding_changes_nothing_and_distances_are_all_that_counts():
    torch.manual_seed(0)
    size = {"vocabulary": 11, "padding_id": 0, "dim": 8, "heads": 2, "depth": 2, "ranges": 4}
    tokens = torch.randint(1, 11, (2, 7))
    for head in ("masked", "classify"):
        model = DeBERTa(**size, context=16, head=head).double().eval()
        for weight in model.parameters():
            torch.nn.init.normal_(weight, std=0.5)
        whole, padded = model(tokens), model(F.pad(tokens, (0, 3)))
        padded = padded[:, :7] if head == "masked" else padded
        torch.testing.assert_close(padded, whole, rtol=0, atol=1e-12)
        moved = model.hidden(F.pad(tokens, (3, 0)))[:, 3:]
        torch.testing.assert_close(moved, model.hidden(tokens), rtol=0, atol=1e-12)
        assert not torch.allclose(
            model(tokens.flip(1)), whole.flip(1) if head == "masked" else whole
        )


@pytest.mark.paper("deberta")
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("deberta-v3-xsmall", 70_682_112),
        ("deberta-v3-small", 141_304_320),
        ("deberta-v3-base", 183_831_552),
        ("deberta-v3-large", 434_012_160),
    ],
)
def test_published_sizes(name, weights):
    with torch.device("meta"):
        model = build(name, head="hidden")
    assert sum(weight.numel() for weight in model.parameters()) == weights


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda: DeBERTa(ranges=4, context=3), "ranges=4 for context=3"),
        (lambda: build("deberta:context=4,ranges=4,dim=8,heads=2,depth=1,vocabulary=9")(
            torch.ones(1, 5, dtype=torch.long)), "5 tokens are more than the 4"),
        (lambda: build("deberta:context=4,ranges=4,dim=8,heads=2,depth=1,vocabulary=9,head=tag")(
            torch.ones(1, 3, dtype=torch.long), where=torch.ones(1, 3, dtype=torch.bool)),
         "head='tag' has no logits"),
    ],
)  # fmt: skip
def test_what_cannot_be(ask, told):
    with pytest.raises(UsageError, match=told):
        ask()
