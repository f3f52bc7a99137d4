"""Bits per byte: how many bits a model needs for each byte of text, however it cuts the text.

The surprise of all tokens in bits, divided by the bytes that these tokens spell in UTF-8. A model
of bytes, of pieces or of words can so be compared with one another, and with a packing program:
by arithmetic coding the text would take just so much room.

    bpb = -(sum_i log2 p(token i | those before)) / (sum_i bytes of token i)

Shapes: outputs (n, k) or (b, t, k), targets (n) or (b, t), where a target below 0 is none.

Departures: tokens that spell nothing (the end of a text) cost bits and add no bytes.

References:
    L. Gao et al. The Pile: an 800GB dataset of diverse text for language modeling, section 3.1.
    2020. https://arxiv.org/abs/2101.00027

>>> import torch
>>> bits_per_byte(torch.zeros(3, 256), torch.tensor([4, 0, 49]))
8.0
>>> bits_per_byte(torch.zeros(2, 4), torch.tensor([0, 3]), sizes=(1, 1, 2, 3))
1.0
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.practice.metrics import given, positions

CARD = Card(
    name="bits-per-byte",
    kind="metric",
    entry="bits_per_byte",
    nodes=("metric/perplexity",),
    title="Bits per byte",
    zh="每字节比特数",
    better="lower",
    aliases=("bpb",),
    paper="The Pile: an 800GB dataset of diverse text for language modeling",
    year=2020,
    url="https://arxiv.org/abs/2101.00027",
    proofs=(
        "law: one distribution over texts has one number of bits, cut into bytes or into pairs",
        "law: 8 for bytes of which nothing is known",
    ),
)


def bits_per_byte(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    /,
    *,
    sizes: Sequence[int] | None = None,
) -> float:
    """Bits for each byte of the targets' text.

    Args:
        outputs: logits over the tokens.
        targets: the right tokens.
        sizes: bytes that each token spells, by its number (`sizes_of`); 1 each by default.

    Raises:
        UsageError: there is not one size for each token, or the text has no bytes.
    """
    if targets.ndim > 1:
        return float(whole(parts(outputs, targets, sizes=sizes).sum(0)))
    return weighed(outputs, targets, given.ones(outputs), sizes=sizes).item()


def weighed(
    outputs: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "..."],
    weights: Float[Tensor, "b n"],
    /,
    *,
    sizes: Sequence[int] | None = None,
) -> Float[Tensor, " b"]:
    """The same under each weighting of the examples."""
    logits, classes = given.classes(outputs, targets)
    return whole(weights @ parts(logits[:, None], classes[:, None], sizes=sizes))


def parts(
    outputs: Float[Tensor, "b t k"],
    targets: Shaped[Tensor, "b t"],
    /,
    *,
    sizes: Sequence[int] | None = None,
) -> Float[Tensor, "b n"]:
    """The bits and the bytes of each row."""
    tokens, known = outputs.shape[-1], targets >= 0
    table = torch.ones(tokens) if sizes is None else torch.tensor(sizes)
    if len(table) != tokens:
        raise UsageError(f"sizes has {len(table)} numbers; expected {tokens}, one for each token")
    length = (table.double()[targets.where(known, 0)] * known).sum(1)
    nats, _ = positions.surprise(outputs.double(), targets)
    return torch.stack([nats / math.log(2), length], dim=1)


def whole(sums: Float[Tensor, "... n"], /) -> Float[Tensor, "..."]:
    """From the sums of `parts` to the metric; not a number where the text has no bytes."""
    return sums[..., 0] / sums[..., 1].where(sums[..., 1] > 0, torch.nan)


def sizes_of(tokenizer: Tokenizer, tokens: int, /) -> tuple[int, ...]:
    """How many bytes each token spells: none for special ones, and for numbers without a token."""
    special = set(tokenizer.special.values())
    kind = tokenizer.document["model"].get("type")
    on_bytes = "ByteLevel" in str(tokenizer.document.get("pre_tokenizer"))
    lengths = []
    for number in range(tokens):
        if number in special or number >= tokenizer.vocabulary:
            lengths.append(0)
        elif kind == "bytes":
            lengths.append(1)
        else:
            text = tokenizer.token(number)
            # A byte-level vocabulary writes each byte as one letter of an alphabet of its own.
            plain = text.removeprefix("##").replace("\N{LOWER ONE EIGHTH BLOCK}", " ")
            lengths.append(len(text) if on_bytes else len(plain.encode()))
    return tuple(lengths)
