"""The protocols between rooms: what an objective, an attack or a model that writes has to be.

These are protocols, not base classes: anything of the right shape is accepted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from cartograd.core.certificate import Verifier
from cartograd.core.generative import Sampler
from cartograd.core.poisoning import Detector
from cartograd.core.study import PrivacyAttack, Study

Batch = tuple[Tensor, ...]
"""Tensors with the examples along dimension 0; inputs first, the target (if any) last."""


@dataclass(frozen=True)
class Loss:
    """What an objective asks the engine to lower.

    Attributes:
        value: one number per example (shape `b`), or one for the whole batch. Per-example
            values let the engine divide by the number of examples once, so that several
            microbatches equal the full batch, also when they are uneven.
        player: whose parameters are stepped; a key of the objective's `players`.
        weight: how much each number of `value` counts, of its shape; 0 leaves a position out (a
            padded or masked one). What is lowered is `sum(weight value) / sum(weight)`, over all
            microbatches together. A value with weight 0 must be finite all the same.
        metrics: further numbers to log, as tensors (the engine reads them off rarely, so that
            logging does not wait for the device). Per example or a single mean.
    """

    value: Float[Tensor, "..."]
    player: str = "model"
    metrics: dict[str, Tensor] = field(default_factory=dict)
    weight: Float[Tensor, "..."] | None = None


@runtime_checkable
class Objective(Protocol):
    """What to learn. Usually an `nn.Module` that holds its players, averages and queues.

    `losses` is a generator: the engine takes a step for the named player after each yield and
    then resumes it, so an objective reads like its paper. Optional further methods:
    `after_step(player)` is called after each optimizer step (moving averages, queues);
    `validate(batch)` returns numbers by name (per example or one mean) for the validation pass, by
    default the losses themselves; if it gives `outputs`, the named metrics use them and the model
    is not run again; `weight` says how much each number of `loss` counts. Where the weights are
    averaged, `averaged` names the players that this is for, by default all.
    """

    players: dict[str, nn.Module]

    def losses(self, batch: Any, /) -> Iterator[Loss]:
        """Yield the losses of one batch, in the order in which the players step."""
        ...


@runtime_checkable
class Validating(Protocol):
    """An objective that says its own figures of the validation part."""

    def validate(self, batch: Any, /) -> dict[str, Any]:
        """The figures of a batch by name."""
        ...


@runtime_checkable
class Batches(Protocol):
    """A source of batches whose order is a function of the seed and the epoch only."""

    def epoch(self, number: int, /, *, seed: int, start: int = 0) -> Iterator[Batch]:
        """The batches of one epoch, from batch `start` on, without making the earlier ones."""
        ...

    def __len__(self) -> int:
        """Batches per epoch."""
        ...


@runtime_checkable
class Metric(Protocol):
    """A number that tells how good predictions are."""

    def __call__(
        self, outputs: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], /
    ) -> float:
        """From all outputs (logits or values) and all targets."""
        ...


@runtime_checkable
class Explainer(Protocol):
    """How much each input number contributed to an answer; what `explain` calls."""

    def __call__(
        self,
        model: nn.Module,
        x: Shaped[Tensor, "b ..."],
        /,
        *,
        target: Int[Tensor, " b"] | int | None = None,
    ) -> Float[Tensor, "b ..."]:
        """An attribution for each example; None takes the model's own answer."""
        ...


@runtime_checkable
class Attack(Protocol):
    """Changed inputs that the model gets wrong, within a bound; what `attack` calls."""

    def __call__(
        self, model: nn.Module, x: Shaped[Tensor, "b ..."], y: Int[Tensor, " b"], /
    ) -> Shaped[Tensor, "b ..."]:
        """Inputs of the shape of `x`."""
        ...


@runtime_checkable
class Adapter(Protocol):
    """Changes that are learned in the place of a model's weights; what `train` calls."""

    def __call__(self, model: nn.Module, /) -> list[str]:
        """The names of the layers that are changed from now on; nothing else of it learns."""
        ...


