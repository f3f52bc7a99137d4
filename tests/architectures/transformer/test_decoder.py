"""The decoder against transformers' models of each family, through their own files."""

import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.decoding.beam import beam_search
from cartograd.architectures.decoding.generate import generate, left_padded
from cartograd.architectures.pretrained.hf import described, hf
from cartograd.architectures.pretrained.published_folder import tensors_of
from cartograd.architectures.transformer.decoder import Decoder
from cartograd.core import registry
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.key_map_inverse import written
from tests.reference import Reference

transformers = Reference("transformers")

SMALL = {
    "vocab_size": 37, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None,
}  # fmt: skip
GEMMA = {"head_dim": 6, "query_pre_attn_scalar": 9, "sliding_window": 5}
LONG = {
    "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0, 1.5],
    "long_factor": [1.5, 4.0],
}  # fmt: skip

MOE = {"moe_intermediate_size": 10, "num_experts": 5, "num_experts_per_tok": 2}

FORMS = {
    "qwen3": ("Qwen3", {"head_dim": 6}),
    "qwen3, late windows": ("Qwen3", {
        "head_dim": 6, "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1,
        "tie_word_embeddings": True, "attention_bias": True,
    }),
    "qwen2, late windows": ("Qwen2", {
        "use_sliding_window": True, "sliding_window": 5, "max_window_layers": 2,
    }),
    "llama, dynamic": ("Llama", {
        "max_position_embeddings": 12,
        "rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0},
    }),
    "gemma2": ("Gemma2", GEMMA | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}),
    "gemma3": ("Gemma3Text", GEMMA | {"sliding_window_pattern": 3}),
    "gemma3, linear": ("Gemma3Text", GEMMA | {"sliding_window_pattern": 2, "rope_parameters": {
        "full_attention": {"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }}),
    "phi3": ("Phi3", {"sliding_window": 7}),
    "phi3, long": ("Phi3", {"original_max_position_embeddings": 16, "rope_parameters": LONG}),
    "phi4": ("Phi3", {
        "original_max_position_embeddings": 64, "tie_word_embeddings": True, "hidden_size": 32,
        "rope_parameters": LONG | {"partial_rotary_factor": 0.5},
    }),
    "smollm3": ("SmolLM3", {"num_hidden_layers": 4}),
    "smollm3, windows": ("SmolLM3", {
        "no_rope_layers": [1, 0, 1], "use_sliding_window": True, "sliding_window": 5,
        "attention_bias": True, "tie_word_embeddings": False,
    }),
    "olmo2": ("Olmo2", {"attention_bias": True}),
    "mixtral": ("Mixtral", {"head_dim": 6, "num_local_experts": 5, "sliding_window": 6}),
    "qwen3, experts": ("Qwen3Moe", MOE | {"norm_topk_prob": True}),
    "qwen3, other experts": ("Qwen3Moe", MOE | {"head_dim": 6, "attention_bias": True}),
    "qwen3, single parts": ("Qwen3Moe", MOE | {
        "mlp_only_layers": [0], "decoder_sparse_step": 2, "intermediate_size": 26,
        "num_hidden_layers": 4,
    }),
    "gpt-oss": ("GptOss", {
        "head_dim": 6, "num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": 5,
    }),
}  # fmt: skip
"""Each family's model, and what differs from `SMALL`."""

HEADS = {"Gemma3Text": "Gemma3"}
"""Whose models are called otherwise than their configuration."""


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    """Their numbers in the type that they are given: some parts of theirs ask for float32."""
    softmax = F.softmax

    def exact(x, dim=None, _stacklevel=3, dtype=None):
        return softmax(x, dim, dtype=torch.float64 if x.dtype == torch.float64 else dtype)

    single = torch.Tensor.float
    monkeypatch.setattr(F, "softmax", exact)
    monkeypatch.setattr(
        torch.Tensor, "float", lambda x: x if x.dtype == torch.double else single(x)
    )


def pair(form, folder, head="CausalLM", **more):
    """Their model with random weights, and ours read from the folder that it was saved to."""
    family, own = FORMS[form]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**SMALL | own | more)
    config._attn_implementation = config._experts_implementation = "eager"
    theirs = getattr(transformers, f"{HEADS.get(family, family)}For{head}")(config).eval()
    for name, weight in theirs.named_parameters():
        with torch.no_grad():
            drawn = torch.randn_like(weight)
            if "norm" in name:  # one more than it is a number of single precision, too
                weight.copy_((drawn * 64).round() / 256 + (not family.startswith("Gemma")))
            else:
                weight.copy_(drawn * 0.3)
    theirs.save_pretrained(folder)
    return exact_norms(theirs.double()), hf(folder).model.double()


def exact_norms(theirs):
    """Their model with torch's norms: its own round to float32."""
    for part in list(theirs.modules()):
        for name, norm in part.named_children():
            if type(norm).__name__.endswith("RMSNorm"):
                setattr(part, name, Norm(norm))
    return theirs


class Norm(torch.nn.Module):
    """A norm of theirs, in the type that it is given."""

    def __init__(self, theirs):
        super().__init__()
        self.weight = theirs.weight
        gemma = type(theirs).__name__.startswith("Gemma")
        self.more, self.eps = float(gemma), theirs.eps if gemma else theirs.variance_epsilon

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight + self.more, self.eps)


@pytest.mark.oracle("decoder")
@pytest.mark.parametrize("form", FORMS)
def test_equals_transformers_with_gradients(form, tmp_path):
    theirs, ours = pair(form, tmp_path)
    assert sum(w.numel() for w in ours.parameters()) == theirs.num_parameters()
    tokens = torch.randint(37, (2, 24))
    z, expected = ours(tokens), theirs(tokens, use_cache=False).logits
    torch.testing.assert_close(z, expected, rtol=0, atol=1e-10)
    weights = torch.randn_like(z)
    (z * weights).sum().backward()
    (expected * weights).sum().backward()
    family, config, _ = described(tmp_path)
    grads = {name: weight.grad for name, weight in ours.named_parameters()}
    mine = written(grads, plain(family.KEYS(config)), source="gradients")
    other = their_gradients(theirs, tmp_path / "gradients")
    assert mine.keys() == other.keys()
    for name, grad in mine.items():
        torch.testing.assert_close(grad, other[name], rtol=1e-9, atol=1e-10)


def their_gradients(theirs, folder):
    """By the names of their files, in which experts lie apart: saved as if they were weights."""
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.copy_(weight.grad)
    theirs.save_pretrained(folder)
    return tensors_of(folder)


def plain(table):
    """A key map for gradients: what is added to weights is not added to them."""
    return [row[:2] if len(row) > 2 and isinstance(row[1], str) else row for row in table]


@pytest.mark.oracle("decoder")
@pytest.mark.parametrize("form", FORMS)
def test_goes_back_to_their_names(form, tmp_path):
    _, ours = pair(form, tmp_path)
    family, config, file = described(tmp_path)
    back = written(ours.state_dict(), family.KEYS(config), source="a folder")
    assert set(back) == set(file)
    assert all(torch.equal(back[name], tensor.double()) for name, tensor in file.items())


@pytest.mark.oracle("decoder")
@pytest.mark.parametrize("form", FORMS)
def test_writes_what_transformers_writes(form, tmp_path):
    """Greedily beside others, padded at the left, and by beams."""
    theirs, ours = pair(form, tmp_path)
    prompts = [torch.randint(3, 37, (n,)).tolist() for n in (9, 3)]
    tokens, starts = left_padded(prompts)
    mask = (torch.arange(9) >= starts[:, None]).long()
    how = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0}
    expected = theirs.generate(tokens.clamp(min=0), attention_mask=mask, **how)[:, 9:]
    found = generate(ours.decoder(2, 30, starts=starts), tokens, starts, length=12, stop=(2,))
    assert found == [until_its_end(row) for row in expected.tolist()]
    alone = {"attention_mask": mask[:1], "num_beams": 3, "early_stopping": True}
    [best] = theirs.generate(tokens[:1], **how | alone)[:, 9:].tolist()
    [answers] = beam_search(
        ours.decoder(1, 30), tokens[:1], length=12, beams=3, stop=(2,), ending="full"
    )
    assert list(answers[0].tokens) == until_its_end(best)


