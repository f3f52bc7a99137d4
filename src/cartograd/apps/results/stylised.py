"""A picture in the style of another, and how near it came beside plain ways."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from cartograd.core.ports import Port


@dataclass(frozen=True)
class Stylised:
    """What `stylise` made.

    Attributes:
        picture: in the units of the port.
        port: of the model's pictures.
        layers: whose Gram matrices were to be the style's.
        place: the layer whose maps were to be the content's.
        style_loss: how far the Gram matrices are from the style's (0: equal) in the `content`
            picture as it was, with the style's `moments` (mean and spread of each colour) and
            `stylised`.
        content_cosine: the cosine between the maps of these three and the content's.
    """

    picture: Float[Tensor, "c y x"]
    port: Port
    layers: tuple[str, ...]
    place: str
    style_loss: dict[str, float]
    content_cosine: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """As JSON types, but for the picture."""
        return {
            "layers": list(self.layers),
            "place": self.place,
            "style_loss": self.style_loss,
            "content_cosine": self.content_cosine,
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Style loss and content cosine, of plain ways and of what was made."""
        return [
            (name, f"{loss:.4f}", f"{self.content_cosine[name]:.3f}")
            for name, loss in self.style_loss.items()
        ]
