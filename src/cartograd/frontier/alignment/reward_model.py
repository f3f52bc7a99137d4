"""Reward models: a language model that gives a number for a text instead of its next token."""

import copy
from dataclasses import replace

from cartograd.architectures.transformer.decoder_classifier import DecoderClassifier
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec


def reward_model(base: Signed, /) -> Signed:
    """A language model's weights below a last layer of one number, which begins at zero.

    Train it by `bradley-terry` on the pairs that `preferences:` reads for the same model, write its
    bundle, and name the bundle's folder as `reward=` of `grpo` or `ppo`.

    Args:
        base: a decoder that was made by name, with its tokenizer; left as it is.

    Raises:
        UsageError: it was not made by name, or does not read from left to right.
    """
    if base.spec is None:
        raise UsageError(
            "a reward model is made of a decoder that has a name, such as llama or gpt; this one "
            "is a module of your own"
        )
    port, told = base.signature.input, base.tokenizer
    # The token that data of pairs fill rows up with, or else the last one that is read is a filler.
    padding = port.padding_id or (None if told is None else told.padding) or 0
    port = replace(port, padding_id=padding)
    spec = Spec(
        "decoder-classifier", {"decoder": str(base.spec), "classes": 1, "padding_id": padding}
    )
    made = build(spec, kind="model")
    assert isinstance(made, DecoderClassifier)
    made.decoder.load_state_dict(copy.deepcopy(base.model.state_dict()))
    made.head.weight.data.zero_()
    output = Port("reward", "value", (1,), task="reward")
    signature = Signature((port,), (output,))
    return Signed(made, signature, spec=spec, tokenizer=base.tokenizer)
