"""ELECTRA and DistilBERT's features against transformers', through their own files."""

import pytest
import torch

from cartograd.core.build import build
from tests.architectures.transformer.published import compared, ours, same_file, saved
from tests.reference import Reference

transformers = Reference("transformers")

SMALL = {
    "vocab_size": 23, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "max_position_embeddings": 12, "num_labels": 3,
}  # fmt: skip
HEADS = {
    "Model": {}, "ForPreTraining": {}, "ForMaskedLM": {}, "ForSequenceClassification": {},
    "ForTokenClassification": {}, "ForQuestionAnswering": {"num_labels": 2},
}  # fmt: skip


@pytest.mark.oracle("bert")
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("token_dim", [8, 16])
def test_equals_transformers(head, token_dim, tmp_path):
    config = transformers.ElectraConfig(**SMALL | HEADS[head], embedding_size=token_dim)
    theirs = saved(getattr(transformers, f"Electra{head}")(config), tmp_path)
    mine, tokens = ours(tmp_path), torch.randint(1, 23, (3, 9))
    tokens[1, 7:] = tokens[2, 3:] = 0
    sides = (torch.arange(9) > 4).long().expand(3, -1) if "Question" in head else None
    found = theirs(tokens, attention_mask=(tokens != 0).long(), token_type_ids=sides)
    expected = torch.stack([*found.values()], 2) if "Question" in head else found[0]
    if head == "ForPreTraining":
        expected = torch.stack([torch.zeros_like(expected), expected], 2)
    answer = mine(tokens) if sides is None else mine(tokens, sides)
    real = None if "Sequence" in head else tokens != 0
    if real is not None:
        answer, expected = answer * real[..., None], expected * real[..., None]
    same_file(tmp_path, mine, "electra.")
    prefix = "" if head == "Model" else "electra."
    pairs = [
        (f"{prefix}embeddings.word_embeddings.weight", "model.tokens.weight"),
        (f"{prefix}encoder.layer.1.output.LayerNorm.bias", "model.blocks.1.feed_forward_norm.bias"),
    ]
    if token_dim != 16:
        pairs.append((f"{prefix}embeddings_project.weight", "model.widened.weight"))
    compared(theirs, mine, answer, expected, pairs, real=real)


@pytest.mark.oracle("bert")
def test_features_of_distilbert(tmp_path):
    config = transformers.DistilBertConfig(
        vocab_size=23, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=12
    )
    theirs = saved(transformers.DistilBertModel(config), tmp_path)
    mine, tokens = ours(tmp_path), torch.randint(1, 23, (2, 9))
    same_file(tmp_path, mine, "distilbert.")
    pairs = [("embeddings.word_embeddings.weight", "model.tokens.weight")]
    compared(theirs, mine, mine(tokens), theirs(tokens)[0], pairs)


@pytest.mark.paper("bert")
@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("electra-small", 13_549_057),
        ("electra-base", 109_483_009),
        ("electra-large", 335_142_913),
    ],
)
def test_published_sizes(name, weights):
    """The base one is a count that others print of BERT with one output, which has its layers.

    The small and the large one were found nowhere: they follow from the published configurations,
    as transformers' class makes them of these.
    """
    with torch.device("meta"):
        model = build(name)
    assert sum(weight.numel() for weight in model.parameters()) == weights
