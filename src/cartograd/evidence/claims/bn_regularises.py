"""Gaps from training to test, with statistics of the batch and with those of the whole set."""

from functools import cache

from cartograd.evidence.claim import Claim, Measured
from cartograd.evidence.lab import dataset, few
from cartograd.evidence.rates import Best, best_rate
from cartograd.evidence.whole_set import losses

CLAIM = Claim(
    id="bn-regularises",
    place="norm/batch",
    en="Batch normalisation regularises slightly",
    zh="BatchNorm 有轻微正则化效果",
    hypothesis="MLPs 64-64 with batch normalisation before each ReLU learn 500 digits and 500 "
    "clothes by plain descent, 20 epochs in batches of 32; they are normalised by the batch's "
    "statistics, or by those of all 500 at each step. Each at the rate of least loss on "
    "validation images by two seeds that are not counted, on a grid that goes on where the best is "
    "at its edge. Tested by the statistics of all 500, both. If the noise of a batch's statistics "
    "regularises, the gap from training to test loss is smaller with it, and the test loss is not "
    "larger by 5 %, on both sets.",
    rule=(
        "mean gap batch - whole, digits < 0",
        "ratio test loss batch / whole, digits < 1.05",
        "mean gap batch - whole, clothes < 0",
        "ratio test loss batch / whole, clothes < 1.05",
    ),
    requires=("every best rates inside >= 1",),
    seeds=8,
    data="fashion-mnist",
    remark="On the clothes the gap is smaller by 0.02 of 0.6 nats, which is slight indeed, and the "
    "test loss is the same within 3 %. On the digits, learned nearly without error, test losses "
    "scatter by an eighth from seed to seed, too much to tell.",
    draw=("gap batch - whole, digits", "gap batch - whole, clothes"),
    axes=("gap with the batch's statistics less that with the whole set's, in nats", ""),
)
SETS = {"digits": "digits", "clothes": "fashion-mnist"}
ARMS = ("batch", "whole")
COUNT, TUNING = 500, (9000, 9001)
RATES = tuple(10 ** (k / 3) for k in range(-5, 0))


def measure(seed: int, /) -> Measured:
    """Losses of each arm at its best rate, and how the gaps differ."""
    found, inside = {}, True
    for name in SETS:
        gap, test = {}, {}
        for arm in ARMS:
            best = _best(name, arm)
            inside = inside and best.inside
            learned, test[arm] = _losses(name, arm, best.rate, seed, "test")
            gap[arm] = test[arm] - learned
            found |= {
                f"rate {arm}, {name}": best.rate,
                f"training loss {arm}, {name}": learned,
                f"test loss {arm}, {name}": test[arm],
            }
        found[f"gap batch - whole, {name}"] = gap["batch"] - gap["whole"]
        found[f"test loss batch / whole, {name}"] = test["batch"] / test["whole"]
    return found | {"best rates inside": float(inside)}


@cache
def _best(name: str, arm: str) -> Best:
    def loss(rate: float) -> float:
        return sum(_losses(name, arm, rate, seed, "valid")[1] for seed in TUNING)

    return best_rate(loss, RATES)


def _losses(name: str, arm: str, rate: float, seed: int, part: str) -> tuple[float, float]:
    """Of the 500 examples and of unseen ones of a part."""
    data = dataset(SETS[name])
    unseen = data.test if part == "test" else data.valid
    return losses(
        few(data.train, COUNT, seed=seed),
        few(unseen, min(len(unseen), 4 * COUNT), seed=seed),
        whole=arm == "whole",
        rate=rate,
        seed=seed,
    )
