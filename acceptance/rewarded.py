"""Rows on a reward: a published model learns by trial what is rewarded, near where it began."""

import json
import math
import random
from contextlib import nullcontext
from pathlib import Path
from statistics import mean, stdev
from typing import Any, NamedTuple

import torch

from acceptance import naming
from acceptance.behind import learned
from acceptance.own_chats import SYSTEM, definitions
from acceptance.session import SEEDS, Outcome, Session, percent, seeded
from cartograd.core.files import write_file

LEARNED, HELD, EACH, LENGTH = 27, 20, 3, 10
"""Words that are asked while it learns, and held out; fresh answers to each, and their tokens."""

REWARDED = (
    "cartograd train smollm2 --data chats:asked-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    "--optimizer adamw:lr=1e-3 --import acceptance.naming --set "
    f"objective=OBJECTIVE:reward=acceptance.naming:first,generations=8,length={LENGTH},SETTINGS "
    "batch_size=3 adapter=lora:rank=8 schedule=constant precision=bf16 seed=SEED"
)


class Method(NamedTuple):
    """What raises the reward.

    Attributes:
        name: as papers write it.
        settings: of the objective.
        first: of the seeds.
        before: what the row tells of earlier ones.
    """

    name: str
    settings: str
    first: int = 0
    before: str = ""

    @property
    def command(self) -> str:
        """As a user types it."""
        said = REWARDED.replace("OBJECTIVE", self.name.lower())
        return said.replace("SETTINGS", self.settings)


GRPO = Method("GRPO", "beta=0.1")
AFTER = 3
PPO = Method(
    "PPO",
    "beta=0.05,updates=1,gae_lambda=1",
    AFTER,
    f"Seeds {AFTER} up: with two updates and gae_lambda=0.95 seeds 0 and 1 rose by 42 and 67 "
    "points, but the coin of seed 0 moved its model by 1.6 nats and gave 48 %, 18 less than the "
    "reward did. Where the critic expects nothing yet, gae_lambda=0.95 makes the first of ten "
    "tokens 0.2 standard deviations worse than the mean of all and the last 0.2 better, whatever "
    "is rewarded: what an answer usually begins with becomes rarer by itself. At 1 all tokens of "
    "an answer count alike.",
)

RISE, NEAR = 0.3, 10.0
"""By how much the share of answers that are rewarded rises at least, of the start and of a model
that was rewarded by chance; the most nats of divergence of an answer, with its interval. After seed
100 of GRPO, where twelve steps at a price of 0.04 gave 72 points more at 8.3 nats, and in the last
four of them the reward rose no more; so there are nine at 0.1. PPO is asked the same. Its settings
are from seed 100, where the first ones gave 53 points more at 2.6 nats (no coin was tried), and
those from seed 3 up 65 more at 2.9, of a coin 8 more at 0.2."""

FEWER = "So far this is {} of {} seeds."


class Fresh(NamedTuple):
    """Fresh answers to questions about words that nothing was learned from.

    Attributes:
        shares: of each word the share of its answers that are rewarded.
        kl: divergence of an answer from the model as it began, in nats.
        apart: half of the 95 % interval of that.
        text: one of them.
    """

    shares: list[float]
    kl: float
    apart: float
    text: str

    def above(self, other: "Fresh", /) -> tuple[float, float]:
        """By how much the share is larger than another's, and half of the 95 % interval.

        >>> Fresh([1.0, 0.5], 0, 0, "").above(Fresh([0.5, 0.0], 0, 0, ""))
        (0.5, 0.0)
        """
        gaps = [one - two for one, two in zip(self.shares, other.shares, strict=True)]
        return mean(gaps), 1.96 * stdev(gaps) / math.sqrt(len(gaps))


def reached(before: Fresh, after: Fresh, chance: Fresh | None, /) -> bool:
    """Whether a seed shows what the row asks for; by chance where that was tried.

    >>> low, high = Fresh([0.2, 0.4], 0, 0, ""), Fresh([0.8, 0.9], 3.0, 1.0, "")
    >>> reached(low, high, low), reached(low, high, high), reached(low, low, None)
    (True, False, False)
    """
    gaps = [after.above(one) for one in (before, chance) if one is not None]
    rose = all(gap >= RISE and gap > half for gap, half in gaps)
    return rose and after.kl + after.apart <= NEAR


def reward_smollm2(session: Session, /) -> Outcome:
    """SmolLM2 by GRPO, rewarded for answers that begin with the word that was asked about."""
    return _row(session, GRPO)


def ppo_smollm2(session: Session, /) -> Outcome:
    """The same by PPO, whose critic says what is to be expected."""
    return _row(session, PPO)


