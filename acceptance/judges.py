"""A row on a reward model: a published model learns from pairs to say which answer is better."""

import json
from typing import NamedTuple

from acceptance.behind import learned
from acceptance.judged_answers import JUDGED, LEARNED, OTHERS, judged_of, write_judged
from acceptance.session import SEEDS, Outcome, Session, seeded
from cartograd.core.files import write_file

JUDGE = (
    "cartograd train smollm2 --data preferences:judged-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    "--optimizer adamw:lr=5e-4 --set objective=reward batch_size=8 adapter=lora:rank=8 "
    "schedule=constant precision=bf16 seed=SEED"
)

RIGHT = 0.8
"""Least share of held-out pairs whose better answer has the higher reward. After seed 100, where it
was 92 % (85 to 96), beside 72 % whose better answer was likelier to the model as it began."""

SORTS = {"empty": "empty answers", "other": "definitions of other words"}
"""Files of held-out pairs, and what the worse answers are."""

FEWER = "So far this is {} of {} seeds."


class Judged(NamedTuple):
    """In how many held-out pairs, sort by sort, the better answer has more of something.

    Attributes:
        reward: of what was learned.
        likelier: of likelihood to the model as it began.
        longer: of tokens; half of the pairs with as many.
    """

    reward: list[float]
    likelier: list[float]
    longer: list[float]

    def share(self, counts: list[float], /) -> float:
        """Of all pairs.

        >>> Judged([50, 25], [25, 25], [20, 30]).share([50, 25])
        0.75
        """
        return sum(counts) / (JUDGED * len(counts))

    @property
    def limits(self) -> tuple[float, float]:
        """The 95 % interval of the reward's share, by Wilson."""
        from cartograd.practice.metrics.interval import wilson

        return wilson(round(sum(self.reward)), JUDGED * len(self.reward))


def reached(found: Judged, /) -> bool:
    """Whether a seed shows what the row asks for.

    >>> reached(Judged([50, 40], [25, 40], [20, 30]))
    True
    >>> reached(Judged([50, 40], [45, 41], [20, 30]))  # the interval begins at 83 %
    False
    """
    others = max(found.share(one) for one in (found.likelier, found.longer, [JUDGED / 2] * 2))
    return found.share(found.reward) >= RIGHT and found.limits[0] > others


def reward_model_smollm2(session: Session, /) -> Outcome:
    """SmolLM2 with a last layer of one number, which says which answer explains a word."""
    found, cpu, wall = list[Judged](), list[float](), list[float]()
    for seed in session.seeds:
        judged, *took = _found(session, seed)
        found.append(Judged(*judged))
        cpu.append(took[0])
        wall.append(took[1])
    count = len(SORTS) * JUDGED
    return Outcome(
        claim="SmolLM2-135M becomes a reward model, which tells explanations of a word from empty "
        "answers and, less surely, from explanations of other words",
        command=JUDGE,
        measured=[round(100 * one.share(one.reward), 2) for one in found],
        asked=f"for each seed, of {count} held-out pairs at least {RIGHT:.0%} whose better answer "
        "has the higher reward, with a 95 % interval (Wilson) above guessing, above the model's "
        "own likelihood before it learned, and above the longer answer",
        passed=all(map(reached, found)),
        beside={
            "interval": ", ".join("{:.1%} to {:.1%}".format(*one.limits) for one in found),
            "better answer likelier to the model as it began": _shares(found, "likelier"),
            "better answer longer, in tokens": _shares(found, "longer"),
            **{
                f"against {what}: {name}": ", ".join(
                    f"{one._asdict()[key][place] / JUDGED:.0%}" for one in found
                )
                for place, what in enumerate(SORTS.values())
                for key, name in (("reward", "higher reward"), ("likelier", "likelier"))
            },
        },
        cpu=cpu,
        wall=wall,
        notes=[
            f"{LEARNED + OTHERS} pairs to learn from: the first sense of WordNet in a sentence, "
            f"against one of about as many letters, which says nothing ({LEARNED}) or explains "
            f"another word ({OTHERS}). Held-out pairs, {JUDGED} of each sort, have other words, "
            "other explanations and other empty answers. CPU seconds are of the training by the "
            "functions behind the command, without the files that it writes at the end.",
            *([FEWER.format(len(found), len(SEEDS))] if len(found) < len(SEEDS) else []),
        ],
    )


def _shares(found: list[Judged], of: str) -> str:
    return ", ".join(f"{one.share(one._asdict()[of]):.1%}" for one in found)


def _found(session: Session, seed: int) -> tuple[list[list[float]], float, float]:
    """Counts and seconds; written down for a row that was stopped."""
    kept = session.work / f"judged-{seed}.json"
    if not kept.exists():
        write_judged(session.work, seed)
        model, *took = learned(seeded(JUDGE, seed), session.work)
        each = [judged_of(model, session.work / f"{name}-{seed}.jsonl") for name in SORTS]
        write_file(kept, json.dumps([list(map(list, zip(*each, strict=True))), *took]))
    counts, cpu, wall = json.loads(kept.read_text())
    return counts, cpu, wall
