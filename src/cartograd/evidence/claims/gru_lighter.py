"""GRU and LSTM of the same width: weights, and accuracy on pictures read row by row."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, few, train

CLAIM = Claim(
    id="gru-lighter",
    place="rnn/gru",
    en="GRU: fewer parameters, like results",
    zh="GRU 参数更少,性能相当",
    hypothesis="A recurrent layer of 64 units on rows of 28 pixels has exactly 3/4 of the weights "
    "as a GRU. After an epoch on 20,000 pictures of Fashion-MNIST (Adam, rate 3e-3 for both) its "
    "accuracy on the test pictures is that of the LSTM within 2 points either way.",
    rule=("every off 3/4 < 1e-12", "mean gain > -0.02", "mean gain < 0.02"),
    data="fashion-mnist",
    remark="The gain is the GRU's accuracy less the LSTM's.",
    draw=("LSTM", "GRU"),
    axes=("", "test accuracy"),
)


def measure(seed: int, /) -> Measured:
    """Weights of both layers, and test accuracies."""
    data = dataset("fashion-mnist")
    some, right, weights = few(data.train, 20_000, seed=seed), {}, {}
    for name, spec in (("LSTM", "lstm"), ("GRU", "gru")):
        torch.manual_seed(seed)
        model = build(spec, signature=data.signature, dim=64)
        weights[name] = sum(one.numel() for one in model.model.memory.parameters())
        train(model, some, seed=seed, epochs=1, optimizer="adam:lr=3e-3", batch_size=64)
        right[name] = accuracy(model, data.test)
    share = weights["GRU"] / weights["LSTM"]
    gain = right["GRU"] - right["LSTM"]
    return {**right, "gain": gain, "GRU/LSTM weights": share, "off 3/4": abs(share - 0.75)}
