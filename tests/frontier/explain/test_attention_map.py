"""Attention maps against what transformers gives out, rollout against the product by hand."""

import pytest
import torch

from cartograd.architectures.transformer.bert import BERT
from cartograd.architectures.transformer.gpt import GPT
from cartograd.architectures.transformer.transformer import Transformer
from cartograd.architectures.transformer.vit import ViT
from cartograd.core.errors import UsageError
from cartograd.frontier.explain.attention_map import attention_maps, attention_rollout, rollout
from tests.architectures.transformer.published import ours, saved

SIZES = {"dim": 8, "heads": 2, "depth": 2}


def references(path):
    transformers = pytest.importorskip("transformers")
    eager = {"attn_implementation": "eager"}
    bert = transformers.BertConfig(
        hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=24,
        vocab_size=23, max_position_embeddings=12, **eager,
    )  # fmt: skip
    gpt = transformers.GPT2Config(
        n_embd=16, n_head=2, n_layer=2, vocab_size=23, n_positions=12, bos_token_id=None,
        eos_token_id=None, **eager,
    )  # fmt: skip
    t5 = transformers.T5Config(
        d_model=16, num_heads=2, num_layers=2, d_kv=6, d_ff=24, vocab_size=23, **eager
    )
    return {
        "bert": lambda: saved(transformers.BertForMaskedLM(bert), path),
        "gpt": lambda: saved(transformers.GPT2LMHeadModel(gpt), path),
        "t5": lambda: saved(transformers.T5ForConditionalGeneration(t5), path),
    }


@pytest.mark.oracle("attention-rollout")
@pytest.mark.parametrize("name", ["bert", "gpt", "t5"])
def test_maps_equal_those_of_transformers(name, tmp_path):
    theirs = references(tmp_path)[name]()
    mine, tokens = ours(tmp_path), torch.randint(1, 23, (2, 9))
    if name == "t5":
        said = theirs(input_ids=tokens, decoder_input_ids=tokens[:, :5], output_attentions=True)
        # T5's norms are squared in float32 by transformers: hence only 1e-6 from there on
        pairs = zip(said.decoder_attentions, said.cross_attentions, strict=True)
        expected = [*said.encoder_attentions, *(one for pair in pairs for one in pair)]
        maps, near = attention_maps(mine, (tokens, tokens[:, :5])), 1e-6
    else:
        expected = theirs(tokens, output_attentions=True).attentions
        maps, near = attention_maps(mine, tokens), 1e-10
    assert len(maps) == len(expected)
    for one, other in zip(maps.values(), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=near, atol=near)


@pytest.mark.law("attention-rollout")
def test_rollout_is_the_product():
    model, tokens = BERT(vocabulary=11, **SIZES).double(), torch.randint(1, 11, (3, 6))
    maps = attention_maps(model, tokens)
    by_hand = torch.eye(6, dtype=torch.float64)
    for weights in maps.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights.sum(-1)))
        by_hand = (weights[1].mean(0) / 2 + torch.eye(6) / 2) @ by_hand
    rolled = rollout(list(maps.values()))
    torch.testing.assert_close(rolled[1], by_hand)
    torch.testing.assert_close(rolled.sum(-1), torch.ones(3, 6, dtype=torch.float64))
    assert torch.equal(attention_rollout(model, tokens), rolled[:, 0])


@pytest.mark.law("attention-rollout")
def test_who_is_not_looked_at_has_no_part():
    tokens = torch.tensor([[3, 4, 5, 0, 0]])
    part = attention_rollout(BERT(vocabulary=11, padding_id=0, **SIZES), tokens)
    assert (part[0, :3] > 0).all()
    assert not part[0, 3:].any()
    causal = attention_rollout(GPT(vocabulary=11, **SIZES), tokens)
    assert (causal > 0).all(), "the last position answers, and sees all before it"


@pytest.mark.law("attention-rollout")
@pytest.mark.parametrize("size", [8, 10])
def test_patches_are_spread_over_their_pixels(size):
    model = ViT(size=size, channels=3, classes=2, patch_size=4, **SIZES)
    x = torch.rand(2, 3, size, size)
    part = attention_rollout(model, x)
    rolled = rollout(list(attention_maps(model, x).values()))[:, 0]
    assert part.shape == x.shape
    torch.testing.assert_close(part[:, :, :4, :4].sum((1, 2, 3)), rolled[:, 1])
    side = -(-size // 4)
    torch.testing.assert_close(part[:, :, 4:8, :4].sum((1, 2, 3)), rolled[:, 1 + side])


class Fixed(torch.nn.Module):
    """A model whose second input is always the same."""

    def __init__(self, model, other):
        super().__init__()
        self.model, self.other = model, other

    def forward(self, x):
        return self.model(x, self.other)


@pytest.mark.parametrize(
    ("model", "inputs", "said"),
    [
        (torch.nn.Linear(2, 2), (torch.zeros(1, 2),), "Linear has no attention to show"),
        (
            Transformer(vocabulary=11, ffn_dim=8, **SIZES),
            (torch.ones(1, 3, dtype=torch.int64), torch.ones(1, 2, dtype=torch.int64)),
            "looks at several sequences",
        ),
    ],
)
def test_what_has_no_rollout(model, inputs, said):
    if len(inputs) > 1:
        model = Fixed(model, inputs[1])
    with pytest.raises(UsageError, match=said):
        attention_rollout(model, inputs[0])
