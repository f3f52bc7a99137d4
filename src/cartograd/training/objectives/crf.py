"""CRF: raise the probability of the right sequence of tags.

A tagger with a conditional random field on top gives every sequence of tags a probability. Its
logarithm is raised, not the probability of each tag by itself, so that the transitions between tags
are learned together with the tags.

    L = -log p(y_1 ... y_t | tokens) = log Z - score(y)

Shapes: a batch is (tokens `b t`, tags `b t`); a tag of -100 is unknown.

Departures: the loss is given for each token (a sequence's is divided by its tags, and counts as
often), so that it compares with the cross-entropy of single tags.

References:
    John Lafferty, Andrew McCallum, Fernando Pereira. Conditional random fields: probabilistic
    models for segmenting and labeling sequence data. ICML 2001.
    https://repository.upenn.edu/handle/20.500.14332/6188

>>> from cartograd.core.errors import UsageError
>>> try:
...     CRF(model=nn.Linear(2, 2))
... except UsageError as error:
...     print(str(error)[:55])
the objective crf needs a model with a conditional rand
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.protocols import Batch, Loss
from cartograd.core.signed import Signed

CARD = Card(
    name="crf",
    kind="objective",
    entry="CRF",
    nodes=("rnn/bidirectional",),
    title="Conditional random field",
    zh="条件随机场",
    paper="Conditional random fields: probabilistic models for segmenting and labeling sequence "
    "data",
    year=2001,
    url="https://repository.upenn.edu/handle/20.500.14332/6188",
    proofs=(
        "oracle: enumeration of all rows of tags, loss and gradients to 1e-10 in float64",
        "law: the mean over microbatches of unequal length equals the full batch",
    ),
)


@runtime_checkable
class Chained(Protocol):
    """A model that gives the negative log-likelihood of a sequence of tags."""

    def surprise(
        self, tokens: Int[Tensor, "b t"], tags: Int[Tensor, "b t"], /
    ) -> Float[Tensor, " b"]:
        """Minus the log probability of each sequence."""
        ...

    def best(self, tokens: Int[Tensor, "b t"], /) -> Int[Tensor, "b t"]:
        """The most probable sequence of tags."""
        ...


class CRF(nn.Module):
    """The negative log-likelihood of sequences of tags.

    Args:
        model: a tagger with a conditional random field, such as `bilstm-crf`.

    Raises:
        UsageError: the model gives no probability of a sequence of tags.
    """

    def __init__(self, *, model: nn.Module):
        super().__init__()
        chained = model.model if isinstance(model, Signed) else model
        if not isinstance(chained, Chained):
            raise UsageError(
                f"the objective crf needs a model with a conditional random field, such as "
                f"bilstm-crf; {type(chained).__name__} has none: train it with label-tokens"
            )
        self.model, self.chained = model, chained
        self.players = {"model": model}

    def losses(self, batch: Batch, /) -> Iterator[Loss]:
        """One loss: each sequence's, per tag; in evaluation also the share of right tags."""
        tokens, tags = batch
        known = tags >= 0
        count = known.sum(1)
        value = self.chained.surprise(tokens, tags) / count.clamp(min=1)
        metrics = {}
        if not self.training:
            metrics["accuracy"] = (self.chained.best(tokens) == tags)[known].to(value.dtype)
        yield Loss(value, weight=count.to(value.dtype), metrics=metrics)
