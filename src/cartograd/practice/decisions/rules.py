"""Rules of thresholds (`threshold=`), looked up without importing torch."""

import math

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

RULES: dict[str, tuple[str, ...]] = {
    "f1": (),
    "balanced-accuracy": (),
    "cost": ("fp", "fn"),
    "recall": ("at",),
}
"""What is to be reached, and what has to be said of it."""


def rule(text: str | Spec, /) -> Spec:
    """A rule, checked.

    Raises:
        UsageError: there is no such rule, or a number of it is missing or out of range.
    """
    spec = Spec.parse(text)
    if spec.name not in RULES:
        raise unknown("rule of threshold", spec.name, RULES)
    wanted = RULES[spec.name]
    if spec.subject is not None or set(spec.args) != set(wanted):
        form = {"cost": "cost:fp=1,fn=10", "recall": "recall:at=0.9"}.get(spec.name, spec.name)
        raise UsageError(f"threshold={text}: expected {form}")
    for key, value in spec.args.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf or (key == "at" and value > 1):
            span = "a share above 0, at most 1" if key == "at" else "a number above 0"
            raise UsageError(f"threshold={text}: {key}={value}; expected {span}")
    return spec
