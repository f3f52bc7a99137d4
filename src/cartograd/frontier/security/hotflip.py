"""HotFlip: a few tokens swapped so that a model of texts answers wrongly.

A token cannot move by a little, but its vector can: the gradient says, to first order, what each
other token in its place would do. The swaps that promise most are tried, the best is kept, and so
on until the answer turns or as many tokens are swapped as may be. Of a model of bytes these are
letters.

    gain of putting v at place i  ~  (e_v - e_(x_i)) . dL/de_i

Shapes: x and the result (b t), y (b).

Departures: of each step the `trials` best swaps are run through the model, where the paper takes
the first by its estimate. A place is swapped once. Only tokens of the text itself come in and go:
padding and the tokens that mean something else (begin, end, unknown, mask) do not. Where the text
as written gives the same tokens again, the changed one does, too. L is the log-odds against y.

References:
    Javid Ebrahimi, Anyi Rao, Daniel Lowd, Dejing Dou. HotFlip: white-box adversarial examples for
    text classification. ACL 2018. https://arxiv.org/abs/1712.06751

>>> bag = torch.nn.Embedding.from_pretrained(torch.eye(5)[:, :2], freeze=False)
>>> class Bag(torch.nn.Module):
...     def __init__(self):
...         super().__init__()
...         self.bag = bag
...     def forward(self, tokens):
...         return self.bag(tokens).mean(1)
>>> hotflip(Bag(), torch.tensor([[0, 0, 4, 1]]), torch.tensor([0]), share=0.5)
tensor([[1, 0, 4, 1]])
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.learning import check_learns, plain
from cartograd.core.signed import Signed, signature_if_any
from cartograd.frontier.explain.embedded import Embedded
from cartograd.frontier.inputs import check_each, check_takes, with_gradients
from cartograd.frontier.security.gain import Judged, ascent, judge

CARD = Card(
    name="hotflip",
    kind="attack",
    entry="hotflip",
    nodes=("attack/pgd",),
    title="HotFlip",
    zh="HotFlip 文本攻击",
    paper="HotFlip: white-box adversarial examples for text classification",
    year=2018,
    url="https://arxiv.org/abs/1712.06751",
    proofs=(
        "law: of a bag of words the swaps are those that an exhaustive search finds, one after the "
        "other; no more tokens than may be, none of padding or of a special meaning comes or goes; "
        "the changed text gives its tokens again; random swaps turn far fewer answers",
    ),
    tiny={"share": 0.5, "trials": 3},
)


def hotflip(
    model: nn.Module,
    x: Int[Tensor, "b t"],
    y: Int[Tensor, " b"],
    /,
    *,
    share: float = 0.15,
    trials: int = 8,
) -> Int[Tensor, "b t"]:
    """Texts with a few tokens swapped that the model gets wrong, or comes nearest to it.

    Args:
        model: gives logits for tokens, which it looks up in an `nn.Embedding`.
        x: the tokens of texts.
        y: the right classes.
        share: how many of a text's tokens may be swapped; one may in any case.
        trials: swaps that are tried at each step.

    Raises:
        UsageError: the inputs are no tokens, the model looks them up nowhere, does not choose
            between classes, or does not have the classes.
    """
    check_takes(model, x)
    check_each(y, x)
    if x.is_floating_point() or x.ndim != 2:
        raise UsageError(
            f"hotflip swaps tokens, and the inputs are {x.dtype} of shape {tuple(x.shape)}; take "
            "pgd or another attack on numbers (`cartograd list attack`)"
        )
    signature = signature_if_any(model)
    if signature and signature.task.attacked != "class":
        raise UsageError(
            f"an attack changes the class that is answered, but the output "
            f"{signature.output.name!r} has the task {signature.output.task!r}"
        )
    check_learns(model)
    with with_gradients(model):
        search = _Search(model, plain(x), plain(y.to(x.device).long()), trials)
        search.note(torch.arange(len(x), device=x.device))
        budget = (share * search.free.sum(1)).floor().long().clamp(min=1)
        while len(rows := search.able(budget).nonzero()[:, 0]):
            for row in rows.tolist():
                search.flip(row)
    return search.tokens


class _Search:
    """Where each text stands: its tokens now, which of them may go, and the gain."""

    def __init__(self, model: nn.Module, x: Tensor, y: Tensor, trials: int, /):
        self.model, self.tokens, self.y, self.trials = model, x.clone(), y, trials
        self.seen = Embedded(model, x)
        weights = self.seen.table.weight.detach()
        self.table = weights.to(torch.promote_types(weights.dtype, torch.float32))
        self.known, self.lasts = known_tokens(model, len(weights), x.device), lasting(model)
        self.free = self.known[x]
        self.swapped = torch.zeros(len(x), dtype=torch.long, device=x.device)
        self.stuck = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        self.fooled = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        self.gain = self.table.new_zeros(len(x))

    def note(self, rows: Tensor, /) -> None:
        """How the model answers now."""
        for some in rows.split(256):
            judged = judge(self.model, self.tokens[some], self.y[some])
            self.gain[some], self.fooled[some] = judged.gain.to(self.gain), judged.fooled

    def able(self, budget: Int[Tensor, " b"], /) -> Bool[Tensor, " b"]:
        """Which texts stand and may be changed further."""
        return ~self.fooled & ~self.stuck & (self.swapped < budget) & self.free.any(1)

    def flip(self, row: int, /) -> None:
        """The best of the swaps that promise most; none if none of these helps."""
        text, y = self.tokens[row], self.y[row : row + 1]
        vectors = self.seen.vectors(text[None])
        gradient, _ = ascent(self.seen, vectors, y)
        tried = self._promising(text, self.free[row], gradient[0, :, :-1])
        if tried is None:
            self.stuck[row] = True
            return
        places, texts = tried
        judged: Judged = judge(self.model, texts, y.expand(len(texts)))
        gain = torch.where(judged.fooled, judged.gain + 1e9, judged.gain)
        best = int(gain.argmax())
        if judged.gain[best] <= self.gain[row] and not judged.fooled[best]:
            self.stuck[row] = True
            return
        self.tokens[row], self.free[row, places[best]] = texts[best], False
        self.gain[row], self.fooled[row] = judged.gain[best], judged.fooled[best]
        self.swapped[row] += 1

    def _promising(
        self, text: Int[Tensor, " t"], free: Bool[Tensor, " t"], gradient: Float[Tensor, "t v"]
    ) -> tuple[Int[Tensor, " n"], Int[Tensor, "n t"]] | None:
        """Places and whole texts of the swaps that promise most and can be written."""
        gradient = gradient.to(self.table)
        promise = gradient @ self.table.T
        promise = promise - promise.gather(1, text[:, None])
        promise = promise.masked_fill(~free[:, None] | ~self.known[None], -torch.inf)
        promise = promise.scatter(1, text[:, None], -torch.inf).flatten()
        order = promise.topk(min(4 * self.trials, len(promise)))
        places, texts, lasts = list[int](), list[Tensor](), self.lasts(text)
        for value, at in zip(order.values.tolist(), order.indices.tolist(), strict=True):
            if value == float("-inf") or len(texts) == self.trials:
                break
            place, token = divmod(at, len(self.table))
            changed = text.clone()
            changed[place] = token
            if not lasts or self.lasts(changed):
                places.append(place)
                texts.append(changed)
        return (torch.tensor(places), torch.stack(texts)) if texts else None


def known_tokens(model: nn.Module, count: int, device: torch.device, /) -> Bool[Tensor, " n"]:
    """Which tokens are of a text, and of no special meaning."""
    known = torch.ones(count, dtype=torch.bool, device=device)
    signature = signature_if_any(model)
    port = signature.input if signature else None
    tokenizer = model.tokenizer if isinstance(model, Signed) else None
    if port is not None and port.bounds is not None:
        known[int(port.bounds[1]) + 1 :] = False
    special = set(tokenizer.special.values()) if tokenizer is not None else set[int]()
    if port is not None and port.padding_id is not None:
        special.add(port.padding_id)
    known[sorted(number for number in special if 0 <= number < count)] = False
    if tokenizer is not None:
        known[tokenizer.vocabulary :] = False
    return known


def lasting(model: nn.Module, /) -> Callable[[Tensor], bool]:
    """Whether a text, written out and read again, gives its tokens; yes without a tokenizer."""
    if not isinstance(model, Signed) or model.tokenizer is None:
        return lambda _: True
    tokenizer = model.tokenizer
    padding = {tokenizer.padding, model.signature.input.padding_id}

    def lasts(text: Tensor) -> bool:
        own = [token for token in text.tolist() if token not in padding]
        return tokenizer.encode(tokenizer.decode(own)) == own

    return lasts
