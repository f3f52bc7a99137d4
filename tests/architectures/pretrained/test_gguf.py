"""GGUF files give the models and tokenizers that transformers makes of them."""

import json

import gguf as reference
import numpy as np
import pytest
import tokenizers
import torch

from cartograd.apps.answers.writer import ends
from cartograd.apps.load.pretrained import import_
from cartograd.apps.load.target import as_bundle
from cartograd.apps.verbs.predict import predict
from cartograd.architectures.pretrained import hf_llama
from cartograd.architectures.pretrained.gguf import gguf, spec_of
from cartograd.architectures.pretrained.published_config import settled
from cartograd.architectures.pretrained.smollm2 import FILE, smollm2
from cartograd.core.errors import UsageError
from cartograd.core.key_map_inverse import written
from cartograd.data.gguf.reader import GGUF
from cartograd.data.gguf.tokenizer import WORDS, tokenizer_of
from cartograd.data.store import packages
from tests.reference import Reference

transformers = Reference("transformers")

QUANT = reference.GGMLQuantizationType
TEXTS = [
    "The capital of France is", "It's 12345 o'clock, they'll say", "  two  spaces\n\nnew line ",
    "naïve 中文 😀", "<|im_start|>user\nHi<|im_end|>\n",
]  # fmt: skip
SIZES = {"dim": 32, "heads": 4, "groups": 2, "ffn_dim": 64, "depth": 2}


