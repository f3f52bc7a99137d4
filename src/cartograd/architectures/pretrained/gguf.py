r"""Models in GGUF files, as llama.cpp keeps them: sizes, weights, tokenizer and chat template.

The family stands in `general.architecture`; LLaMA and Qwen2 are known, which our LLaMA holds, and
Qwen3 (also with experts), Gemma 2 and 3, Phi-3 and gpt-oss, which are settings of a `decoder`. So
is a LLaMA with experts, which is Mixtral.
Quantised weights become float32. For LLaMA the rows of queries and keys were put in an order in
which the two numbers of a rotation are neighbours; they are put back, head by head.

Shapes: tokens `b t`; logits `b t v` of the token after each.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

>>> gguf("no/such/file")
Traceback (most recent call last):
cartograd.core.errors.UsageError: cannot read no/such/file: No such file or directory
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.gguf_families import (
    FACTORS,
    OWN,
    SLOWED,
    experts,
    rows,
    settings,
)
from cartograd.architectures.pretrained.gguf_header import check_header
from cartograd.architectures.transformer.rotary import Rotary
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.key_map import Table, unpaired
from cartograd.core.outline import check_sizes
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.gguf.reader import GGUF, Headed
from cartograd.data.gguf.tokenizer import tokenizer_of

CARD = Card(
    name="gguf",
    kind="weights",
    entry="gguf",
    title="GGUF file",
    zh="GGUF 文件",
    proofs=(
        "oracle: transformers on the same files, quantised or not, and with keys changed one by "
        "one: logits to 1e-10 in float64, or refused by name",
        "oracle: transformers' gpt-oss with the numbers that the package `gguf` reads, experts in "
        "four bits: logits to 1e-10 in float64",
        "law: the older layout of a Mixtral, with its experts apart, is the same model to the bit",
    ),
)

FAMILIES = {"llama": "", "qwen2": "qkv"}
"""What our LLaMA holds, and which projections of its attention add a bias."""

SIZES = {
    "dim": "embedding_length", "depth": "block_count", "heads": "attention.head_count",
    "ffn_dim": "feed_forward_length", "context": "context_length",
}  # fmt: skip
"""What our settings are called under the family's name; both ways go by it."""

FREQUENCIES = "rope_freqs.weight"
"""By how much each rotary frequency is lowered (Llama 3.1 and later)."""

TRAINED = 8192
"""The context that Llama 3 was trained on before its rotary frequencies were lowered."""


def gguf(path: str | Path, /) -> Signed:
    """The language model of a GGUF file, with its tokenizer.

    Args:
        path: the file.

    Raises:
        UsageError: the file is damaged, of an unknown family, or holds an unknown type of numbers.
    """
    file = GGUF(path)
    spec, tensors = spec_of(file), file.tensors()
    for name in (FREQUENCIES, *FACTORS.values()):
        tensors.pop(name, None)
    check_sizes(spec, tensors, str(path))  # a table has a name for each expert
    size = spec.args["vocabulary"]
    text = Port("text", "text", ("t",), "int64", (0, size - 1))
    output = Port("next token", "label", ("t", size), task="next-token")
    return filled(
        spec, Signature((text,), (output,)), tensors,
        keys(file.values, spec), source=str(path), tokenizer=tokenizer_of(file),
    )  # fmt: skip


