"""Temperature: logits are divided by it, which flattens or sharpens the probabilities.

At 1 the probabilities are the model's own. Towards 0 the likeliest token takes all; high
temperatures make all tokens nearly equally likely.

    temperature(z) = z / T

Shapes: logits `b v`, kept.

Departures: none.

References:
    David Ackley, Geoffrey Hinton, Terrence Sejnowski. A learning algorithm for Boltzmann machines.
    Cognitive Science, 1985. https://doi.org/10.1207/s15516709cog0901_7

>>> import torch
>>> seen = torch.zeros(1, 0, dtype=torch.int64)
>>> temperature(torch.tensor([[1.0, 3.0]]), seen, temperature=0.5).tolist()
[[2.0, 6.0]]
"""

from jaxtyping import Float, Int
from torch import Tensor

from cartograd.core.card import Card

CARD = Card(
    name="temperature",
    kind="token-sampler",
    entry="temperature",
    nodes=("ar/chain-rule",),
    title="Temperature",
    zh="温度采样",
    paper="A learning algorithm for Boltzmann machines",
    year=1985,
    url="https://doi.org/10.1207/s15516709cog0901_7",
    proofs=(
        "oracle: transformers.TemperatureLogitsWarper, values to 1e-10 in float64",
        "law: the entropy of what is drawn rises with the temperature, from 0 to log v",
    ),
    evidence={
        "ar/chain-rule": (
            "test_tokens_come_as_often_as_softmax_says",
            "test_entropy_rises_with_temperature",
        ),
    },
    tiny={"temperature": 0.7},
)


def temperature(
    logits: Float[Tensor, "b v"], seen: Int[Tensor, "b t"], /, *, temperature: float = 1.0
) -> Float[Tensor, "b v"]:
    """Logits over the temperature.

    Args:
        logits: of the next token, for each row.
        seen: the tokens of each row so far.
        temperature: what logits are divided by: below 1 sharper, above 1 flatter.
    """
    return logits if temperature == 1 else logits / temperature
