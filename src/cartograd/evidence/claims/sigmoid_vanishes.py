"""How much of the last layer's gradient reaches the first, through 20 layers."""

from cartograd.core.build import build
from cartograd.evidence.claim import Claim, Curve, Measured
from cartograd.evidence.lab import dataset
from cartograd.foundations.initialization.initialise import initialise
from cartograd.training.objectives.classify import Classify

CLAIM = Claim(
    id="sigmoid-vanishes",
    place="activation/sigmoid",
    en="Gradients vanish through deep sigmoid networks",
    zh="Sigmoid 深层网络梯度消失",
    hypothesis="In untrained MLPs of 20 hidden layers of 64 units on 256 digits, the norm of the "
    "first layer's gradient over the last hidden layer's is smaller with sigmoid (Xavier) than "
    "with ReLU (Kaiming) by a factor of more than 1000. Beside them tanh (Xavier), and sigmoid "
    "with Xavier of gain 4, which makes up for its slope of 1/4.",
    rule=("ratio ReLU/sigmoid > 1000",),
    seeds=5,
    remark="Most of it is the slope of 1/4: a start with four times the width brings the ratio "
    "from 1e-12 to 1e-4.",
    draw=("sigmoid", "sigmoid, gain 4", "tanh", "ReLU"),
    axes=("hidden layer", "norm of its gradient"),
    scale="y",
)
STARTS = {
    "sigmoid": ("sigmoid", "xavier"),
    "sigmoid, gain 4": ("sigmoid", "xavier:gain=4"),
    "tanh": ("tanh", "xavier"),
    "ReLU": ("relu", "kaiming"),
}


def measure(seed: int, /) -> Measured:
    """First over last gradient norm of each, and the norms of all layers."""
    data = dataset("digits")
    batch = next(iter(data.train.batches(batch_size=256).epoch(0, seed=seed)))
    share, found = {}, {}
    for name, (activation, start) in STARTS.items():
        spec = f"mlp:widths={[64] * 20},activation={activation}"
        model = build(spec, signature=data.signature)
        initialise(model, start)
        next(Classify(model=model).losses(batch)).value.mean().backward()
        norms = [layer.weight.grad.norm().item() for layer in model.model.hidden]
        found[name] = Curve(list(range(1, 21)), norms)
        share[f"{name}: first/last"] = norms[0] / norms[-1]
    first, other = share["ReLU: first/last"], share["sigmoid: first/last"]
    return share | found | {"ReLU/sigmoid": first / other}
