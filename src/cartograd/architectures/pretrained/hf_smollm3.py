"""SmolLM3 as Hugging Face keeps it: LLaMA, of whose layers each fourth has no positions.

References:
    Hugging Face. SmolLM3. 2025. https://huggingface.co/blog/smollm3
    Bowen Yang et al. Rope to Nope and back again. 2025. https://arxiv.org/abs/2501.18795
"""

from typing import Any

from cartograd.architectures.pretrained import published_decoder, published_rope
from cartograd.architectures.pretrained.published_config import shown
from cartograd.architectures.pretrained.published_decoder import (
    SIZES,
    answers,
    layer_types,
    reach,
    reads_on,
    sizes,
    table,
    windows,
)
from cartograd.architectures.pretrained.published_head import head_of
from cartograd.core.errors import UsageError
from cartograd.core.key_map import Table
from cartograd.core.ports import Signature
from cartograd.core.spec import Spec

HEADS = {
    "SmolLM3ForCausalLM": "next",
    "SmolLM3ForSequenceClassification": "classify",
    "SmolLM3ForTokenClassification": "tag",
}
"""Our heads by the names of theirs."""

READS = published_decoder.READS | published_rope.READS | {
    "attention_bias": "flag", "use_sliding_window": "flag", "sliding_window": "count?",
    "layer_types": "words?", "no_rope_layers": "flags?", "no_rope_layer_interval": "count",
}  # fmt: skip
"""Keys of config.json that are read, and their types."""

MODEL = "decoder"


def KEYS(config: dict[str, Any], /) -> Table:  # noqa: N802  what every family calls its map
    """The key map."""
    return table(config, head_of(config, HEADS))


def spec(config: dict[str, Any], /) -> Spec:
    """How our model is made."""
    head = head_of(config, HEADS)
    args = sizes(config, head) | published_rope.rotary(config) | _layers(config)
    args |= {"biases": "qkvo"} if config["attention_bias"] else {}
    return answers(Spec(MODEL, args), config, head)


def _layers(config: dict[str, Any]) -> dict[str, Any]:
    """Which layers turn by position, and which have a window: usually those that do not turn."""
    depth, every = config["num_hidden_layers"], config["no_rope_layer_interval"]
    turned = config.get("no_rope_layers")
    turned = [(n + 1) % every for n in range(min(depth, 10_000))] if turned is None else turned
    if len(turned) < depth:
        raise UsageError(
            f"config.json: no_rope_layers={shown(turned)} is of {len(turned)} layers; expected "
            f"num_hidden_layers, {depth}"
        )
    wide = config.get("sliding_window") if config["use_sliding_window"] else None
    there = windows(config, [wide is not None and not one for one in turned[:depth]])
    letters = {(True, False): "f", (True, True): "w", (False, False): "n", (False, True): "m"}
    pairs = zip(turned[:depth], there, strict=True)
    found = {"reach": reach("".join(letters[bool(o), w and wide is not None] for o, w in pairs))}
    return found if wide is None or not any(there) else found | {"window": wide}


def back(args: dict[str, Any], /) -> dict[str, Any]:
    """What config.json says of a model of ours, beside its sizes."""
    letters, window = (args["reach"] * args["depth"])[: args["depth"]], args["window"]
    return published_rope.back(args) | {
        "tie_word_embeddings": args["tied"], "attention_bias": args["biases"] == "qkvo",
        "use_sliding_window": window is not None, "sliding_window": window,
        "layer_types": layer_types(args), "no_rope_layers": [int(one in "fw") for one in letters],
    }  # fmt: skip


def signature(config: dict[str, Any], /) -> Signature:
    """Tokens in, logits of the next token or classes out."""
    return reads_on(config, head_of(config, HEADS))


__all__ = ["HEADS", "KEYS", "MODEL", "READS", "SIZES", "back", "signature", "spec"]