def until_its_end(tokens):
    return tokens[: tokens.index(2) + 1] if 2 in tokens else tokens


@pytest.mark.law("decoder")
@pytest.mark.parametrize("reach", ["f", "w", "wwf", "nm"])
@pytest.mark.parametrize("pieces", [[1] * 20, [7, 1, 1, 5, 6], [3, 17]])
@torch.no_grad()
def test_read_in_pieces_it_is_the_same(reach, pieces):
    ours = model(reach=reach, attention_cap=3.0, attention_sinks=True, experts=3)
    tokens = torch.randint(37, (3, 20))
    decoder = ours.decoder(3, 20)
    z = torch.cat([decoder.read(piece) for piece in tokens.split(pieces, 1)], 1)
    torch.testing.assert_close(z, ours(tokens), rtol=0, atol=1e-10)


@pytest.mark.law("decoder")
@torch.no_grad()
def test_where_angles_change_the_text_is_read_again():
    """Beyond the trained length, and back; the rows in another order."""
    ours = model(scaling="longrope:factor=4,context=10,short=[1,1],long=[2,5]")
    tokens = torch.randint(37, (3, 20))
    decoder, order = ours.decoder(3, 20), torch.tensor([2, 0, 0])
    decoder.read(tokens[:, :6])
    decoder.reorder(order)
    tokens = tokens[order]
    for place in range(6, 20):
        z = decoder.read(tokens[:, place : place + 1])
        torch.testing.assert_close(z[:, 0], ours(tokens[:, : place + 1])[:, -1], rtol=0, atol=1e-10)
    decoder.rewind(8)
    z = decoder.read(tokens[:, 8:10])
    torch.testing.assert_close(z, ours(tokens[:, :10])[:, 8:], rtol=0, atol=1e-10)


