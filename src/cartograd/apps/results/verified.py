"""Of how many examples an answer is proved, beside what attacks leave."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartograd.apps.answers import units
from cartograd.apps.results.security_curve import Share
from cartograd.core.notebook import drawn


@dataclass(frozen=True)
class Proved:
    """What a method says of the examples at one size.

    Attributes:
        proved: the share with a proof that the right class stands.
        refuted: how many are answered otherwise by an input that was run through the model.
        unknown: how many are neither.
    """

    proved: Share
    refuted: int
    unknown: int

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {"proved": self.proved.to_json(), "refuted": self.refuted, "unknown": self.unknown}


@dataclass(frozen=True)
class VerifiedAccuracy:
    """Verified accuracy by method and size.

    Attributes:
        model: what it is called.
        source: the data and their part.
        eps: sizes, from small to large; none where a method has none.
        norm: what they measure.
        examples: how many were looked at.
        clean: accuracy at the examples themselves.
        methods: for each verifier what it says at each size.
        attacked: accuracy under PGD at each size, where the sizes are an attack's.
        attack: the spec of that attack.
        seconds: for each verifier how long it took for an example and a size, on average.
        fallen: how many proofs the attack contradicts, which has to be none.
        notes: what a reader should know.
    """

    model: str
    source: str
    eps: tuple[float, ...]
    norm: str
    examples: int
    clean: Share
    methods: dict[str, tuple[Proved, ...]]
    attacked: tuple[Share, ...] = ()
    attack: str = ""
    seconds: dict[str, float] | None = None
    fallen: int = 0
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        return {
            "model": self.model,
            "data": self.source,
            "examples": self.examples,
            "norm": self.norm,
            "eps": list(self.eps),
            "clean": self.clean.to_json(),
            "methods": {
                name: [one.to_json() for one in told] for name, told in self.methods.items()
            },
            "attack": self.attack,
            "attacked": [share.to_json() for share in self.attacked],
            "seconds": self.seconds,
            "fallen": self.fallen,
            "notes": list(self.notes),
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """The headings of the table."""
        return ("method", *(f"eps {units.number(size)}" for size in self.eps or ()), *self._whole)

    @property
    def _whole(self) -> tuple[str, ...]:
        return () if self.eps else ("proved", "refuted", "unknown")

    def rows(self) -> list[tuple[str, ...]]:
        """What is proved by each method, then what stands under attack, then without one."""
        rows = []
        for name, told in self.methods.items():
            cells = [said(one.proved) for one in told]
            if not self.eps:
                cells += [str(told[0].refuted), str(told[0].unknown)]
            rows.append((name, *cells))
        if self.attacked:
            rows.append((f"{self.attack} (attack)", *map(said, self.attacked)))
        if self.eps:
            rows.append(("no change", *[said(self.clean)] * len(self.eps)))
        return rows

    def draw(self, path: str | Path, /) -> Path:
        """Write curves and tables as an HTML page that needs nothing beside."""
        return drawn("verified_page:verified_page", self, path)


def said(share: Share, /) -> str:
    """A share with its interval, for a cell."""
    low, high = (
        units.percent(end, digits=0).removesuffix("%").strip() for end in (share.low, share.high)
    )
    return f"{units.percent(share.value)} ({low} to {high})"
