"""What published decoders (GPT, LLaMA) share: the next token, or classes of whole texts.

Those of LLaMA's kin share most of their tensors' names, too, and how layers are told apart.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.architectures.pretrained.published_config import shown
from cartograd.architectures.pretrained.published_head import classes, labels, tags
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec


def answers(decoder: Spec, config: dict[str, Any], head: str, /) -> Spec:
    """The decoder itself, or a classifier of texts, or of their tokens, that reads with it."""
    if head == "next":
        return decoder
    args = {"decoder": str(decoder), "classes": len(labels(config)), "padding_id": padding(config)}
    return Spec("decoder-classifier", args | ({"each": True} if head == "tag" else {}))


def classified(body: Table, /) -> Table:
    """The key map of a classifier, from that of its decoder."""
    rows = [
        (pattern, target if target is None else _within(target), *op)
        for pattern, target, *op in body
    ]
    return [(r"score\.(weight|bias)", r"head.\1"), *rows]


def _within(target: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(target, tuple):
        return tuple(f"decoder.{name}" for name in target)
    return f"decoder.{target}"


def reads_on(config: dict[str, Any], head: str, /) -> Signature:
    """Text in, logits of the next token or classes, also of each token, out."""
    size = config["vocab_size"]
    text = Port("text", "text", ("t",), "int64", bounds=(0, size - 1), padding_id=padding(config))
    if head in ("classify", "tag"):
        return Signature((text,), (classes(config) if head == "classify" else tags(config),))
    return Signature((text,), (Port("next", "label", ("t", size), task="next-token"),))


def padding(config: dict[str, Any], /) -> int | None:
    """The padding token, where it is one of the vocabulary: old files of LLaMA say -1."""
    said = config.get("pad_token_id")
    return said if said is not None and 0 <= said < config["vocab_size"] else None


LAYER, BLOCK = r"model\.layers\.(\d+)", r"blocks.\1"
"""A layer in their files and in our models."""

SIZES = {
    "vocabulary": "vocab_size", "dim": "hidden_size", "depth": "num_hidden_layers",
    "heads": "num_attention_heads", "kv_heads": "num_key_value_heads", "head_dim": "head_dim",
    "ffn_dim": "intermediate_size", "context": "max_position_embeddings", "eps": "rms_norm_eps",
}  # fmt: skip
"""What our settings are called in config.json of LLaMA's kin; both ways go by it."""

READS = {
    **dict.fromkeys(SIZES.values(), "count"), "num_key_value_heads": "count?",
    "head_dim": "count?", "rms_norm_eps": "number", "pad_token_id": "id?",
    "tie_word_embeddings": "flag",
}  # fmt: skip
"""Keys of config.json that all of them read, and their types."""

NORMS = {"input_layernorm": "attention_norm", "post_attention_layernorm": "feed_forward_norm"}
"""Norms before the parts."""

WINDOWS = {"full_attention": False, "sliding_attention": True}
"""What `layer_types` may say, and whether such a layer has a window."""


def is_tied(config: dict[str, Any], /) -> bool:
    """Whether one matrix reads and scores: where it is said, unless the file holds two."""
    return config["tie_word_embeddings"] and not config["own_output"]


