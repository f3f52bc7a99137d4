"""GGUF: a language model as the one file that llama.cpp and its kin run, without Python.

Sizes, tokenizer and template of the chat stand in the header, weights behind it: in half precision,
or in blocks of 32 numbers with one scale, of eight bits (Q8_0) or four (Q4_0). Matrices are
rounded, norms and biases are not. Whatever scores tokens has a great say in each of them: with four
bits it has eight.

    gguf(gguf_file(model, type="f32")) = model;   of other types, the model with rounded weights

Departures: none. Rows of queries and keys of a LLaMA go into the order of the format, in which the
two numbers of a rotation are neighbours.

References:
    Georgi Gerganov et al.: GGUF, 2023. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

>>> from tempfile import TemporaryDirectory
>>> from cartograd.architectures.pretrained.gguf import gguf
>>> from cartograd.core.build import build
>>> from cartograd.core.ports import Port, Signature
>>> text = Port("text", "text", ("t",), "int64", (0, 255))
>>> signature = Signature((text,), (Port("next", "label", ("t", 256), task="next-token"),))
>>> model = build("llama:dim=32,depth=1,heads=2,ffn_dim=64,context=16", signature=signature)
>>> model.tokenizer = Tokenizer.bytes()
>>> with TemporaryDirectory() as folder:
...     again = gguf(gguf_file(model, f"{folder}/llama.gguf", type="q8_0"))
>>> error = (again.model.head.weight - model.model.head.weight).abs().max()
>>> bool(0 < error < 1e-3)
True
"""

import re
import warnings
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from cartograd.architectures.pretrained.gguf_back import parts_of
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.signed import Signed, sign, signature_of
from cartograd.data.gguf.tokenizer_back import values_of
from cartograd.data.gguf.writer import BLOCK, write_gguf
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="gguf-file",
    kind="exporter",
    entry="gguf_file",
    aliases=("gguf",),
    nodes=("deploy/export",),
    title="GGUF file",
    zh="导出为 GGUF 文件",
    paper="GGUF",
    year=2023,
    url="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",
    proofs=(
        "oracle: the package gguf: the same blocks bit for bit, and the same names and values read",
        "law: read back, settings and tokenizer of each family are those that were written, and so "
        "are weights in f32; rounded ones are off by half a step at most",
    ),
)

FILES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}
"""Types, and what `general.file_type` calls them."""

SCORES = ("output.weight", "token_embd.weight")
"""What scores tokens: the first of them that a file has."""

ROUTER = re.compile(r"blk\.\d+\.ffn_gate_inp\.weight")
"""What chooses experts, which rounding would change."""


def gguf_file(
    model: nn.Module, path: str | Path, /, *, type: Literal["f32", "f16", "q8_0", "q4_0"] = "f16"
) -> Path:
    """Write a language model as a GGUF file.

    The file is written whole or not at all, and the model is left as it is.

    Args:
        model: a LLaMA of ours with its tokenizer (Mistral, Qwen2 and SmolLM2 are such), or a
            decoder that is a Qwen3, also with experts, a Mixtral, a Gemma 2 or 3, or a Phi-3.
        path: the file to write; an older one of the name is replaced.
        type: of the numbers in matrices.

    Raises:
        UsageError: the model has no signature, is of another architecture, has a setting or a
            tokenizer that the format cannot say, a weight is too large for its type, or the file
            cannot be written.
    """
    signed = model if isinstance(model, Signed) else sign(model, signature_of(model))
    values, tensors = parts_of(signed)
    if not isinstance(signed.tokenizer, Tokenizer):
        raise UsageError(
            "this model has no tokenizer, and a GGUF file holds one; train it on texts, or export "
            "it --to huggingface"
        )
    rows = tensors["token_embd.weight"].shape[0]
    values |= {"general.file_type": FILES[type], "general.quantization_version": 2}
    values |= values_of(signed.tokenizer, rows)
    scores = next(name for name in SCORES if name in tensors)
    typed = {
        name: (tensor, _kind(name, tensor, type, scores=name == scores))
        for name, tensor in tensors.items()
    }
    written = write_gguf(path, values, typed)
    odd = [name for name, (_, kind) in typed.items() if type[0] == "q" and kind == "F16"]
    if odd:
        warnings.warn(
            f"{path}: {len(odd)} matrices stay in half precision, as rows of {odd[0]} are no "
            f"multiple of {BLOCK} numbers",
            stacklevel=2,
        )
    return written


def _kind(name: str, tensor: Tensor, type: str, /, *, scores: bool) -> str:
    """What a tensor is kept in."""
    if tensor.ndim == 1 or type == "f32" or ROUTER.fullmatch(name):
        return "F32"
    if type == "f16" or tensor.shape[-1] % BLOCK:
        return "F16"
    return "Q8_0" if scores else type.upper()
