"""What each optimizer's default rate costs on ten tasks."""

from functools import cache

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import accuracy, dataset
from cartograd.evidence.rates import Best, best_rate
from cartograd.evidence.tasks import TASKS

CLAIM = Claim(
    id="adam-default",
    place="optim/adam",
    en="Adam is a good default across tasks",
    zh="Adam 是默认首选",
    hypothesis="An MLP, LeNet-5, a GRU and a Transformer on digits and clothes, and MLPs on "
    "tumours and spirals, learn three times as long as it takes them to fit: ten tasks, and the "
    "task is the unit. Regret is the share of the test accuracy between guessing and the best "
    "that an optimizer's default rate loses; the best is by any default or by Adam or momentum at "
    "the rate of greatest validation accuracy by a seed that is not counted, on a grid that goes "
    "on where the best is at its edge. The mean regret is less with Adam than with SGD, momentum, "
    "AdaGrad and RMSProp, and less than a tenth.",
    rule=(
        "tasks SGD - Adam > 0",
        "tasks momentum - Adam > 0",
        "tasks AdaGrad - Adam > 0",
        "tasks RMSProp - Adam > 0",
        "tasks Adam < 0.1",
    ),
    requires=("every best rates inside >= 1",),
    seeds=2,
    first=100,
    data="fashion-mnist",
    remark="The defaults are torch's, but for 0.01 with SGD and momentum.",
    axes=("regret", ""),
)
DEFAULTS = {
    "SGD": "sgd:lr=0.01",
    "momentum": "momentum:lr=0.01",
    "AdaGrad": "adagrad:lr=0.01",
    "RMSProp": "rmsprop:lr=0.01",
    "Adam": "adam:lr=0.001",
}
TUNED = {"adam": (-6, -5, -4), "momentum": (-4, -3, -2)}
"""Halves of powers of ten where the search begins."""
TUNING = 9000


def measure(seed: int, /) -> Measured:
    """The regret of each default on each task, and how much more it is than Adam's."""
    found, inside = {}, True
    for task in TASKS:
        best = {rule: _best(task, rule) for rule in TUNED}
        inside = inside and all(one.inside for one in best.values())
        right = {name: _right(task, spec, seed) for name, spec in DEFAULTS.items()}
        tuned = [_right(task, f"{rule}:lr={one.rate}", seed) for rule, one in best.items()]
        top = max(*right.values(), *tuned)
        least = 1 / dataset(TASKS[task].source).signature.outputs[0].size
        regret = {name: (top - value) / (top - least) for name, value in right.items()}
        found |= {f"{name}: {task}": value for name, value in regret.items()}
        found |= {f"{x} - Adam: {task}": regret[x] - regret["Adam"] for x in list(DEFAULTS)[:-1]}
        found |= {f"rate of {rule}, {task}": one.rate for rule, one in best.items()}
    return found | {"best rates inside": float(inside)}


@cache
def _best(task: str, rule: str) -> Best:
    grid = [10 ** (k / 2) for k in TUNED[rule]]
    return best_rate(lambda rate: -_right(task, f"{rule}:lr={rate}", TUNING, "valid"), grid)


def _right(task: str, spec: str, seed: int, part: str = "test") -> float:
    """Accuracy after the training; none is right where it broke down."""
    model = TASKS[task].longer(3).trained(spec, seed)
    data = dataset(TASKS[task].source)
    return 0.0 if model is None else accuracy(model, data.test if part == "test" else data.valid)