def table(
    config: dict[str, Any], head: str, /, *, norms: Mapping[str, str] = NORMS,
    op: tuple[Any, ...] = (), own: Table = (),
) -> Table:  # fmt: skip
    """The key map of one of LLaMA's kin; with tied weights the output's are the embedding's.

    Args:
        config: understood.
        head: ours.
        norms: their names of a layer's norms, and ours.
        op: what is done to the weights of norms, if anything.
        own: rows of the family, which come before the common ones.
    """
    parts = {"q": "query", "k": "key", "v": "value", "o": "out"}
    # A classifier scores no tokens; its decoder is one with tied weights.
    output = "embedding.weight" if head != "next" or is_tied(config) else "head.weight"
    body = [
        *own,
        (r"model\.embed_tokens\.weight", "embedding.weight"),
        *(
            (rf"{LAYER}\.self_attn\.{theirs}_proj\.(weight|bias)", rf"{BLOCK}.attention.{ours}.\2")
            for theirs, ours in parts.items()
        ),
        (rf"{LAYER}\.mlp\.(gate|up|down)_proj\.weight", rf"{BLOCK}.feed_forward.\2.weight"),
        *(
            (rf"{LAYER}\.{theirs}\.weight", f"{BLOCK}.{ours}.weight", *op)
            for theirs, ours in norms.items()
        ),
        (rf"{LAYER}\.self_attn\.rotary_emb\.inv_freq", None),
        (r"model\.norm\.weight", "norm.weight", *op),
        (r"lm_head\.weight", output),
    ]
    return body if head == "next" else classified(body)


def query_key_norms(*op: Any) -> Table:
    """Rows for the norms of queries and keys."""
    return tuple(
        (
            rf"{LAYER}\.self_attn\.{theirs}_norm\.weight",
            f"{BLOCK}.attention.{ours}_norm.weight",
            *op,
        )
        for theirs, ours in (("q", "query"), ("k", "key"))
    )


def sizes(config: dict[str, Any], head: str, /) -> dict[str, Any]:
    """Our settings of LLaMA's kin, as far as they are sizes, and whether the output is tied."""
    heads = config["num_attention_heads"]
    usual = {"kv_heads": heads, "head_dim": config["hidden_size"] // heads}
    found = {ours: config.get(theirs) for ours, theirs in SIZES.items()}
    return {key: usual.get(key) if value is None else value for key, value in found.items()} | {
        "tied": head != "next" or is_tied(config)
    }


def windows(config: dict[str, Any], usual: Sequence[bool], /) -> list[bool]:
    """Which layers have a window: as `layer_types` says, or as usual in the family.

    Raises:
        UsageError: it says something else, or not of each layer.
    """
    kinds = config.get("layer_types")
    if kinds is None:
        return list(usual)
    strange = [kind for kind in kinds if kind not in WINDOWS]
    if strange or len(kinds) != config["num_hidden_layers"]:
        raise UsageError(
            f"config.json: layer_types={shown(kinds)}; expected one of {' or '.join(WINDOWS)} for "
            f"each of the {config['num_hidden_layers']} layers"
        )
    return [WINDOWS[kind] for kind in kinds]


def late_windows(config: dict[str, Any], /) -> dict[str, Any]:
    """Our `window` and `reach` where the late layers have one, as in Qwen: empty without any.

    Raises:
        UsageError: `layer_types` names windows, and none is said.
    """
    wide = config["sliding_window"] if config["use_sliding_window"] else None
    depth = min(config["num_hidden_layers"], 10_000)
    first = config["max_window_layers"] if wide is not None else depth
    there = windows(config, [layer >= first for layer in range(depth)])
    if not any(there):
        return {}
    if wide is None:
        raise UsageError(
            f"config.json: layer_types={shown(config['layer_types'])} has windows, and "
            "use_sliding_window or sliding_window says that there are none"
        )
    return {"window": wide, "reach": reach("".join("fw"[one] for one in there))}


def reach(letters: str, /) -> str:
    """A letter for each layer as the shortest pattern that it repeats.

    >>> reach("wwfwwfw")
    'wwf'
    """
    lengths = range(1, len(letters) + 1)
    fits = (n for n in lengths if (letters[:n] * len(letters))[: len(letters)] == letters)
    return letters[: next(fits)]


def layer_types(args: dict[str, Any], /) -> list[str]:
    """What `layer_types` says of our settings."""
    letters = (args["reach"] * args["depth"])[: args["depth"]]
    return [f"{'sliding' if letter in 'wm' else 'full'}_attention" for letter in letters]
