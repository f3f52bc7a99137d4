"""What a difference looks like: the usual mistakes, each recognised by making it again.

Nothing is guessed from names. A resize filter is named if resizing A's pixels by it gives B's; a
mean that was subtracted twice, if the numbers that turn A's input into B's are those of doing so.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cartograd.apps.replace.form import Form, Stage
from cartograd.apps.replace.network_causes import of_answer, of_head, of_layer
from cartograd.apps.replace.picture_causes import of_decoding, of_resizing, swapped

CLOSE = 2e-2
"""How near two numbers are that tell a mistake, as a share."""

Pair = tuple[Stage, Stage]


def cause_of(pair: Pair, before: Sequence[Pair], forms: Sequence[Form], /) -> str:
    """A hint of the cause; empty where it looks like nothing known.

    Args:
        pair: the stage at which the two part, of A and of B.
        before: the stages that agreed.
        forms: the two.
    """
    role = pair[0].role
    given = {one.role: one.value for one, _ in before}
    if role == "decode":
        return of_decoding(pair[0].value, pair[1].value)
    if role == "resize":
        return of_resizing(given.get("decode"), pair[0].value, pair[1].value)
    if role == "normalise":
        return of_normalising(given.get("resize", given.get("encode")), *pair)
    if role == "tokenise":
        return of_tokens(pair[0].value.tolist(), pair[1].value.tolist())
    if role == "pad":
        return of_padding(pair[0].value[0].tolist(), pair[1].value[0].tolist())
    if role == "layer":
        return of_layer(pair, forms)
    if role == "head":
        return of_head(pair, before)
    return of_answer(pair, forms)


def of_normalising(x: Tensor | None, one: Stage, other: Stage, /) -> str:
    """By what is done to the numbers: a line, channel by channel."""
    left, right = one.value, other.value
    if left.shape != right.shape:
        return ""
    if told := swapped(left, right):
        return told
    if x is None:
        return ""
    x = x.reshape(left.shape)
    axis = 1 if left.ndim in (2, 4) else 0
    own, theirs = (_line(x, y, axis) for y in (left, right))
    if own is None or theirs is None:
        return ""
    (a, c), (d, e) = own, theirs
    if _near(a, torch.ones_like(a), a) and _near(c, torch.zeros_like(c), a):
        return "B standardises its inputs, and A does not"
    known = (
        ("the mean is subtracted twice", a, 2 * c),
        ("it is standardised twice", a * a, a * c + c),
        ("the division by the standard deviation is missing", torch.ones_like(a), c / a),
        ("the mean is not subtracted", a, torch.zeros_like(c)),
        ("it is not standardised at all", torch.ones_like(a), torch.zeros_like(c)),
        ("it multiplies by the standard deviation in place of dividing", 1 / a, c / a / a),
        ("pixels from 0 to 255 are standardised as if they were from 0 to 1", 255 * a, c),
        ("pixels from 0 to 1 are divided by 255 once more", a / 255, c),
        ("mean and standard deviation are taken for pixels from 0 to 255", a / 255, c / 255),
    )
    for told, slope, shift in known:
        if _near(d, slope, a) and _near(e, shift, c):
            return told
    return "another mean or standard deviation"


def _line(x: Tensor, y: Tensor, axis: int) -> tuple[Tensor, Tensor] | None:
    """Slope and shift of y = a x + c in each channel, by least squares; None where x is constant.

    A channel that is constant says nothing, and takes those of the others.
    """
    rows = [one.double().movedim(axis, 0).flatten(1) for one in (x, y)]
    centred = [row - row.mean(1, keepdim=True) for row in rows]
    spread = centred[0].square().sum(1)
    there = spread > 1e-9
    if not there.any():
        return None
    a = (centred[0] * centred[1]).sum(1)[there] / spread[there]
    return a, rows[1].mean(1)[there] - a * rows[0].mean(1)[there]


def _near(found: Tensor, wanted: Tensor, unit: Tensor) -> bool:
    scale = torch.maximum(wanted.abs(), 1e-2 * unit.abs())
    return bool(((found - wanted).abs() <= CLOSE * scale).all())


def of_tokens(one: list[int], other: list[int], /) -> str:
    """By which tokens a text becomes.

    >>> of_tokens([5, 6, 7], [1, 5, 6, 7, 2])
    'B adds tokens before or after the text (1 before, 1 after)'
    """
    for short, long, name in ((one, other, "B"), (other, one, "A")):
        for start in range(1 + len(long) - len(short)):
            if short and long[start : start + len(short)] == short and len(long) > len(short):
                before, after = start, len(long) - start - len(short)
                if not before and long[: len(short)] == short and after > 3:
                    continue
                return (
                    f"{name} adds tokens before or after the text ({before} before, {after} after)"
                )
    short, long = sorted((one, other), key=len)
    if short and long[: len(short)] == short:
        return f"a text is cut off after {len(short)} tokens by one of them"
    alike = len(set(one) & set(other)) / max(1, len(set(one) | set(other)))
    return f"another tokenizer: {100 * alike:.0f} % of the tokens are in both"


def of_padding(one: list[int], other: list[int], /) -> str:
    """By where the tokens are that fill a row up.

    >>> of_padding([5, 6, 0, 0], [0, 0, 5, 6])
    'padding is on the other side: A fills up on the right, B on the left'
    """
    for fill in {*one[:1], *one[-1:], *other[:1], *other[-1:]}:
        bare = [_stripped(row, fill) for row in (one, other)]
        if bare[0] != bare[1] or not bare[0]:
            continue
        sides = ["left" if row[0] == fill else "right" for row in (one, other)]
        if sides[0] != sides[1]:
            return (
                f"padding is on the other side: A fills up on the {sides[0]}, B on the {sides[1]}"
            )
    return "another token fills up, or another length"


def _stripped(row: list[int], fill: int) -> list[int]:
    start = next((i for i, token in enumerate(row) if token != fill), len(row))
    end = next((i for i, token in enumerate(reversed(row)) if token != fill), 0)
    return row[start : len(row) - end]
