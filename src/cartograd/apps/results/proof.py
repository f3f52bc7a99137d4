"""What is known of a property of a model: proved, refuted by an input, or unknown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.core.files import write_file

SHOWN = 8
"""Numbers of a counterexample that are printed."""


@dataclass(frozen=True)
class Proof:
    """The answer to a property.

    Attributes:
        model: what it is called.
        property: the file.
        answer: `proved` (no input of the boxes is answered unsafely), `refuted` or `unknown`.
        cases: how many alternatives the file has, and how many of them are proved.
        parts: how many parts of these were looked at.
        seconds: how long that took.
        inputs: the counterexample, which was run through the model.
        outputs: what the model answers to it.
        notes: what a reader should know.
    """

    model: str
    property: str
    answer: str
    cases: tuple[int, int]
    parts: int
    seconds: float
    inputs: Float[Tensor, "..."] | None = None
    outputs: Float[Tensor, " k"] | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON types."""
        told = {key: getattr(self, key) for key in ("model", "property", "answer", "parts")}
        told |= {"cases": self.cases[0], "proved": self.cases[1], "seconds": self.seconds}
        if self.inputs is not None and self.outputs is not None:
            told |= {"inputs": self.inputs.flatten().tolist(), "outputs": self.outputs.tolist()}
        return told | {"notes": list(self.notes)}

    def rows(self) -> list[tuple[str, str]]:
        """Lines to read: what, and its value."""
        whole, proved = self.cases
        lines = [
            ("answer", self.answer),
            ("cases", f"{proved} of {whole} proved, {self.parts} parts, {self.seconds:.1f} s"),
        ]
        if self.inputs is None or self.outputs is None:
            return lines
        for name, values in (("inputs", self.inputs.flatten()), ("outputs", self.outputs)):
            shown = ", ".join(f"{value:.6g}" for value in values[:SHOWN].tolist())
            lines.append((name, shown + (", ..." if len(values) > SHOWN else "")))
        return lines

    def write(self, path: str | Path, /) -> Path | None:
        """Write the counterexample as the VNN-COMP does; nothing where there is none.

        Raises:
            UsageError: the file cannot be written.
        """
        if self.inputs is None or self.outputs is None:
            return None
        pairs = [f"(X_{i} {x!r})" for i, x in enumerate(self.inputs.flatten().tolist())]
        pairs += [f"(Y_{i} {y!r})" for i, y in enumerate(self.outputs.tolist())]
        return write_file(path, ("sat\n(" + "\n".join(pairs) + ")\n").encode())
