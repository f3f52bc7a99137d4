"""What a run does about numbers that are not finite (`nonfinite=`), read without torch."""

from dataclasses import dataclass
from typing import Any

from cartograd.core.errors import UsageError, unknown
from cartograd.core.spec import Spec

KINDS = ("stop", "skip", "rollback")


@dataclass(frozen=True)
class Policy:
    """What to do when a loss or a gradient is not finite.

    Attributes:
        kind: `stop`, `skip` or `rollback`.
        steps: for how many steps the learning rate is lowered after going back.
        tries: how often to go back in a run.
    """

    kind: str = "stop"
    steps: int = 100
    tries: int = 3

    @classmethod
    def parse(cls, given: Any, /, *, folder: bool) -> "Policy":
        """From its text form, `rollback:steps=100,tries=3`.

        Raises:
            UsageError: it is none, or there is no folder to go back to.
        """
        spec = Spec.parse(given) if isinstance(given, str | Spec) else None
        if spec is None or spec.name not in KINDS:
            raise unknown("way with numbers that are not finite", str(given), KINDS)
        for key, value in spec.args.items():
            if spec.name != "rollback" or key not in ("steps", "tries"):
                raise unknown(f"argument of {spec.name}", key, ("steps", "tries"))
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UsageError(f"rollback: {key}={value!r}; expected a whole number above 0")
        if spec.name == "rollback" and not folder:
            raise UsageError("nonfinite=rollback goes back to a checkpoint: give folder=")
        return cls(spec.name, **spec.args)
