"""A claim with the result that is kept of it."""

from dataclasses import dataclass
from typing import Any

from cartograd.evidence.claim import Claim, deciding


@dataclass(frozen=True)
class KeptClaim:
    """A claim of the map, and what its experiment gave when it was last kept.

    Attributes:
        claim: the statement, hypothesis and rule.
        result: figures and verdict as JSON types; None if nothing was kept.
    """

    claim: Claim
    result: dict[str, Any] | None

    @property
    def verdict(self) -> str | None:
        """`holds`, `does not hold`, `contested` or `undecided`; None if nothing was kept."""
        return None if self.result is None else self.result["verdict"]

    @property
    def finding(self) -> dict[str, Any] | None:
        """The check that the verdict hangs on: its figure, interval and state."""
        return None if self.result is None else deciding(self.result)

    def to_json(self) -> dict[str, Any]:
        """The claim and its result."""
        return self.claim.to_json() | {"result": self.result}
