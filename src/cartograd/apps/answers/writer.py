"""What a model writes an answer with: its decoder, where it begins, what ends it, how much fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from cartograd.architectures.decoding.beam import ENDINGS, beam_search
from cartograd.architectures.decoding.bounded import Bounded
from cartograd.architectures.decoding.generate import generate
from cartograd.core import registry
from cartograd.core.build import build, hyperparameters
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature
from cartograd.core.protocols import Decoder, TokenSampler, Writer
from cartograd.core.signed import Signed
from cartograd.core.spec import Spec
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.data.text.tokens import ENDS


@dataclass(frozen=True)
class Begun:
    """A decoder that has read nothing, and what to begin with."""

    decoder: Decoder
    prompt: Tensor
    starts: Tensor | None
    length: int


@dataclass(frozen=True)
class Manner:
    """How a model writes where nobody says otherwise: as it was published.

    Attributes:
        beams: of a beam search; 1 is no search.
        length_penalty, ending: of the same.
        repetition_penalty: by how much tokens that were there before become less likely.
        ngram: how many tokens in a row may not come twice; 0 if any may.
        first, last, least: of answers, as of `decoding.bounded`; `least` is 0 if any may be short.
    """

    beams: int = 1
    length_penalty: float = 1.0
    ending: str = "certain"
    repetition_penalty: float = 1.0
    ngram: int = 0
    first: int | None = None
    last: int | None = None
    least: int = 0

    def samplers(self, first: Begun, stop: frozenset[int], /) -> list[TokenSampler]:
        """What changes the scores of each next token.

        Args:
            first: what is begun with.
            stop: the tokens that end a text.
        """
        found: list[TokenSampler] = []
        if self.repetition_penalty != 1:
            args: dict[str, Any] = {"repetition_penalty": self.repetition_penalty}
            found.append(build(Spec("repetition-penalty", args), kind="token-sampler"))
        if self.ngram:
            found.append(
                build(Spec("no-repeat-ngram", {"ngram": self.ngram}), kind="token-sampler")
            )
        if (self.first, self.last, self.least) != (None, None, 0):
            most = first.prompt.shape[1] + first.length
            found.append(Bounded(self.first, self.last, self.least, most, stop))
        return found

    def searched(self, first: Begun, stop: frozenset[int], /) -> list[list[int]]:
        """The best answer of each row that a beam search finds."""
        rows = beam_search(
            first.decoder, first.prompt, length=first.length, stop=stop, beams=self.beams,
            length_penalty=self.length_penalty, ending=self.ending,
            samplers=self.samplers(first, stop),
        )  # fmt: skip
        return [row[0].tokens for row in rows]


def manner_of(tokenizer: Tokenizer, /) -> Manner:
    """How the model that a tokenizer came with writes.

    Raises:
        UsageError: what is said of it cannot be.
    """
    said: dict[str, Any] = tokenizer.manner
    try:
        manner = Manner(**said)
        least = min(manner.ngram, manner.least)
        if min(manner.beams, manner.repetition_penalty, 1 + least) > 0 and manner.ending in ENDINGS:
            return manner
    except TypeError:
        pass
    raise UsageError(f"the tokenizer's manner of writing cannot be: {said}")


def writer_of(model: nn.Module, signature: Signature, name: str, /) -> Writer:
    """The model as one that writes texts.

    Raises:
        UsageError: its task is another one, or it has no decoder.
    """
    task = signature.task
    if task.generated is None:
        raise UsageError(
            f"{name} does not write: its task is {task.name}, which `cartograd predict` answers; "
            "expected one that writes, a language model or an encoder-decoder"
        )
    if not isinstance(model, Writer):
        raise UsageError(
            f"{name} does not write: expected a language model or an encoder-decoder, like llama, "
            "gpt2 or t5"
        )
    return model


def tokenizer_of(tokenizer: Tokenizer | None, name: str, /) -> Tokenizer:
    """The tokenizer that a model came with.

    Raises:
        UsageError: it came without.
    """
    if tokenizer is None:
        raise UsageError(
            f"{name} came without a tokenizer, so it cannot read a prompt; sign it with one: "
            "Signed(model, signature, tokenizer=...)"
        )
    return tokenizer


def writes(model: Signed, /) -> bool:
    """Whether a model can write answers whose texts can be measured."""
    task = model.signature.task
    able = task.generated == "answer" and isinstance(model.model, Writer)
    return able and model.tokenizer is not None


def ends(tokenizer: Tokenizer, /) -> frozenset[int]:
    """The tokens that end an answer: those that were published with it, or the usual ones."""
    if tokenizer.stops:
        return tokenizer.stops
    known = {tokenizer.number(word) for word in ENDS} | {tokenizer.end}
    return frozenset(end for end in known if end is not None)


def architecture(model: Signed, /) -> Spec | None:
    """The spec of a model, or of the model that compressors began with."""
    spec = model.spec
    while spec is not None and isinstance(inner := spec.args.get("model"), Spec):
        spec = inner
    return spec


def context_of(model: Signed, /) -> int | None:
    """The context length of a model, where its spec has it."""
    spec = architecture(model)
    if spec is None:
        return None
    known = hyperparameters(registry.find(spec.name, kind="model")[0])
    return spec.args.get("context", known["context"].default) if "context" in known else None


def begun(
    writer: Writer,
    model: Signed,
    source: Int[Tensor, "b s"],
    length: int,
    /,
) -> Begun:
    """The decoder of answers to sources, before its first token.

    Args:
        writer: what writes: the model's own module, or a faster form of it.
        model: with its signature and tokenizer.
        source: rows of tokens.
        length: the most new tokens; fewer where the model's context is shorter.
    """
    start, context = model.tokenizer.begin, context_of(model)
    if start is None:
        start = model.signature.inputs[1].padding_id or 0
    prompt = torch.full((len(source), 1), start, device=source.device)
    room = length if context is None else min(length, context - 1)
    return Begun(writer.decoder(source, room + 1), prompt, None, room)


def answered(model: Signed, source: Int[Tensor, "b s"], length: int, name: str, /) -> Sequence[str]:
    """The likeliest answer to each source, token by token.

    Raises:
        UsageError: the model does not write, or came without a tokenizer.
    """
    tokenizer = tokenizer_of(model.tokenizer, name)
    first = begun(writer_of(model.model, model.signature, name), model, source, length)
    stop, manner = ends(tokenizer), manner_of(tokenizer)
    if manner.beams > 1:
        rows = manner.searched(first, stop)
    else:
        said = {"length": first.length, "stop": stop, "samplers": manner.samplers(first, stop)}
        rows = generate(first.decoder, first.prompt, **said)
    return [tokenizer.decode([token for token in row if token not in stop]) for row in rows]