def words():
    """A small vocabulary of byte-level BPE with three tokens of control."""
    made = tokenizers.Tokenizer(tokenizers.models.BPE())
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=320,
        show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(TEXTS * 3, trainer)
    model = json.loads(made.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return tokens, [" ".join(merge) for merge in model["merges"]]


OTHERS = ("general", "tokenizer", "split", "adapter", "quantize")
"""What names begin with that are not the family's."""


def put(writer, name, value):
    """A value under a name, in the type that converters write."""
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    elif isinstance(value, list):
        writer.add_array(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    else:
        writer.add_uint32(name, value)


def toy(path, *, family="llama", kind="F32", skip=(), pre="smollm", more=(), base=1e4, **values):
    """A file of a tiny model with random weights."""
    writer = reference.GGUFWriter(path, family)
    tokens, merges = words()
    d, h, g, f = (SIZES[name] for name in ("dim", "heads", "groups", "ffn_dim"))
    numbers = {
        "block_count": SIZES["depth"], "context_length": 64, "embedding_length": d,
        "feed_forward_length": f, "attention.head_count": h, "attention.head_count_kv": g,
        "vocab_size": len(tokens),
    } | values  # fmt: skip
    for name, value in numbers.items():
        if value is not None:
            put(writer, name if name.startswith(OTHERS) else f"{family}.{name}", value)
    writer.add_float32(f"{family}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32(f"{family}.rope.freq_base", base)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}")
    shapes = {"token_embd.weight": (len(tokens), d), "output_norm.weight": (d,)}
    width = values.get("attention.key_length", d // h)
    for i in range(SIZES["depth"]):
        shapes |= {
            f"blk.{i}.attn_norm.weight": (d,), f"blk.{i}.ffn_norm.weight": (d,),
            f"blk.{i}.attn_q.weight": (width * h, d), f"blk.{i}.attn_k.weight": (width * g, d),
            f"blk.{i}.attn_v.weight": (width * g, d), f"blk.{i}.attn_output.weight": (d, width * h),
            f"blk.{i}.ffn_gate.weight": (f, d), f"blk.{i}.ffn_up.weight": (f, d),
            f"blk.{i}.ffn_down.weight": (d, f),
        }  # fmt: skip
        if family == "qwen3":
            shapes |= {f"blk.{i}.attn_{n}_norm.weight": (width,) for n in "qk"}
        if family == "qwen2":
            shapes |= {f"blk.{i}.attn_q.bias": (d,)}
            shapes |= {f"blk.{i}.attn_{n}.bias": (d * g // h,) for n in "kv"}
    draw = np.random.default_rng(0)
    for name, shape in shapes.items():
        if name in skip:
            continue
        numbers = draw.normal(size=shape).astype(np.float32) / 4
        if len(shape) == 1 or kind == "F32":
            writer.add_tensor(name, numbers)
        else:
            packed = reference.quants.quantize(numbers, QUANT[kind])
            writer.add_tensor(name, packed, raw_dtype=QUANT[kind])
    for name, array in more:
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def theirs(path):
    """The model of a file by transformers."""
    load = transformers.AutoModelForCausalLM.from_pretrained
    made = load(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    for module in list(made.modules()):
        for name, norm in list(module.named_children()):
            if type(norm).__name__.endswith("RMSNorm"):  # theirs round to float32
                own = torch.nn.RMSNorm(norm.weight.shape, eps=norm.variance_epsilon)
                own.weight = norm.weight
                setattr(module, name, own)
    return made


@pytest.mark.oracle("gguf")
@pytest.mark.parametrize(
    ("family", "kind"),
    [("llama", "F32"), ("llama", "Q8_0"), ("llama", "Q4_1"), ("qwen2", "Q8_0"), ("qwen3", "Q8_0")],
)
def test_the_logits_are_those_of_transformers(tmp_path, family, kind):
    own = {f"attention.{part}_length": 128 for part in ("key", "value")}  # theirs have no other
    path = toy(tmp_path / "toy.gguf", family=family, kind=kind, **own if family == "qwen3" else {})
    ours, reference_ = gguf(path).double(), theirs(path).double()
    tokens = torch.randint(0, 320, (2, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), reference_(tokens).logits, rtol=0, atol=1e-10)
    assert ours.model.head is None


CHANGES = {
    "context_length": 32, "rope.dimension_count": 8, "rope.dimension_count ": 4,
    "attention.key_length": 8, "attention.value_length": 16, "attention.sliding_window": 8,
    "attention.sliding_window ": 64, "attn_logit_softcapping": 50.0, "attention.scale": 0.5,
    "final_logit_softcapping": 30.0, "expert_count": 1.5, "expert_count ": 0, "logit_scale": 0.25,
    "rope.scaling.type": "linear", "rope.scaling.attn_factor": 1.2, "attention.causal": False,
    "rope.scaling.finetuned": True, "attention.clamp_kqv": 8.0, "use_parallel_residual": True,
    "vocab_size": 300, "something_new": 1, "block_count": 1.5, "general.type": "adapter",
    "general.type ": "model", "general.name": "a toy", "general.quantized_by": "somebody",
    "split.count": 3, "split.count ": 1, "adapter.type": "lora", "quantize.imatrix.file": "x",
    "tokenizer.ggml.precompiled_charsmap": [1, 2], "tokenizer.ggml.remove_extra_whitespaces": True,
    "tokenizer.ggml.remove_extra_whitespaces ": False, "tokenizer.ggml.fim_pre_token_id": 5,
    "tokenizer.chat_template.tool_use": "no", "tokenizer.ggml.add_sep_token": True,
}  # fmt: skip
"""Values beside the usual ones; a blank behind a key tells two apart."""

REFUSED = """
rope.dimension_count_ attention.value_length attention.sliding_window attn_logit_softcapping
attention.scale final_logit_softcapping expert_count logit_scale rope.scaling.attn_factor
attention.causal attention.clamp_kqv use_parallel_residual vocab_size something_new block_count
general.type split.count adapter.type tokenizer.ggml.precompiled_charsmap
tokenizer.ggml.remove_extra_whitespaces tokenizer.ggml.add_sep_token
""".split()  # noqa: SIM905  a list of twenty words
"""Changes that ours cannot follow; all others are equal."""


@pytest.mark.oracle("gguf")
@pytest.mark.parametrize("key", CHANGES)
def test_one_key_is_equal_or_refused_by_name(tmp_path, key):
    value, name = CHANGES[key], key.strip()
    more = {"rope.scaling.factor": 2.0} if name == "rope.scaling.type" else {}
    path = toy(tmp_path / "toy.gguf", **{name: value}, **more)
    if key.replace(" ", "_") in REFUSED:
        with pytest.raises(UsageError, match=rf"{name}="):
            gguf(path)
        return
    ours, reference_ = gguf(path).double(), theirs(path).double()
    if more:  # transformers passes this key over
        tables = reference_.model.rotary_emb
        tables.inv_freq = tables.inv_freq.double() / 2
    tokens = torch.randint(0, 320, (1, 17), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), reference_(tokens).logits, rtol=0, atol=1e-10)


def test_how_to_draw_is_left_to_the_caller(tmp_path):
    path = toy(tmp_path / "toy.gguf", **{"general.sampling.temp": 0.5})
    with pytest.warns(UserWarning, match=r"how to draw tokens \(temp=0\.5\): that is left to you"):
        gguf(path)


def test_an_answer_ends_with_a_turn(tmp_path):
    path = toy(tmp_path / "toy.gguf", **{"tokenizer.ggml.eot_token_id": 7})
    assert ends(tokenizer_of(GGUF(path))) == {0, 2, 7}  # <|endoftext|> and <|im_end|> as ever
    with pytest.raises(UsageError, match="would be number 999"):
        tokenizer_of(GGUF(toy(tmp_path / "more.gguf", **{"tokenizer.ggml.eom_token_id": 999})))


@pytest.mark.parametrize("text", ["Hi<|im_end|>", "<|im_start|>system", "<|<|im_end|>im_end|>"])
def test_a_message_never_becomes_a_control_token(tmp_path, text):
    made = tokenizer_of(GGUF(toy(tmp_path / "toy.gguf")))
    numbers = made.chat_numbers(text)
    assert [number for number in numbers if number < 3] == [1]  # the template's own
    assert text in made.decode(numbers, special=True)


def test_an_output_of_its_own(tmp_path):
    rows = np.ones((320, 32), np.float32)
    made = gguf(toy(tmp_path / "toy.gguf", more=[("output.weight", rows)]))
    assert torch.equal(made.model.head.weight, torch.ones(320, 32))


def test_a_file_that_does_not_fit_is_refused_before_there_is_memory_for_it(tmp_path):
    path = toy(tmp_path / "toy.gguf", embedding_length=2**20)
    with pytest.raises(
        UsageError, match=r"'token_embd.weight' becomes 'embedding.weight' of shape"
    ):
        gguf(path)


def test_slowed_clocks_are_recognised(tmp_path):
    """What llama.cpp writes for Llama 3.1 and later: how much slower each clock goes."""
    clocks = 5e5 ** (-np.arange(0, 8, 2) / 8)
    share = (8192 * clocks / (2 * np.pi) - 1) / 3
    factors = 1 / ((1 - share) / 32 + share).clip(1 / 32, 1)
    for more, told in ((1, "llama3:factor=32,context=8192"), (1.5, None)):
        rows = (factors * np.array([1, 1, more, 1])).astype(np.float32)
        path = toy(tmp_path / f"{more}.gguf", base=5e5, more=[("rope_freqs.weight", rows)])
        if told:
            assert gguf(path).spec.args["scaling"] == told
            continue
        with pytest.raises(UsageError, match=r"'rope_freqs.weight' is not what Llama 3 does"):
            gguf(path)


@pytest.mark.parametrize("pre", ["gpt-2", "smollm", "llama-bpe", "qwen2"])
def test_the_tokenizer_is_there_and_back(tmp_path, pre):
    made = tokenizer_of(GGUF(toy(tmp_path / "toy.gguf", pre=pre)))
    for text in TEXTS:
        numbers = made.encode(text)
        assert made.decode(numbers, special=True) == text
    assert (made.begin, made.end, made.padding, made.vocabulary) == (1, 2, None, 320)
    assert made.encode("<|im_start|>a")[0] == 1
    assert made.chat("Hi") == "<|im_start|>Hi"
    digits = len(made.encode("12345"))
    assert digits == 5 if pre in ("smollm", "qwen2") else digits < 5


def test_predict_says_the_next_token(tmp_path):
    path = toy(tmp_path / "toy.gguf")
    bundle = as_bundle(import_(f"gguf:{path}", tmp_path / "bundle"))
    long, short = predict(bundle, ["The capital of France", "The"], top=2)
    assert long["probability"] <= 1
    alone = predict(bundle, ["The"], top=2)[0]
    assert short["label"] == alone["label"]
    with pytest.raises(UsageError, match=r"more than this model's context of 64"):
        predict(bundle, ["a " * 99])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"family": "falcon"}, r"unknown architecture in .*toy\.gguf: 'falcon'"),
        ({"embedding_length": None}, "its header lacks llama.embedding_length"),
        ({"expert_count": 8}, "its header lacks llama.expert_used_count"),
        ({"expert_count": 10**9, "expert_used_count": 2}, "asks for experts=1000000000, and there"),
        ({"skip": ["blk.1.ffn_up.weight"]}, "lacks 'blocks.1.feed_forward.up.weight'"),
        ({"feed_forward_length": 96}, r"'blk.0.ffn_gate.weight' becomes .* expects shape \(96, 32"),
        ({"more": [("blk.0.new", np.ones(3, np.float32))]}, r"nothing is known of 'blk.0.new'"),
        ({"pre": "smollm3"}, "'smollm3'; did you mean 'smollm'"),
        ({"rope.scaling.type": "yarn"}, "scaled by 'yarn' cannot be read"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_written(tmp_path, change, told):
    path = toy(tmp_path / "toy.gguf", **change)
    with pytest.raises(UsageError, match=told):
        import_(f"gguf:{path}", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_every_way_to_cut_words_is_one_of_the_package():
    for rule in WORDS.values():
        import json

        tokenizers.pre_tokenizers.PreTokenizer.custom  # noqa: B018
        document = {
            "version": "1.0",
            "pre_tokenizer": rule,
            "model": {"type": "BPE", "vocab": {}, "merges": []},
        }
        tokenizers.Tokenizer.from_str(json.dumps(document))


@pytest.fixture(scope="module")
def fetched():
    """The real file, where it has been fetched."""
    try:
        return packages.where("smollm2") / FILE
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def smol(fetched):
    """Read once: unpacking takes seconds."""
    return smollm2()


@pytest.mark.oracle("smollm2")
def test_smollm2_is_the_model_of_transformers(smol):
    """With the unpacked weights, which `tests/data/gguf/test_reader.py` compares bit for bit."""
    sizes = smol.spec.args
    config = {
        "vocab_size": sizes["vocabulary"], "hidden_size": sizes["dim"],
        "num_hidden_layers": sizes["depth"], "num_attention_heads": sizes["heads"],
        "num_key_value_heads": sizes["kv_heads"], "intermediate_size": sizes["ffn_dim"],
        "rms_norm_eps": sizes["eps"], "tie_word_embeddings": True, "rope_theta": sizes["base"],
    }  # fmt: skip
    reference_ = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config)).eval()
    table = hf_llama.KEYS(settled(config | {"model_type": "llama"}, hf_llama.READS))
    state = written(smol.model.state_dict(), table, source="transformers")
    assert reference_.load_state_dict(state, strict=False).missing_keys == ["lm_head.weight"]
    tokens = torch.tensor([smol.tokenizer.encode(TEXTS[0] + " Paris. The capital of Italy is")])
    with torch.no_grad():
        torch.testing.assert_close(smol(tokens), reference_(tokens).logits, rtol=0, atol=1e-4)


@pytest.mark.paper("smollm2")
def test_smollm2_has_its_size_and_knows_the_capital(fetched, smol):
    assert str(spec_of(GGUF(fetched))).startswith("llama:vocabulary=49152,dim=576,depth=30")
    assert sum(p.numel() for p in smol.parameters()) == 134_515_008
    assert predict(smol, "The capital of France is", top=1)[0]["label"] == " Paris"
    talk = smol.tokenizer.chat("Hi")
    assert talk.endswith("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n")
