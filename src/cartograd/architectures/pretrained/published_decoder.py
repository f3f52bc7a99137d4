"""What published decoders (GPT, LLaMA) share: the next token, or classes of whole texts."""

from typing import Any

from cartograd.architectures.pretrained.published_head import classes
from cartograd.core.key_map import Table
from cartograd.core.ports import Port, Signature
from cartograd.core.spec import Spec


def answers(decoder: Spec, config: dict[str, Any], head: str, /) -> Spec:
    """The decoder itself, or a classifier that reads texts with it."""
    if head == "next":
        return decoder
    args = {"decoder": str(decoder), "classes": classes(config).size, "padding_id": padding(config)}
    return Spec("decoder-classifier", args)


def classified(body: Table, /) -> Table:
    """The key map of a classifier, from that of its decoder."""
    rows = [
        (pattern, target if target is None else _within(target), *op)
        for pattern, target, *op in body
    ]
    return [(r"score\.weight", "head.weight"), *rows]


def _within(target: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(target, tuple):
        return tuple(f"decoder.{name}" for name in target)
    return f"decoder.{target}"


def reads_on(config: dict[str, Any], head: str, /) -> Signature:
    """Text in, logits of the next token or classes out."""
    size = config["vocab_size"]
    text = Port("text", "text", ("t",), "int64", bounds=(0, size - 1), padding_id=padding(config))
    if head == "classify":
        return Signature((text,), (classes(config),))
    return Signature((text,), (Port("next", "label", ("t", size), task="next-token"),))


def padding(config: dict[str, Any], /) -> int | None:
    """The padding token, where it is one of the vocabulary: old files of LLaMA say -1."""
    said = config.get("pad_token_id")
    return said if said is not None and 0 <= said < config["vocab_size"] else None