@runtime_checkable
class Compressor(Protocol):
    """A smaller or faster model that does nearly the same; what `compress` calls."""

    def __call__(self, model: nn.Module, data: Batches | None = None, /) -> nn.Module:
        """The new model; the old one is left as it is.

        Args:
            model: with its signature.
            data: batches of examples to calibrate or train on; a method that needs none takes no
                notice, and one that does refuses None.
        """
        ...


@runtime_checkable
class Exporter(Protocol):
    """A model as a file that other programs run; what `export` calls."""

    def __call__(self, model: nn.Module, path: str | Path, /) -> Path:
        """The file that was written."""
        ...


@runtime_checkable
class TokenSampler(Protocol):
    """A function of the next token's logits before one is sampled; what `generate` calls.

    Samplers are applied one after another, and each treats every row independently.
    """

    def __call__(
        self, logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b v"]:
        """The logits to sample from; minus infinity excludes a token.

        Args:
            logits: of the next token of each row.
            seen: the tokens so far; -1 is padding.
        """
        ...


@runtime_checkable
class Decoder(Protocol):
    """A model while it generates, with the cache of what it has read.

    Generation, beam search and speculation know nothing else of a model, so that they serve texts,
    images and sounds alike.
    """

    @property
    def length(self) -> int:
        """How many tokens it has read, padding at the left included."""
        ...

    def read(self, tokens: Int[Tensor, "b t"], /, *, last: bool = False) -> Float[Tensor, "b t2 v"]:
        """Logits after each of the new tokens, or (for long prompts) after the last one only.

        Raises:
            UsageError: more tokens than there is room for.
        """
        ...

    def reorder(self, rows: Int[Tensor, " n"], /) -> None:
        """Keep these rows in this order; a row may be named several times, or not at all."""
        ...

    def rewind(self, length: int, /) -> None:
        """Forget every token after the first `length`."""
        ...


@runtime_checkable
class Writer(Protocol):
    """A model that can generate; what `generate` calls.

    One that goes on from a text takes the number of rows, and as `starts` how many tokens at the
    left of each row are padding; one that answers takes its sources.
    """

    def decoder(self, given: Any, capacity: int, /) -> Decoder:
        """The model before its first token, with room for `capacity` tokens in each row."""
        ...


@runtime_checkable
class Transcriber(Protocol):
    """A speech-to-text model; what `predict` calls for the task `transcribe`.

    Attributes:
        samples: the longest sound that it hears.
    """

    samples: int

    def decoder(self, source: Float[Tensor, "b 1 n"], capacity: int, /) -> Decoder:
        """A decoder of a sound's text."""
        ...


@runtime_checkable
class Resizable(Protocol):
    """A network made for pictures of one size that can be brought to another."""

    def resized(self, size: int, /) -> tuple[nn.Module, dict[str, int], str]:
        """The network for pictures of another size, the arguments that change, and what was done.

        Args:
            size: height and width of the pictures.
        """
        ...


@runtime_checkable
class Aligner(Protocol):
    """An encoder-decoder that says where it looks; what `trace alignment` calls."""

    def alignment(
        self, source: Int[Tensor, "b s"], target: Int[Tensor, "b t"], /
    ) -> Float[Tensor, "b t s"]:
        """The attention weights over the source after each target token."""
        ...


CALLS: dict[str, type] = {
    "adapter": Adapter,
    "attack": Attack,
    "compressor": Compressor,
    "detector": Detector,
    "explainer": Explainer,
    "exporter": Exporter,
    "metric": Metric,
    "privacy-attack": PrivacyAttack,
    "sampler": Sampler,
    "study": Study,
    "token-sampler": TokenSampler,
    "verifier": Verifier,
}
"""How a verb calls a method of each kind once its hyperparameters are bound."""
