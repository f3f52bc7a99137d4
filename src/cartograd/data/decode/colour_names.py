"""The colour that a picture mostly has, by its everyday name.

Each visible pixel has a hue, a saturation and a value, and by these one of nine names: those of the
coloured hearts, circles and squares among emoji. Dark ones are black, pale ones white, dark orange
is brown; pink counts as purple where it leans to blue and as red where it does not.

References:
    Alvy Ray Smith. Color gamut transform pairs. SIGGRAPH 1978.
    https://doi.org/10.1145/965139.807361

>>> from PIL import Image
>>> main_colour(Image.new("RGBA", (4, 4), (200, 30, 30, 255)))
'red'
>>> main_colour(Image.new("RGBA", (4, 4), (110, 70, 40, 255)))
'brown'
"""

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white")

HUES = ((17, "red"), (40, "orange"), (67, "yellow"), (165, "green"), (255, "blue"),
        (335, "purple"), (360, "red"))  # fmt: skip
"""Up to which hue, in degrees, a clear colour has which name."""

DARK, PALE, BRIGHT = 0.3, 0.2, 0.62
"""Value below which a pixel is black; saturation below which it has no hue, and is white if its
value is at least the third number, else black."""

WARM, DULL = (10, 45), 0.75
"""Hues that are brown where the value is below the third number."""

VISIBLE = 0.5
"""Opacity from which a pixel counts."""

SIDE = 32
"""Pictures are made this small first."""


def main_colour(picture: Image.Image, /) -> str:
    """The name that most visible pixels have; white where nothing is visible."""
    small = np.asarray(picture.convert("RGBA").resize((SIDE, SIDE), Image.Resampling.BOX)) / 255
    seen = small[small[..., 3] >= VISIBLE][:, :3]
    counts = np.bincount(_numbers(seen), minlength=len(COLOURS))
    return COLOURS[int(counts.argmax())] if len(seen) else "white"


def _numbers(pixels: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """The number of each pixel's colour."""
    value, least = pixels.max(1, initial=0.0), pixels.min(1, initial=1.0)
    spread = np.maximum(value - least, 1e-9)
    saturation = spread / np.maximum(value, 1e-9)
    red, green, blue = pixels.T
    hue = 60 * np.select(
        [value == red, value == green],
        [((green - blue) / spread) % 6, (blue - red) / spread + 2],
        (red - green) / spread + 4,
    )
    number = {name: index for index, name in enumerate(COLOURS)}
    limits = np.array([limit for limit, _ in HUES])
    named = np.array([number[name] for _, name in HUES])
    found = named[np.searchsorted(limits, hue.clip(0, 359.9), side="right")]
    found[(hue >= WARM[0]) & (hue <= WARM[1]) & (value < DULL)] = number["brown"]
    found[(saturation < PALE) & (value >= BRIGHT)] = number["white"]
    found[(saturation < PALE) & (value < BRIGHT)] = number["black"]
    found[value < DARK] = number["black"]
    return found
