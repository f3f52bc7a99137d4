"""Which of diffusers' and transformers' tensors is which of ours.

The parts' names stand before: `vae.`, `unet.`, `text_encoder.`. Old files call the projections of
an autoencoder's attention query, key, value and proj_attn, and keep them as convolutions.
"""

from torch import Tensor

from cartograd.core.key_map import Op, Table, parts

END = r"\.(weight|bias)"

DENSE = Op(lambda tensor: tensor.flatten(1) if tensor.ndim == 4 else tensor, lambda tensor: tensor)
"""A convolution of one place is a dense layer."""

ATTENTION = (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("out", r"to_out\.0"))

OLD = {"query": "query", "key": "key", "value": "value", "out": "proj_attn"}

RESIDUAL = (
    ("norm1", "norm1"), ("norm2", "norm2"), ("conv1", "conv1"), ("conv2", "conv2"),
    ("told", "time_emb_proj"), ("carry", "conv_shortcut"),
)  # fmt: skip

Pairs = list[tuple[str, str]]


def autoencoder(sizes: int, blocks: int, /) -> Table:
    """The rows of an autoencoder with so many sizes, and blocks at each."""
    pairs: Pairs = [("quant_conv", "said"), ("post_quant_conv", "heard")]
    projections: Pairs = []
    for half, way, count, sample in (
        ("encoder", "down", blocks, "downsamplers"), ("decoder", "up", blocks + 1, "upsamplers"),
    ):  # fmt: skip
        pairs += [
            (rf"{half}\.{theirs}", f"{half}.{ours}")
            for theirs, ours in (("conv_in", "first"), ("conv_out", "last"),
                                 ("conv_norm_out", "norm"),
                                 (r"mid_block\.attentions\.0\.group_norm", "middle.norm"))
        ]  # fmt: skip
        pairs += _walked(half, way, sizes, count, sample, part="", end=".conv")
        for number, ours in ((0, "before"), (1, "after")):
            theirs = rf"{half}\.mid_block\.resnets\.{number}"
            pairs += _residual(theirs, f"{half}.middle.{ours}")
        for ours, theirs in ATTENTION:
            place = rf"{half}\.mid_block\.attentions\.0\."
            old = f"(?:{theirs}|{OLD[ours]})"
            projections.append((place + old, f"{half}.middle.attention.{ours}"))
    rows = [(rf"vae\.{theirs}{END}", rf"autoencoder.{ours}.\1") for theirs, ours in pairs]
    dense = [
        (rf"vae\.{theirs}{END}", rf"autoencoder.{ours}.\1", DENSE) for theirs, ours in projections
    ]
    return (*rows, *dense)


def network(sizes: int, blocks: int, /) -> Table:
    """The rows of a U-Net."""
    pairs: Pairs = [
        (r"time_embedding\.linear_1", "time.0"), (r"time_embedding\.linear_2", "time.2"),
        ("conv_in", "first"), ("conv_norm_out", "norm"), ("conv_out", "last"),
    ]  # fmt: skip
    gates: Pairs = []
    for way, count, sample, end in (
        ("down", blocks, "downsamplers", ""), ("up", blocks + 1, "upsamplers", ".conv"),
    ):  # fmt: skip
        pairs += _walked("", way, sizes, count, sample, part=".block", end=end)
        place = 0
        for size in range(sizes):
            for number in range(count):
                theirs = rf"{way}_blocks\.{size}\.attentions\.{number}"
                pairs += _places(theirs, f"{way}.{place}.attention")
                gates.append((theirs, f"{way}.{place}.attention"))
                place += 1
            place += size < sizes - 1
    pairs += _residual(r"mid_block\.resnets\.0", "middle.block")
    pairs += _residual(r"mid_block\.resnets\.1", "after")
    pairs += _places(r"mid_block\.attentions\.0", "middle.attention")
    gates.append((r"mid_block\.attentions\.0", "middle.attention"))
    inside = "denoiser.net.network"
    rows = [(rf"unet\.{theirs}{END}", rf"{inside}.{ours}.\1") for theirs, ours in pairs]
    gated = [
        (
            rf"unet\.{theirs}\.transformer_blocks\.0\.ff\.net\.0\.proj{END}",
            tuple(rf"{inside}.{ours}.feed_forward.{part}.\1" for part in ("up", "gate")),
            parts(2),
        )
        for theirs, ours in gates
    ]
    return (*rows, *gated)


def reader() -> Table:
    """The rows of a text encoder."""
    layer, block = r"encoder\.layers\.(\d+)\.", r"blocks.\1."
    inner = {
        r"self_attn\.q_proj": "attention.query", r"self_attn\.k_proj": "attention.key",
        r"self_attn\.v_proj": "attention.value", r"self_attn\.out_proj": "attention.out",
        "layer_norm1": "attention_norm", "layer_norm2": "feed_forward_norm",
        r"mlp\.fc1": "feed_forward.up", r"mlp\.fc2": "feed_forward.down",
    }  # fmt: skip
    before, ours = r"text_encoder\.(?:text_model\.)?", "denoiser.net.reader."
    return (
        *((before + layer + theirs + END, ours + block + own + r".\2")
          for theirs, own in inner.items()),
        (before + r"embeddings\.token_embedding\.weight", ours + "tokens.weight"),
        (before + r"embeddings\.position_embedding\.weight", ours + "positions.weight"),
        (before + r"embeddings\.position_ids", None),
        (before + "final_layer_norm" + END, ours + r"norm.\1"),
    )  # fmt: skip


OURS: Table = ((r"ours\.(.*)", r"\1"),)
"""What is no weight of theirs: the scale of the codes, and the tokens of the empty text."""


def _walked(
    half: str, way: str, sizes: int, count: int, sample: str, /, *, part: str, end: str
) -> Pairs:
    """Residual blocks on a way, and what changes the size between them."""
    theirs, ours = (rf"{half}\.", f"{half}.") if half else ("", "")
    pairs: Pairs = []
    place = 0
    for size in range(sizes):
        for number in range(count):
            block = rf"{theirs}{way}_blocks\.{size}\.resnets\.{number}"
            pairs += _residual(block, f"{ours}{way}.{place}{part}")
            place += 1
        if size < sizes - 1:
            between = rf"{theirs}{way}_blocks\.{size}\.{sample}\.0\.conv"
            pairs.append((between, f"{ours}{way}.{place}{end}"))
            place += 1
    return pairs


def _residual(theirs: str, ours: str) -> Pairs:
    return [(rf"{theirs}\.{other}", f"{ours}.{own}") for own, other in RESIDUAL]


def _places(theirs: str, ours: str) -> Pairs:
    inner = rf"{theirs}\.transformer_blocks\.0"
    pairs = [
        (rf"{theirs}\.norm", f"{ours}.norm"), (rf"{theirs}\.proj_in", f"{ours}.inside"),
        (rf"{theirs}\.proj_out", f"{ours}.outside"),
        (rf"{inner}\.ff\.net\.2", f"{ours}.feed_forward.down"),
    ]  # fmt: skip
    pairs += [(rf"{inner}\.norm{i + 1}", f"{ours}.norms.{i}") for i in range(3)]
    for mine, yours in (("own", "attn1"), ("cross", "attn2")):
        pairs += [(rf"{inner}\.{yours}\.{b}", f"{ours}.{mine}.{a}") for a, b in ATTENTION]
    return pairs


def prefixed(tensors: dict[str, Tensor], part: str, /) -> dict[str, Tensor]:
    """A part's tensors, its name before theirs."""
    return {f"{part}.{name}": tensor for name, tensor in tensors.items()}
