"""The two stacks of T5 and its kin by their names in files, which all of them share."""

from cartograd.core.key_map import Table

ATTENTION = (("q", "query"), ("k", "key"), ("v", "value"), ("o", "out"))
"""Their names of an attention's projections, and ours."""


def stack(
    theirs: str, ours: str, last: int, up: str, /, *, root: str = "", each: bool = False
) -> Table:
    """Where the tensors of one stack go.

    Args:
        theirs: `encoder` or `decoder`.
        ours: our name of its blocks.
        last: the number of a block's feed-forward part.
        up: their name of its matrix without a gate.
        root: a pattern that all names begin with.
        each: whether each block has biases of its own, or the first those of all.
    """
    number, table = (r"(\d+)", r"\1.") if each else ("0", "")
    layer = rf"{root}{theirs}\.block\.(\d+)\.layer\."
    return (
        (rf"{root}{theirs}\.embed_tokens\.weight", "tokens.weight"),
        (
            rf"{root}{theirs}\.block\.{number}\.layer\.0\.SelfAttention"
            r"\.relative_attention_bias\.weight",
            f"{theirs}_bias.{table}weight",
        ),
        *(
            (rf"{layer}0\.SelfAttention\.{name}\.weight", rf"{ours}.\1.attention.{own}.weight")
            for name, own in ATTENTION
        ),
        *(
            (rf"{layer}1\.EncDecAttention\.{name}\.weight", rf"{ours}.\1.cross.{own}.weight")
            for name, own in ATTENTION
        ),
        # Files of 2019 have a table that their authors' code never read.
        (rf"{layer}1\.EncDecAttention\.relative_attention_bias\.weight", None),
        (rf"{layer}{last}\.DenseReluDense\.{up}\.weight", rf"{ours}.\1.feed_forward.up.weight"),
        (rf"{layer}{last}\.DenseReluDense\.wi_0\.weight", rf"{ours}.\1.feed_forward.gate.weight"),
        (rf"{layer}{last}\.DenseReluDense\.wo\.weight", rf"{ours}.\1.feed_forward.down.weight"),
        (rf"{layer}0\.layer_norm\.weight", rf"{ours}.\1.attention_norm.weight"),
        (rf"{layer}{last}\.layer_norm\.weight", rf"{ours}.\1.feed_forward_norm.weight"),
        (rf"{layer}1\.layer_norm\.weight", rf"{ours}.\1.cross_norm.weight"),
        (rf"{root}{theirs}\.final_layer_norm\.weight", f"{theirs}_norm.weight"),
    )
