"""GGUF files of Gemma, Phi-3 and Qwen3 with experts give the models that transformers makes."""

import gguf as reference
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cartograd.architectures.pretrained.gguf import gguf
from cartograd.core.errors import UsageError
from tests.architectures.pretrained.test_gguf import put, words
from tests.architectures.transformer.test_decoder import exact_norms
from tests.reference import Reference

transformers = Reference("transformers")

DIM, HEADS, GROUPS, FFN, DEPTH, ROOM = 64, 4, 2, 24, 3, 64
OWN = {
    "gemma2": {
        "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 5,
        "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
    },
    "gemma3": {
        "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 5,
    },
    "phi3": {"rope.dimension_count": 16},
    "qwen3moe": {
        "attention.key_length": 128, "attention.value_length": 128, "expert_count": 3,
        "expert_used_count": 2, "expert_feed_forward_length": 768,
    },
}  # fmt: skip
"""What each family's header says more; sizes are those that transformers takes for granted."""


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    """Their numbers in the type that they are given."""
    softmax, single = F.softmax, torch.Tensor.float

    def exact(x, dim=None, _stacklevel=3, dtype=None):
        return softmax(x, dim, dtype=torch.float64 if x.dtype == torch.float64 else dtype)

    monkeypatch.setattr(F, "softmax", exact)
    monkeypatch.setattr(
        torch.Tensor, "float", lambda x: x if x.dtype == torch.double else single(x)
    )


