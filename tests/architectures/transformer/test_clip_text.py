import pytest
import torch

from cartograd.architectures.transformer.clip_text import CLIPText
from cartograd.core.errors import UsageError


def takes(n):
    """Rows of tokens."""
    return (torch.randint(7, (n, 5), generator=torch.Generator().manual_seed(1)),)


PARTS = (
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.out", "self_attn.out_proj"),
    ("attention_norm", "layer_norm1"),
    ("feed_forward_norm", "layer_norm2"),
    ("feed_forward.up", "mlp.fc1"),
    ("feed_forward.down", "mlp.fc2"),
)


def theirs_named(name):
    """What transformers calls a weight of ours."""
    for ours, theirs in PARTS:
        name = name.replace(f".{ours}.", f".{theirs}.")
    fixed = {"tokens": "embeddings.token_embedding", "positions": "embeddings.position_embedding",
             "norm": "final_layer_norm", "blocks": "encoder.layers"}  # fmt: skip
    first, _, rest = name.partition(".")
    return f"{fixed[first]}.{rest}"


@pytest.mark.place("diffusion/latent")
@pytest.mark.oracle("clip-text")
def test_clip_texts_are_those_of_transformers():
    clip = pytest.importorskip("transformers.models.clip")
    torch.manual_seed(0)
    config = clip.CLIPTextConfig(
        vocab_size=11, hidden_size=8, intermediate_size=12, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=6, eos_token_id=10, bos_token_id=9,
    )  # fmt: skip
    theirs = clip.CLIPTextModel(config).double().eval()
    ours = CLIPText(vocabulary=11, context=6, dim=8, heads=2, depth=2, ffn_dim=12).double()
    weights = {name.removeprefix("text_model."): w for name, w in theirs.named_parameters()}
    assert {theirs_named(name) for name in ours.state_dict()} == set(weights)
    ours.load_state_dict({name: weights[theirs_named(name)] for name in ours.state_dict()})
    tokens = torch.randint(9, (3, 6))
    answer, expected = ours(tokens), theirs(tokens).last_hidden_state
    torch.testing.assert_close(answer, expected, rtol=1e-10, atol=1e-10)
    answer.square().sum().backward()
    expected.square().sum().backward()
    for name, weight in ours.named_parameters():
        right = weights[theirs_named(name)].grad
        torch.testing.assert_close(weight.grad, right, rtol=1e-10, atol=1e-10)


@pytest.mark.law("clip-text")
def test_a_place_sees_nothing_behind_it():
    model = CLIPText(vocabulary=7, context=5, dim=8, heads=2, depth=2)
    tokens = torch.tensor([[1, 2, 3, 4, 5], [1, 2, 3, 6, 0]])
    first, second = model(tokens)
    assert torch.equal(first[:3], second[:3])
    assert (first[3:] - second[3:]).abs().min() > 0
    with pytest.raises(UsageError, match="6 tokens are more than the 5"):
        model(torch.zeros(1, 6, dtype=torch.int64))


@pytest.mark.place("diffusion/latent")
@pytest.mark.paper("clip-text")
def test_the_published_encoder_has_its_count():
    with torch.device("meta"):
        model = CLIPText()
    assert sum(one.numel() for one in model.parameters()) == 123_060_480
