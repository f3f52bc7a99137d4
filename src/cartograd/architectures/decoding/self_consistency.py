r"""Self-consistency: several chains of thought are sampled; the answer of most counts.

Wrong reasoning goes wrong in many ways, right reasoning ends in one answer. So the answers of k
chains, sampled at a temperature, are counted, not the chains; the share that agrees tells how sure
the model is.

    answer = argmax_a sum_i [a_i = a],    a_i the answer of the i-th chain

Shapes: none; k answers as texts, None where a chain has none.

Departures: chains are not weighted by their probability (the paper finds both alike).

References:
    Xuezhi Wang et al. Self-consistency improves chain of thought reasoning in language models.
    2022, ICLR 2023. https://arxiv.org/abs/2203.11171

>>> self_consistency(["18", "26", None, "18"])
Vote(answer='18', share=0.5)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cartograd.core.card import Card
from cartograd.core.errors import UsageError

CARD = Card(
    name="self-consistency",
    kind="decoding",
    entry="self_consistency",
    nodes=("llm/prompting",),
    title="Self-consistency: the answer of most chains of thought",
    zh="自洽性：取多数思维链的答案",
    paper="Self-Consistency Improves Chain of Thought Reasoning in Language Models",
    year=2022,
    url="https://arxiv.org/abs/2203.11171",
    proofs=(
        "law: of k chains that are right with probability p, the vote is right as often as the "
        "binomial distribution says",
    ),
    evidence={
        "llm/prompting": (
            "test_figures_are_those_of_the_harness",
            "test_each_answer_is_that_of_the_harness",
            "test_prompts_are_to_the_letter_those_of_the_harness",
            "test_any_model_is_asked_the_same",
            "test_a_vote_over_chains_counts_answers",
        ),
    },
)


@dataclass(frozen=True)
class Vote:
    """What most chains answer, and which share of them."""

    answer: str | None
    share: float


def self_consistency(answers: Sequence[str | None], /) -> Vote:
    """The answer that most chains reach; of several the one that was reached first.

    Args:
        answers: one for each chain; None where none was found.

    Raises:
        UsageError: there is no chain.
    """
    if not answers:
        raise UsageError("there is no chain of thought to count; expected at least one answer")
    counted = Counter(answer for answer in answers if answer is not None)
    if not counted:
        return Vote(None, 0.0)
    (best, times), *_ = counted.most_common(1)
    return Vote(best, times / len(answers))
