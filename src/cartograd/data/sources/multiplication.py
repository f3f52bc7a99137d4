r"""Products of numbers in writing, with the steps of the computation (a scratchpad) or without.

A language model reads a question and writes the answer. With a scratchpad it writes the product of
each digit first, last digit first, adds what was carried, and only then the answer: each token
follows from a few others, where the answer at once takes all steps within one pass of the network.
Bytes are read, and the question is not learned.

    without:   47*6=282
    with:      47*6=7*6=42;4*6=24+4=28;282       each step: digit * b = product + carried = sum

Shapes: bytes `n t`, next bytes `n t`: -100 in the question and after the end of the line, which is
the last byte that is learned.

Departures: products by a single digit in place of the paper's sums of long numbers, so that small
networks learn them within a minute.

References:
    Maxwell Nye et al. Show your work: scratchpads for intermediate computation with language
    models. 2021. https://arxiv.org/abs/2112.00114
    Jason Wei et al. Chain-of-thought prompting elicits reasoning in large language models. NeurIPS
    2022. https://arxiv.org/abs/2201.11903

>>> written(47, 6)
'7*6=42;4*6=24+4=28;282'
>>> data = multiplication(scratchpad=False)
>>> learned = [token for token in data.train.targets[0].tolist() if token >= 0]
>>> len(data.train) + len(data.valid) + len(data.test), bytes(learned)[-1:]
(720, b'\n')
"""

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.dataset.plan import generator
from cartograd.data.dataset.tensors import assemble
from cartograd.data.dataset.text_batches import IGNORED
from cartograd.data.text.tokenizer import Tokenizer

CARD = Card(
    name="multiplication",
    kind="data",
    entry="multiplication",
    nodes=("llm/prompting", "llm/limits"),
    title="Products of numbers, with a scratchpad or without",
    zh="乘法算式：有无草稿",
    paper="Show Your Work: Scratchpads for Intermediate Computation with Language Models",
    year=2021,
    url="https://arxiv.org/abs/2112.00114",
    proofs=(
        "law: each step of a scratchpad is true and follows from those before it, the last is the "
        "product, and no question is in two parts",
    ),
    evidence={
        "llm/prompting": ("acceptance:scratchpad-arithmetic",),
        "llm/limits": (
            "test_accuracy_falls_where_the_model_ends",
            "test_questions_are_of_their_size_and_never_shown_before",
            "test_the_card_of_a_language_model_has_its_curves",
            "test_what_the_card_tells_is_what_a_model_can",
            "acceptance:limits",
        ),
    },
    tiny={"examples": 40, "scratchpad": False},
)

FACTORS = range(2, 10)
"""What is multiplied by."""

END = ord("\n")
BYTES = 256
MOST_DIGITS = 9


def multiplication(
    *,
    digits: int = 2,
    scratchpad: bool = True,
    examples: int | None = None,
    valid: float = 0.1,
    test: float = 0.25,
    seed: int = 0,
) -> Dataset:
    """Questions such as `47*6=` with their answers.

    Args:
        digits: of the first factor; the second is 2 to 9.
        scratchpad: whether the answer shows its steps.
        examples: how many questions, no two alike; if not given 720, which are all of two digits,
            or all that there are.
        valid: share of the questions for validation.
        test: share of the questions for testing.
        seed: of the questions that are drawn, where there are more.

    Raises:
        UsageError: there are not as many questions, or numbers have more than nine digits.
    """
    asked = questions(digits, examples, seed=seed)
    lines = [
        (f"{a}*{b}=", (written(a, b) if scratchpad else str(a * b)) + chr(END)) for a, b in asked
    ]
    length = max(len(question + answer) for question, answer in lines) - 1
    inputs = torch.full((len(lines), length), END)
    targets = torch.full((len(lines), length), IGNORED)
    for row, (question, answer) in enumerate(lines):
        line = torch.tensor(list((question + answer).encode()))
        inputs[row, : len(line) - 1] = line[:-1]
        targets[row, len(question) - 1 : len(line) - 1] = line[len(question) :]
    port = Port("text", "text", ("t",), dtype="int64", bounds=(0.0, BYTES - 1.0))
    names = tuple(f"0x{byte:02x}" for byte in range(BYTES))
    label = Port("next byte", "label", ("t", BYTES), labels=names, task="next-token")
    whole = Split(inputs, targets, Signature((port,), (label,)), [one[0] for one in lines])
    return assemble(
        "multiplication",
        {"train": whole},
        {"valid": valid, "test": test},
        keys=[question for question, _ in lines],
        standardise=False,
        about={"source": "drawn at random", "seed": seed, "digits": digits},
        tokenizer=Tokenizer.bytes(),
    )


def questions(digits: int, examples: int | None, /, *, seed: int) -> list[tuple[int, int]]:
    """Pairs of factors, no two alike.

    Args:
        digits: of the first factor.
        examples: how many; 720 or all if not given.
        seed: of those that are drawn.

    Raises:
        UsageError: there are not as many, or numbers have more than nine digits.
    """
    if digits > MOST_DIGITS:
        raise UsageError(f"digits={digits} is out of range; expected 1 to {MOST_DIGITS}")
    low = 10 ** (digits - 1) if digits > 1 else 2
    there = (10**digits - low) * len(FACTORS)
    count = min(720, there) if examples is None else examples
    if count > there:
        raise UsageError(
            f"examples={count} is more than the {there} products of {digits} digits and one; "
            "ask for fewer, or for more digits"
        )
    draw, found = generator(seed, "multiplication", digits), dict[int, None]()
    if 2 * count > there:
        found = dict.fromkeys(torch.randperm(there, generator=draw)[:count].tolist())
    while len(found) < count:
        found[int(torch.randint(there, (), generator=draw))] = None
    return [(low + place // len(FACTORS), FACTORS[place % len(FACTORS)]) for place in found]


def written(a: int, b: int, /) -> str:
    """The steps of a product, and the product.

    >>> written(305, 4)
    '5*4=20;0*4=0+2=2;3*4=12+0=12;1220'
    """
    steps, carried = [], 0
    for place, digit in enumerate(reversed(str(a))):
        product = int(digit) * b
        total = product + carried
        steps.append(f"{digit}*{b}={product}" + (f"+{carried}={total}" if place else ""))
        carried = total // 10
    return ";".join([*steps, str(a * b)])
