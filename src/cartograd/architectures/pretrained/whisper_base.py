r"""Whisper-base's published weights: what is said in a recording.

The set keeps them as CTranslate2 does: a file of named tensors in half precision, in which queries,
keys and values lie in one matrix. The numbers behind a name are its shape and kind; they are read
here as they lie there, nothing else is in the file that could run.

Shapes: sounds `b 1 n`; tokens `b t`; logits `b t 51865`.

References:
    Alec Radford et al. Robust speech recognition via large-scale weak supervision. 2022.
    https://arxiv.org/abs/2212.04356
    OpenNMT: CTranslate2, a fast inference engine for transformers (the format). 2019.
    https://github.com/OpenNMT/CTranslate2

>>> whisper_base("no/such/folder")  # doctest: +ELLIPSIS
Traceback (most recent call last):
cartograd.core.errors.UsageError: no/such/folder holds no model.bin...
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cartograd.architectures.pretrained.filled import filled
from cartograd.architectures.pretrained.hf_whisper import SECONDS, hears
from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Op, parts
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.store import packages
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="whisper-base",
    kind="weights",
    entry="whisper_base",
    nodes=("transfer/pretrain-finetune",),
    title="Whisper-base's weights",
    zh="Whisper-base 预训练权重",
    paper="Robust speech recognition via large-scale weak supervision",
    year=2022,
    url="https://arxiv.org/abs/2212.04356",
    proofs=(
        "law: a file written by hand in the format comes back, and a damaged one is refused",
        "law: recorded sentences are transcribed",
    ),
)

KINDS = {0: "f4", 1: "i1", 2: "i2", 3: "i4", 4: "f2"}
"""What the numbers of a tensor are, as numpy names it."""

SPEC = "WhisperSpec"
"""What the file says that it holds."""

SPOKEN = Op(
    lambda bias: torch.cat(bias.chunk(3)[::2]).chunk(2), lambda q, v: torch.cat([q, 0 * q, v])
)
"""The bias of queries and values; that of the keys in between is zero, for they have none."""

HEARD = Op(lambda bias: bias.chunk(2)[1], lambda v: torch.cat([0 * v, v]))
"""The bias of the values, cut from that of queries, keys and values."""


def _rows(own: str) -> list[tuple[Any, ...]]:
    """The rows of the encoder or the decoder, without their first word."""
    layer, ours = r"/layer_(\d+)", rf"{own}.blocks.\1"
    rows: list[tuple[Any, ...]] = []
    for end, word in (("gamma", "weight"), ("beta", "bias")):
        rows += [
            (rf"/layer_norm/{end}", rf"{own}.norm.{word}"),
            (rf"{layer}/self_attention/layer_norm/{end}", rf"{ours}.attention_norm.{word}"),
            (rf"{layer}/attention/layer_norm/{end}", rf"{ours}.cross_norm.{word}"),
            (rf"{layer}/ffn/layer_norm/{end}", rf"{ours}.feed_forward_norm.{word}"),
        ]
    spoken, heard = rf"{ours}.attention", rf"{ours}.cross"
    rows += [
        (
            rf"{layer}/self_attention/linear_0/weight",
            tuple(f"{spoken}.{name}.weight" for name in ("query", "key", "value")),
            parts(3),
        ),
        (
            rf"{layer}/self_attention/linear_0/bias",
            (f"{spoken}.query.bias", f"{spoken}.value.bias"),
            SPOKEN,
        ),
        (
            rf"{layer}/attention/linear_1/weight",
            (f"{heard}.key.weight", f"{heard}.value.weight"),
            parts(2),
        ),
        (rf"{layer}/attention/linear_1/bias", f"{heard}.value.bias", HEARD),
    ]
    plain = {
        "self_attention/linear_1": "attention.out",
        "attention/linear_0": "cross.query",
        "attention/linear_2": "cross.out",
        "ffn/linear_0": "feed_forward.up",
        "ffn/linear_1": "feed_forward.down",
    }
    for theirs, name in plain.items():
        rows.append((rf"{layer}/{theirs}/(weight|bias)", rf"{ours}.{name}.\2"))
    return rows


WORDS = r"(?:activation|alibi|alignment_\w+|num_heads|pre_norm|\w+_embeddings?)"
"""What is said of the model itself, which is known."""

KEYS = (
    (rf"(?:de|en)coder/{WORDS}", None),
    (r"encoder/position_encodings/encodings", None),
    (r"encoder/(conv\d)/(weight|bias)", r"listener.\1.\2"),
    (r"decoder/(?:embeddings|projection)/weight", "writer.embed.weight"),
    (r"decoder/position_encodings/encodings", "writer.positions.weight"),
    *(
        (rf"{side}{theirs}", into, *op)
        for side, own in (("encoder", "listener"), ("decoder", "writer"))
        for theirs, into, *op in _rows(own)
    ),
)


def whisper_base(path: str | Path | None = None, /) -> Signed:
    """Whisper-base, or another size kept as CTranslate2 does.

    Args:
        path: a folder with model.bin and tokenizer.json; that of the store if not given.

    Raises:
        UsageError: the set has not been fetched, or a file is damaged or of another model.
    """
    folder = packages.where("whisper-base") if path is None else Path(path)
    file = folder / "model.bin"
    if not file.is_file():
        raise UsageError(
            f"{folder} holds no model.bin; expected a folder with model.bin and tokenizer.json, "
            "as CTranslate2 keeps Whisper"
        )
    tensors = converted(file)
    try:
        vocabulary, dim = tensors["decoder/embeddings/weight"].shape
        args = {
            "dim": dim,
            "heads": int(tensors["encoder/num_heads"]),
            "depth": sum(name.endswith("linear_2/weight") for name in tensors),
            "vocabulary": vocabulary,
            "context": len(tensors["decoder/position_encodings/encodings"]),
            "seconds": len(tensors["encoder/position_encodings/encodings"]) * SECONDS,
            "n_mels": tensors["encoder/conv1/weight"].shape[1],
        }
    except KeyError as error:
        raise UsageError(f"{file} is of another model: it lacks {error}") from error
    return filled(
        Spec("whisper", args), hears(vocabulary), tensors, KEYS, source=str(file),
        tokenizer=Tokenizer.from_folder(folder),
    )  # fmt: skip


def converted(file: Path, /) -> dict[str, Tensor]:
    """The tensors of a file of CTranslate2, in single precision.

    Raises:
        UsageError: it is no such file, or is cut off.
    """
    data, found = memoryview(file.read_bytes()), dict[str, Tensor]()
    try:
        reader = _Reader(data)
        reader.number("I")
        if reader.word() != SPEC:
            raise UsageError(f"{file} holds no Whisper of CTranslate2")
        reader.number("I")
        for _ in range(reader.number("I")):
            name, rank = reader.word(), reader.number("B")
            shape = [reader.number("I") for _ in range(rank)]
            kind, size = KINDS[reader.number("B")], reader.number("I")
            values = np.frombuffer(reader.taken(size), dtype=f"<{kind}").reshape(shape)
            found[name] = torch.from_numpy(values.astype("f4"))
    except (struct.error, KeyError, ValueError, UnicodeDecodeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{file} is damaged or no file of CTranslate2 ({error})") from error
    return found


class _Reader:
    """Numbers and words from a file, one after another."""

    def __init__(self, data: memoryview, /):
        self.data, self.place = data, 0

    def taken(self, size: int) -> memoryview:
        if self.place + size > len(self.data):
            raise struct.error(f"it ends after {len(self.data)} bytes")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, kind: str) -> int:
        return struct.unpack(f"<{kind}", self.taken(struct.calcsize(kind)))[0]

    def word(self) -> str:
        return bytes(self.taken(self.number("H"))).rstrip(b"\0").decode()
