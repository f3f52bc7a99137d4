"""What it costs to be answered by a model that explains itself, on five sets of data."""

from cartograd.evidence.boxes import BLACK, GLASS, best, parts
from cartograd.evidence.claim import Claim, Measured

CLAIM = Claim(
    id="explain-cost",
    place="xai/trade-off",
    en="Explainability costs performance",
    zh="可解释性以性能为代价",
    hypothesis="Tumours, wines, spirals, digits and 5,000 clothes are cut anew by each seed: two "
    "fifths to learn from, one to choose by, two to count on. Models that explain themselves are a "
    "decision tree, a linear one, on digits a prototype network and on clothes a concept "
    "bottleneck; black boxes are an MLP and boosted trees. Each kind has three settings, of which "
    "the validation part takes one, and it takes one kind of either side. The black box is better "
    "on the test part of most of the five, each with an interval above 0.",
    rule=(
        "mean price on tumours > 0",
        "mean price on wines > 0",
        "mean price on spirals > 0",
        "mean price on digits > 0",
        "mean price on clothes > 0",
    ),
    decide="majority",
    seeds=4,
    data="fashion-mnist",
    draw=(
        "price on tumours",
        "price on wines",
        "price on spirals",
        "price on digits",
        "price on clothes",
    ),
    axes=("test accuracy of the black box less that of the glass box", ""),
)
SETS = ("tumours", "wines", "spirals", "digits", "clothes")


def measure(seed: int, /) -> Measured:
    """The price on each set, and what each kind reaches."""
    found = {}
    for name in SETS:
        given = parts(name, seed)
        glass, black = (best(kinds, name, given, seed=seed) for kinds in (GLASS, BLACK))
        found[f"price on {name}"] = black["best"] - glass["best"]
        found |= {f"{kind}, {name}": value for kind, value in (glass | black).items()
                  if kind != "best"}  # fmt: skip
    return found