def _row(session: Session, by: Method) -> Outcome:
    found, cpu, wall = list[tuple[Fresh, Fresh]](), list[float](), list[float]()
    seeds = [by.first + seed for seed in session.seeds]
    for seed in seeds:
        before, after, *took = found_of(session.work, seed, by)
        found.append((before, after))
        cpu.append(took[0])
        wall.append(took[1])
    chance = chance_of(session.work, seeds[0], by)
    gained = [one[1].above(one[0]) for one in found]
    return Outcome(
        claim=f"SmolLM2-135M learns by {by.name} to begin an explanation with the word, and stays "
        "near",
        command=by.command,
        measured=[percent(gap) for gap, _ in gained],
        asked=f"for each seed, of {HELD * EACH} fresh answers on held-out words at least {RISE:.0%}"
        " more that begin with the word than before, and than of a model rewarded by chance (one "
        f"seed), beyond the 95 % interval over words; at most {NEAR:g} nats of divergence of an "
        "answer, with its interval",
        passed=all(
            reached(*one, chance if number == 0 else None) for number, one in enumerate(found)
        ),
        beside={
            "rewarded answers, before": _shares(found, 0),
            "rewarded answers, after": _shares(found, 1),
            "rewarded answers, rewarded by chance (one seed)": f"{mean(chance.shares):.1%}",
            "half of the interval of the rise": ", ".join(f"{half:.1%}" for _, half in gained),
            "nats of divergence": ", ".join(
                f"{one[1].kl:.1f} ± {one[1].apart:.1f}" for one in found
            ),
            "nats of divergence, by chance": f"{chance.kl:.1f} ± {chance.apart:.1f}",
            "an answer before": repr(found[0][0].text),
            "an answer after": repr(found[0][1].text),
        },
        cpu=cpu,
        wall=wall,
        notes=[
            f"{LEARNED} questions on common words of WordNet, three a step, eight answers of at "
            f"most {LENGTH} tokens to each. The reward is 1 where the first word of an answer is "
            "the one that was asked about, else 0. Rewarded by chance: the same steps, each answer "
            "rewarded or not by a coin. CPU seconds are of the training by the functions behind "
            "the command.",
            *([by.before] if by.before else []),
            *([FEWER.format(len(found), len(SEEDS))] if len(found) < len(SEEDS) else []),
        ],
    )


def _shares(found: list[tuple[Fresh, Fresh]], side: int) -> str:
    return ", ".join(f"{mean(one[side].shares):.1%}" for one in found)


def found_of(work: Path, seed: int, by: Method, /) -> tuple[Fresh, Fresh, float, float]:
    """Answers before and after, and seconds; written down for a row that was stopped."""
    kept = work / f"answers-{seed}.json"
    if not kept.exists():
        held = _write_asked(work, seed)
        model, cpu, wall = learned(seeded(by.command, seed), work, reward=naming.first)
        before, after = _fresh(model, held, seed, began=True), _fresh(model, held, seed + 1)
        write_file(kept, json.dumps([before, after, cpu, wall]))
    before, after, cpu, wall = json.loads(kept.read_text())
    return Fresh(*before), Fresh(*after), cpu, wall


def chance_of(work: Path, seed: int, by: Method, /) -> Fresh:
    """Answers after as many steps by a coin instead of a reward; written down as well."""
    kept = work / f"chance-{seed}.json"
    if not kept.exists():
        held, coin = _write_asked(work, seed), random.Random(seed)

        def tossed(texts: list[str]) -> list[float]:
            return [float(coin.random() < 0.5) for _ in texts]

        found = learned(seeded(by.command, seed), work, reward=tossed)
        write_file(kept, json.dumps(_fresh(found.model, held, seed + 1)))
    return Fresh(*json.loads(kept.read_text()))


def _write_asked(work: Path, seed: int) -> list[str]:
    """Questions to learn from, in a file, and held-out words that are not among them."""
    from cartograd.data.store import packages

    words = sorted(dict(definitions(packages.where("wordnet"))).items())
    random.Random(seed).shuffle(words)
    count = LEARNED + 5  # the parts for validation and test
    rows = [
        {"messages": [*_asked(word), {"role": "assistant", "content": f"{word.title()}: {gloss}."}]}
        for word, gloss in words[:count]
    ]
    text = "\n".join(map(json.dumps, rows))
    (work / f"asked-{seed}.jsonl").write_text(text, encoding="utf-8")
    return [word for word, _ in words[count : count + HELD]]


def _asked(word: str) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": f"What does {word} mean?"},
    ]


def _fresh(model: Any, words: list[str], seed: int, *, began: bool = False) -> Fresh:
    """Fresh answers of a model, or of it as it began, and how far it has moved in these."""
    from cartograd.frontier.alignment.drawn import drawn
    from cartograd.frontier.alignment.policy import tokens_of
    from cartograd.training.adapters.beside import unchanged

    rows = [model.tokenizer.chat_numbers(_asked(word)) for word in words]
    with unchanged(model) if began else nullcontext():
        found = drawn(model, rows, generations=EACH, length=LENGTH, seed=seed)
    rewards = torch.tensor(naming.first(found.answers, found.prompts)).view(HELD, EACH)
    moved = [0.0, 0.0]
    if not began:
        with torch.no_grad(), unchanged(model):
            then = tokens_of(model, found)
        with torch.no_grad():
            moved = (tokens_of(model, found) - then).sum(1).tolist()
    half = 1.96 * stdev(moved) / math.sqrt(len(moved))
    return Fresh(rewards.mean(1).tolist(), mean(moved), half, found.answers[0])