def spec_of(file: Headed, /) -> Spec:
    """How our model is made, from the header.

    Raises:
        UsageError: a value is missing, or asks for what our LLaMA has not.
    """
    family = file.values.get("general.architecture")
    if family not in (*FAMILIES, *OWN):
        raise unknown(f"architecture in {file.path}:", str(family), (*FAMILIES, *OWN))
    check_header(file, family)
    said = _Said(file, family)
    kind = said("rope.scaling.type", "none")
    if kind not in ("none", "linear", *SLOWED.get(family, ())):
        raise UsageError(f"{file.path}: rotary positions scaled by {kind!r} cannot be read")
    args: dict[str, Any] = {
        "vocabulary": file.entries["token_embd.weight"].shape[0]
        if "token_embd.weight" in file.entries
        else said("vocab_size"),
        **{ours: said(theirs) for ours, theirs in SIZES.items()},
        "kv_heads": said("attention.head_count_kv", said("attention.head_count")),
        "base": round(said("rope.freq_base", 10_000.0), 6),
        "biases": FAMILIES.get(family, ""),
        "tied": "output.weight" not in file.entries,
        "eps": _decimal(said("attention.layer_norm_rms_epsilon")),
    }
    width = said("attention.key_length", args["dim"] // args["heads"])
    if width != args["dim"] // args["heads"]:
        args["head_dim"] = width
    if kind == "linear":
        args["scaling"] = f"linear:factor={said('rope.scaling.factor')}"
    if FREQUENCIES in file.entries:
        args["scaling"] = _slowed(file, width, args["base"])
    if family in OWN:
        return Spec("decoder", args | settings(file, family, said, args))
    return Spec("decoder", args | mixed) if (mixed := experts(said)) else Spec("llama", args)


def keys(values: Mapping[str, Any], spec: Spec, /) -> Table:
    """Where each tensor of a file goes."""
    block, ours = r"blk\.(\d+)", r"blocks.\1"
    ends = r"(weight|bias)"
    if values["general.architecture"] == "llama":
        order = [(unpaired(spec.args["heads"]),), (unpaired(spec.args["kv_heads"]),)]
    else:
        order = [(), ()]
    return (
        *rows(values["general.architecture"], spec),
        (r"token_embd\.weight", "embedding.weight"),
        (rf"{block}\.attn_q\.{ends}", rf"{ours}.attention.query.\2", *order[0]),
        (rf"{block}\.attn_k\.{ends}", rf"{ours}.attention.key.\2", *order[1]),
        (rf"{block}\.attn_v\.{ends}", rf"{ours}.attention.value.\2"),
        (rf"{block}\.attn_q_norm\.weight", rf"{ours}.attention.query_norm.weight"),
        (rf"{block}\.attn_k_norm\.weight", rf"{ours}.attention.key_norm.weight"),
        (rf"{block}\.attn_output\.{ends}", rf"{ours}.attention.out.\2"),
        (rf"{block}\.attn_norm\.weight", rf"{ours}.attention_norm.weight"),
        (rf"{block}\.ffn_(gate|up|down)\.weight", rf"{ours}.feed_forward.\2.weight"),
        (rf"{block}\.ffn_norm\.weight", rf"{ours}.feed_forward_norm.weight"),
        (r"output_norm\.weight", "norm.weight"),
        (r"output\.weight", "head.weight"),
    )


class _Said:
    """Values of the header under the family's name."""

    def __init__(self, file: Headed, family: str, /) -> None:
        self.file, self.family = file, family

    def __call__(self, name: str, default: Any = None) -> Any:
        value = self.file.values.get(f"{self.family}.{name}", default)
        if value is None:
            raise UsageError(f"{self.file.path}: its header lacks {self.family}.{name}")
        return value


def _decimal(value: float) -> float:
    """A number that was written as 1e-5 before it was kept in single precision."""
    return float(f"{value:.6g}")


def _slowed(file: Headed, size: int, base: float) -> str:
    """The scaling of Llama 3.1 and later, of which a file keeps only the factors."""
    factors = file.tensor(FREQUENCIES)
    scaling = f"llama3:factor={factors.max().item():g},context={TRAINED}"
    plain, slowed = (
        Rotary(head_dim=size, base=base, scaling=how).speeds for how in (None, scaling)
    )
    if factors.shape != plain.shape or not torch.allclose(plain / factors, slowed, rtol=1e-4):
        raise UsageError(
            f"{file.path}: {FREQUENCIES!r} is not what Llama 3 does; nothing else is known"
        )
    return scaling
