"""Secure inference by additive shares: parties answer for a model and inputs that none sees.

Inputs and weights are whole numbers modulo 2^64, cut into random summands. Each party computes with
its own; products, truncation and comparisons take messages that look like noise, and numbers that a
dealer made before. Only who asked adds up the answer.

    x = sum_p x_p mod 2^64,   y = W x + b by Beaver's triples,   relu by the shared sign

Shapes: those of the model.

Departures: parties follow the protocol and do not pool what they see (semi-honest); the dealer is
trusted and knows no values, but in one process it is the same program; running times are not made
constant. Numbers have 16 binary places, so that answers are off by rounding. All know the shapes of
layers, numbers in the model's code, and the mean and spread by which a signature standardises.

References:
    Donald Beaver. Efficient multiparty protocols using circuit randomization. CRYPTO 1991.
    https://doi.org/10.1007/3-540-46766-1_34
    Payman Mohassel, Yupeng Zhang. SecureML: a system for scalable privacy-preserving machine
    learning. IEEE S&P 2017. https://eprint.iacr.org/2017/396

>>> import torch
>>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
>>> secured, x = additive_shares(model), torch.randn(5, 3)
>>> bool((secured(x) - model(x)).abs().max() < 1e-3), secured.parties.rounds
(True, 17)
"""

import hashlib
import secrets

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.eval_mode import evaluating
from cartograd.core.signed import Signed
from cartograd.frontier.secure_inference.arithmetic import Arithmetic
from cartograd.frontier.secure_inference.parties import Apart, Parties, Together
from cartograd.frontier.secure_inference.ring import floating
from cartograd.frontier.secure_inference.rules import RULES
from cartograd.frontier.secure_inference.shared import Known, Shared

CARD = Card(
    name="additive-shares",
    kind="secure-inference",
    entry="additive_shares",
    nodes=("privacy/mpc",),
    title="Secure inference by additive shares",
    zh="加性秘密分享安全推理（MPC）",
    paper="SecureML: a system for scalable privacy-preserving machine learning",
    year=2017,
    url="https://eprint.iacr.org/2017/396",
    proofs=(
        "law: what a party holds and sees is uniform, by chi-squared",
        "law: products, truncation, signs and maxima of shares are those of the numbers, also of "
        "the largest",
        "law: answers are those of plain text within the fixed-point error that is told, the "
        "likeliest class the same",
        "law: parties in processes of their own answer as those in one",
    ),
    tiny={"parties": 3},
    evidence={
        "privacy/mpc": (
            "test_what_a_party_holds_and_sees_is_uniform",
            "test_answers_are_those_of_plain_text",
            "test_one_layer_is_within_the_told_error",
        ),
    },
)

AT_ONCE = 64
"""Examples that go through together, as signs take 64 bits a number."""


class Secured(nn.Module):
    """A model whose answers parties compute on shares.

    Args:
        model: what answers.
        parties: who computes.
        fraction_bits: binary places of numbers.
        secret: what the dealer's numbers follow from; drawn if it is None.
    """

    def __init__(
        self, model: nn.Module, parties: Parties, /, *, fraction_bits: int, secret: int | None
    ):
        super().__init__()
        self.model, self.parties, self.places = model, parties, fraction_bits
        chosen = secrets.randbits(256) if secret is None else secret
        self.secret = hashlib.sha256(str(chosen).encode()).digest()
        self.calls = 0

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The answers, which who asked learns; zeros for the parties in other processes.

        Raises:
            UsageError: the model does what cannot be done with shares.
        """
        self.calls += 1
        arithmetic = Arithmetic(
            self.parties,
            secret=self.secret + self.calls.to_bytes(8, "big"),
            fraction_bits=self.places,
        )
        signed = isinstance(self.model, Signed)
        public = [*self.model.buffers(recurse=False)] if signed else []  # of the signature
        kept = [*self.model.parameters(), *self.model.buffers()]
        known = Known(arithmetic, kept, public, RULES)
        answers = []
        with evaluating(self.model), torch.no_grad():
            for some in x.split(AT_ONCE):
                answer = self.model(known.input(some))
                if not isinstance(answer, Shared):
                    raise UsageError(
                        f"secure inference takes models that answer with a tensor; this one gives "
                        f"{type(answer).__name__}"
                    )
                answers.append(self.parties.revealed(answer.shares))
        return floating(torch.cat(answers), self.places)


def additive_shares(
    model: nn.Module,
    /,
    *,
    parties: int = 2,
    fraction_bits: int = 16,
    secret: int | None = None,
) -> Secured:
    """A model that is answered for by parties who see neither it nor its inputs.

    Where torch.distributed has one process more than there are parties, each party is in one, and
    the last deals and asks; else all are in this process.

    Args:
        model: of dense layers, convolutions, ReLU, pooling and batch normalisation.
        parties: how many compute; at least 2.
        fraction_bits: binary places of numbers; more are exacter, and large numbers overflow.
        secret: where the dealer's numbers come from, to repeat a run; else it is drawn.

    Raises:
        UsageError: fewer than two parties, or another number of processes.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    among: Parties = Apart(parties) if several else Together(parties)
    return Secured(model, among, fraction_bits=fraction_bits, secret=secret)