def shapes(family, said, vocabulary):
    """Names of a file's tensors and their sizes."""
    width, d = said.get("attention.key_length", DIM // HEADS), DIM
    found = {"token_embd": (vocabulary, d), "output_norm": (d,)}
    if family in ("phi3", "qwen3moe"):
        found["output"] = (vocabulary, d)
    for i in range(said["block_count"]):
        layer = {"attn_norm": (d,), "attn_output": (d, width * HEADS), "ffn_norm": (d,)}
        if family == "phi3":
            layer["attn_qkv"] = (width * (HEADS + 2 * GROUPS), d)
            layer |= {"ffn_up": (2 * FFN, d), "ffn_down": (d, FFN)}
        else:
            layer["attn_q"] = (width * HEADS, d)
            layer |= {f"attn_{one}": (width * GROUPS, d) for one in "kv"}
        if family.startswith("gemma"):
            layer |= {"post_attention_norm": (d,), "post_ffw_norm": (d,)}
            layer |= {"ffn_gate": (FFN, d), "ffn_up": (FFN, d), "ffn_down": (d, FFN)}
        if family in ("gemma3", "qwen3moe"):
            layer |= {f"attn_{one}_norm": (width,) for one in "qk"}
        if family == "qwen3moe":
            n, wide = said["expert_count"], said["expert_feed_forward_length"]
            layer |= {"ffn_gate_inp": (n, d), "ffn_down_exps": (n, d, wide)}
            layer |= {f"ffn_{one}_exps": (n, wide, d) for one in ("gate", "up")}
        found |= {f"blk.{i}.{name}": shape for name, shape in layer.items()}
    return found


def toy(path, family, *, more=(), **values):
    """A file of a tiny model with random weights."""
    writer = reference.GGUFWriter(path, family)
    tokens, merges = words()
    said = {
        "block_count": 7 if family == "gemma3" else DEPTH, "context_length": ROOM,
        "embedding_length": DIM, "feed_forward_length": FFN, "attention.head_count": HEADS,
        "attention.head_count_kv": GROUPS, "vocab_size": len(tokens),
        "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 1e4,
    } | OWN[family] | values  # fmt: skip
    for name, value in said.items():
        if value is not None:
            put(writer, f"{family}.{name}", value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_pad_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    draw = np.random.default_rng(0)
    for name, shape in shapes(family, said, len(tokens)).items():
        one = len(shape) == 1
        # Sums with one that are exact in single precision, too.
        numbers = (draw.normal(size=shape) * 64).round() / 256 + one
        writer.add_tensor(f"{name}.weight", numbers.astype(np.float32))
    for name, array in more:
        writer.add_tensor(name, np.asarray(array, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def theirs(path, **changed):
    """The model of a file by transformers, with what its reader passes over."""
    load = transformers.AutoModelForCausalLM.from_pretrained
    made = load(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager")
    made.config._experts_implementation = "eager"
    for name, value in changed.items():
        setattr(made.config, name, value)
    made = exact_norms(made.double().eval())
    for part in made.modules():
        if type(part).__name__ == "Norm":  # theirs keep a header's 1e-5 in single precision
            part.eps = float(f"{part.eps:.6g}")
    return made


def same(path, **changed):
    """Both sides give the same logits of a text that is longer than windows."""
    ours, other = gguf(path).double(), theirs(path, **changed)
    tokens = torch.randint(0, 320, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = other(tokens, use_cache=False).logits
        torch.testing.assert_close(ours(tokens), expected, rtol=0, atol=1e-10)
    return ours


@pytest.mark.oracle("gguf")
@pytest.mark.parametrize("family", OWN)
def test_the_logits_are_those_of_transformers(tmp_path, family):
    ours = same(toy(tmp_path / "toy.gguf", family))
    assert (ours.model.head is None) == family.startswith("gemma")


@pytest.mark.oracle("gguf")
def test_windows_and_long_texts_of_phi(tmp_path):
    same(toy(tmp_path / "w.gguf", "phi3", **{"attention.sliding_window": 5}), sliding_window=5)
    factors = [("rope_factors_short.weight", [1.0, 1.5]), ("rope_factors_long.weight", [1.5, 4.0])]
    said = {"rope.dimension_count": 4, "rope.scaling.original_context_length": 16}
    path = toy(tmp_path / "l.gguf", "phi3", more=factors, **said)
    ours = gguf(path)
    assert ours.spec.args["share"] == 0.25
    assert (
        ours.spec.args["scaling"] == "longrope:factor=4.0,context=16,short=[1.0,1.5],long=[1.5,4.0]"
    )
    usual = float(np.sqrt(1 + np.log(4) / np.log(16)))
    for told, kept in ((usual, False), (1.2, True)):
        said["rope.scaling.attn_factor"] = told
        path = toy(tmp_path / f"{told}.gguf", "phi3", more=factors, **said)
        assert ("sharpness=1.2" in gguf(path).spec.args["scaling"]) == kept
    with pytest.raises(UsageError, match=r"holds rope_factors_short.weight alone"):
        gguf(toy(tmp_path / "s.gguf", "phi3", more=factors[:1], **said))


@pytest.mark.parametrize(
    ("family", "said", "settings"),
    [
        ("gemma2", {"attn_logit_softcapping": None}, {"attention_cap": 50.0, "output_cap": 30.0}),
        ("gemma2", {"final_logit_softcapping": 12.0}, {"output_cap": 12.0}),
        ("gemma2", {"block_count": 46}, {"scale": 16**-0.5}),
        ("gemma3", {"rope.freq_base_swa": 500.0}, {"local_base": 500.0}),
        ("gemma3", {"attention.sliding_window_pattern": 3}, {"reach": "wwf"}),
        ("gemma3", {"final_logit_softcapping": 12.0}, {"output_cap": 12.0}),
        ("qwen3moe", {"expert_used_count": 1}, {"k": 1}),
        ("phi3", {"attention.sliding_window": 0}, {"context": 64}),
    ],
)
def test_what_a_header_says(tmp_path, family, said, settings):
    found = gguf(toy(tmp_path / "toy.gguf", family, **said)).spec.args
    assert {key: found[key] for key in settings} == settings


@pytest.mark.parametrize(
    ("family", "said", "told"),
    [
        ("gemma2", {"expert_count": 8}, "gemma2.expert_count=8"),
        ("gemma2", {"attention.sliding_window": None}, "lacks gemma2.attention.sliding_window"),
        ("gemma3", {"attn_logit_softcapping": 50.0}, "gemma3.attn_logit_softcapping=50.0"),
        ("gemma3", {"attention.sliding_window_pattern": 0}, "sliding_window_pattern=0 cannot be"),
        ("phi3", {"rope.scaling.type": "yarn"}, "scaled by 'yarn'"),
        ("phi3", {"expert_count": 8}, "phi3.expert_count=8"),
        ("qwen3moe", {"expert_shared_count": 1}, "qwen3moe.expert_shared_count=1"),
        ("qwen3moe", {"expert_weights_scale": 2.0}, "expert_weights_scale=2.0"),
        ("qwen3moe", {"attention.sliding_window": 8}, "qwen3moe.attention.sliding_window=8"),
    ],
)
def test_what_is_not_understood_is_named(tmp_path, family, said, told):
    with pytest.raises(UsageError, match=told):
        gguf(toy(tmp_path / "toy.gguf", family, **said))
