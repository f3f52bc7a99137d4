"""What models that say something at each token have to say of a text."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.apps.chances import chances
from cartograd.core.errors import UsageError
from cartograd.core.ports import Signature


def of_texts(
    signature: Signature,
    tokens: Int[Tensor, "b t"],
    outputs: Float[Tensor, "b t k"],
    /,
    *,
    tokenizer: Any = None,
    top: int | None = None,
) -> list[dict[str, Any]]:
    """An answer for each text.

    A model of its own vocabulary says which token comes next (where its output is called `next
    ...`) or which one is behind the mask; any other says a label for each token.

    Args:
        signature: of the model.
        tokens: what it was given.
        outputs: its logits.
        tokenizer: what spells a token.
        top: how many to name, the likeliest first; all if left out.

    Raises:
        UsageError: there is no mask in the text, or more than one.
    """
    port, padding = signature.output, signature.input.padding_id
    there = torch.ones_like(tokens, dtype=torch.bool) if padding is None else tokens != padding
    found = chances(outputs)
    if port.name.startswith("next"):
        places = [int(row.nonzero()[-1]) for row in there]
    elif port.dims[-1] == signature.sizes().get("vocabulary"):
        places = [_mask(row, tokenizer) for row in tokens]
    else:
        names = port.labels or tuple(map(str, range(found.shape[-1])))
        return [
            {"labels": [names[place] for place in row[here].argmax(-1).tolist()]}
            for row, here in zip(found, there, strict=True)
        ]
    answers = []
    for row, place in zip(found, places, strict=True):
        shares, order = row[place].topk(min(top or row.shape[-1], row.shape[-1]))
        named = {
            _spelled(number, port.labels, tokenizer): share
            for number, share in zip(order.tolist(), shares.tolist(), strict=True)
        }
        first = next(iter(named))
        answers.append({"label": first, "probability": named[first], "probabilities": named})
    return answers


def _mask(row: Int[Tensor, " t"], tokenizer: Any) -> int:
    if tokenizer is None or tokenizer.mask is None:
        raise UsageError("there is no tokenizer that knows a mask; give the model's own numbers")
    places = (row == tokenizer.mask).nonzero().flatten().tolist()
    if len(places) != 1:
        word = tokenizer.token(tokenizer.mask)
        raise UsageError(f"the text has {len(places)} masks; write {word} where one token belongs")
    return places[0]


def _spelled(number: int, labels: tuple[str, ...], tokenizer: Any) -> str:
    """A token for a reader; half a letter as its vocabulary spells it."""
    if tokenizer is None:
        return labels[number] if labels else str(number)
    text = tokenizer.decode([number], special=True)
    return tokenizer.token(number) if not text or "\ufffd" in text else text
