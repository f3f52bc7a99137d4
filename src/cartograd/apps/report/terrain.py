"""The contour lines in a report's corner: a landscape drawn from the model's digest.

Some hills and hollows, placed by the digest's bytes. The same weights have the same lines, so two
reports of one model are known as such at a glance; they mean nothing else.
"""

import hashlib

import numpy as np
from markupsafe import Markup

WIDTH, HEIGHT = 520, 280
_HILLS, _LEVELS = 9, 13


def terrain(seal: str, /) -> Markup:
    """An SVG of contour lines, the same for the same text."""
    from matplotlib.figure import Figure

    seed = int.from_bytes(hashlib.sha256(seal.encode()).digest()[:8], "big")
    x, y, z = _landscape(np.random.default_rng(seed))
    levels = np.linspace(z.min(), z.max(), _LEVELS)[1:-1]
    lines = Figure().subplots().contour(x, y, z, levels).allsegs
    paths = "".join(f'<path d="{"".join(map(_path, level))}"/>' for level in lines)
    return Markup(
        f'<svg class="terrain" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{paths}</svg>'
    )


def _landscape(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.linspace(0, WIDTH, 90), np.linspace(0, HEIGHT, 50))
    z = np.zeros_like(x)
    for _ in range(_HILLS):
        middle, wide = random.uniform((0, 0), (WIDTH, HEIGHT)), random.uniform(45, 130)
        high, flat = random.uniform(0.4, 1) * random.choice((1, 1, -0.7)), random.uniform(0.6, 1.1)
        z += high * np.exp(-(((x - middle[0]) / wide) ** 2) - ((y - middle[1]) / wide / flat) ** 2)
    return x, y, z


def _path(line: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.0f} {y:.0f}" for x, y in line)
