"""A deep network without nonlinearities, beside its one matrix, a linear model and a ReLU net."""

import torch

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset, train

CLAIM = Claim(
    id="no-activation-is-linear",
    place="activation/relu",
    en="Without a nonlinearity a deep network equals one linear layer",
    zh="没有非线性激活,多层网络等同单层线性模型",
    hypothesis="On two moons, a trained net of five layers of 32 units with the identity between "
    "them answers as the product of its matrices does, to 1e-5 of the largest score. Its test "
    "accuracy is that of softmax regression within 2 points, and below that of the same net with "
    "ReLU. All by AdamW at 0.01, 30 epochs; new moons for each seed.",
    rule=(
        "every product error < 1e-5",
        "mean deep linear - linear > -0.02",
        "mean deep linear - linear < 0.02",
        "mean ReLU - deep linear > 0",
    ),
    seeds=10,
    draw=("linear", "deep linear", "ReLU"),
    axes=("test accuracy", ""),
)


def measure(seed: int, /) -> Measured:
    """Accuracies of the three, and how far the product of matrices is from the deep one."""
    data = dataset(f"moons:noise=0.2,seed={seed}")
    deep = "mlp:widths=[32,32,32,32],activation="
    specs = {
        "linear": "softmax-regression",
        "deep linear": f"{deep}'leaky-relu:negative_slope=1'",  # a leak of 1 is the identity
        "ReLU": f"{deep}relu",
    }
    models, found = {}, {}
    for name, spec in specs.items():
        models[name] = build(spec, signature=data.signature)
        train(models[name], data.train, seed=seed, epochs=30, optimizer="adamw:lr=0.01")
        found[name] = accuracy(models[name], data.test)
    net = models["deep linear"].model
    x = data.test.inputs
    with torch.no_grad():
        product, shift = torch.eye(2), torch.zeros(2)
        for layer in (*net.hidden, net.head):
            product, shift = layer.weight @ product, layer.weight @ shift + layer.bias
        scores = net(x)
        gap = (x @ product.T + shift - scores).abs().max() / scores.abs().max()
    return found | {
        "product error": gap.item(),
        "deep linear - linear": found["deep linear"] - found["linear"],
        "ReLU - deep linear": found["ReLU"] - found["deep linear"],
    }