@pytest.mark.law("decoder")
@torch.no_grad()
def test_a_window_as_long_as_the_text_is_none():
    tokens = torch.randint(37, (2, 12))
    for window in (12, 13, 40):
        whole, windowed = (model(reach=reach, window=window)(tokens) for reach in "fw")
        torch.testing.assert_close(windowed, whole, rtol=0, atol=1e-12)
    assert not torch.allclose(model(reach="w", window=11)(tokens)[:, -1], whole[:, -1])


def model(**args):
    """A small one in double precision, the same weights for the same sizes."""
    torch.manual_seed(0)
    size = {"vocabulary": 37, "dim": 16, "depth": 3, "heads": 4, "kv_heads": 2, "ffn_dim": 24}
    made = Decoder(**size | {"context": 64, "window": 5} | args).double().eval()
    for name, weight in made.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.3)
    return made


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ("reach=x", "expected letters of f, w, n and m"),
        ("reach=wf", "say how wide they are"),
        ("activation=clamped", "experts=None; expected swiglu or geglu without experts"),
        ("experts=2,k=3", "k=3 of experts=2"),
        ("experts=2,mixture=ex", "expected letters of e and d"),
        ("mixture=ed", "single parts stand beside experts"),
        ("scaling=dynamic", "expected dynamic with context, factor"),
        ("share=0.4", "expected pairs"),
        ("heads=3", "has to divide heads=3"),
    ],
)
def test_settings_that_cannot_be(args, told):
    with pytest.raises(UsageError, match=told):
        build(f"decoder:dim=16,kv_heads=2,heads=4,{args}" if "heads=" not in args else
              f"decoder:dim=16,kv_heads=2,{args}")  # fmt: skip


PUBLISHED = {
    "qwen3-0.6b": 596_049_920,
    "qwen3-8b": 8_190_735_360,
    "gemma-2-2b": 2_614_341_888,
    "gemma-3-1b": 999_885_952,
    "phi-3-mini-4k": 3_821_079_552,
    "smollm3-3b": 3_075_098_624,
    "olmo-2-7b": 7_298_617_344,
    "mixtral-8x7b": 46_702_792_704,
    "gpt-oss-20b": 20_914_757_184,
}
"""Weights of published models, as their safetensors files count them.

Looked up, all of them: totals of the publishers' files, as programs quote them that read these (of
Mixtral, Gemma 3 and Phi-3 KerasHub's presets, too), and not worked out from our settings.
"""


@pytest.mark.paper("decoder")
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes(name):
    with torch.device("meta"):
        made = build(name)
    assert sum(weight.numel() for weight in made.parameters()) == PUBLISHED[name]
    assert set(registry.find("decoder")[0].presets) == set(PUBLISHED)


@pytest.mark.paper("decoder")
def test_the_published_size_of_qwen3_with_experts():
    """30B-A3B, of which one layer is as large as any other: 48 of them take seconds to make."""
    sizes = (
        "decoder:vocabulary=151936,dim=2048,heads=32,kv_heads=4,head_dim=128,ffn_dim=768,"
        "qk_norm=head,experts=128,k=8"
    )
    with torch.device("meta"):
        one, two = (
            sum(weight.numel() for weight in build(f"{sizes},depth={depth}").parameters())
            for depth in (1, 2)
        )
    assert one + 47 * (two - one) == 30_532_122_624
