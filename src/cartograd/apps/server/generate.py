"""Drawn examples for a request: how many, of which class, from which seed; as JSON or one PNG."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.apps.load.target import as_signed
from cartograd.apps.report.pictures import png, shades
from cartograd.apps.report.samples import grid
from cartograd.apps.server.body import Limits
from cartograd.apps.server.decode import parsed
from cartograd.apps.server.refusal import RefusalError
from cartograd.apps.server.served import Served
from cartograd.apps.verbs.conditions import classes_of, columns_of
from cartograd.apps.verbs.sample import sample
from cartograd.core.errors import unknown
from cartograd.core.spec import Spec

KEYS: dict[str, tuple[type, ...]] = {
    "count": (int,),
    "class": (str, int, list),
    "seed": (int,),
    "sampler": (str,),
    "guidance": (int, float),
    "temperature": (int, float),
    "truncation": (int, float),
}
"""What a request may say, and the JSON types of each."""

COUNT = 16
"""Examples, where a request does not say."""

LIKE = '{"count": 4, "class": "3", "seed": 1}'
"""A request."""


@dataclass(frozen=True)
class Drawn:
    """Drawn examples.

    Attributes:
        x: in the units of the model's port.
        classes: that were asked for; none of a model without.
        seed: that draws the same again.
        across: pictures to a row of a grid, where a class is a column.
    """

    x: Float[Tensor, "b ..."]
    classes: list[str]
    seed: int
    across: int | None

    def to_json(self) -> dict[str, Any]:
        """Nested rows of numbers."""
        told = {"classes": self.classes} if self.classes else {}
        return {"examples": self.x.tolist(), "seed": self.seed} | told


def asked(body: bytes, limits: Limits, /) -> dict[str, Any]:
    """What a request says, by the names of `sample`.

    Raises:
        RefusalError: 400 it is no JSON object, 422 a key or a value is not understood, or too much
            is asked for.
    """
    said = parsed(body or b"{}", like=LIKE)
    if not isinstance(said, dict):
        raise RefusalError(422, f"the body is no object; expected {LIKE}")
    for key, value in said.items():
        if key not in KEYS:
            raise unknown("key", key, KEYS)
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            words = " or ".join(kind.__name__ for kind in KEYS[key])
            raise RefusalError(422, f"{key}={value!r} is of the wrong type; expected {words}")
    count = said.get("count", COUNT)
    if not 1 <= count <= limits.drawn:
        raise RefusalError(422, f"count={count} is out of range; expected 1 to {limits.drawn}")
    if not 0 <= said.get("seed", 0) < 2**63:
        raise RefusalError(422, f"seed={said['seed']} is out of range; expected 0 to 2^63 - 1")
    steps = Spec.parse(said["sampler"]).args.get("steps", 0) if "sampler" in said else 0
    if isinstance(steps, int) and steps > limits.steps:
        raise RefusalError(422, f"steps={steps} is out of range; expected at most {limits.steps}")
    named = {"condition": said.pop("class")} if "class" in said else {}
    return {"count": COUNT, "seed": 0} | said | named


def drawn(served: Served, said: dict[str, Any], /) -> Drawn:
    """The examples, as `cartograd generate` draws them from the same seed.

    Raises:
        UsageError: the model draws none, or has no such classes or samplers.
    """
    options = dict(said)
    count, model = options.pop("count"), as_signed(served.model)
    x = sample(model, count, device=str(served.device), **options)
    numbers = classes_of(model, options.get("condition"), count)
    port = served.signature.condition
    named = [] if numbers is None or port is None else [port.labels[n] for n in numbers.tolist()]
    across = columns_of(model, options.get("condition"), count)
    return Drawn(x, named, options["seed"], across)


def picture(served: Served, found: Drawn, /) -> bytes:
    """Drawn pictures in a grid, as a PNG.

    Raises:
        RefusalError: 406 they are no pictures.
    """
    port = served.signature.example
    if port.kind != "image":
        raise RefusalError(
            406, f"the examples are of kind {port.kind!r} and no pictures; ask for application/json"
        )
    return png(grid([shades(one, port) for one in found.x], across=found.across))
