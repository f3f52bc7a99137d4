"""A row on preferences: a published model learns what is liked, and what a reward asks for."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acceptance import mentions
from acceptance.judged_answers import (
    ANSWERS,
    HELD,
    LEARNED,
    LENGTH,
    OTHERS,
    Answers,
    Pairs,
    answers_to,
    pairs_of,
    write_files,
)
from acceptance.session import SEEDS, Outcome, Session, percent
from cartograd.core.files import write_file

SHAPE = "adapter=lora:rank=8 precision=bf16 seed=SEED"
LIKED = (
    "cartograd train smollm2 --data preferences:liked-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    f"--optimizer adamw:lr=5e-4 --set batch_size=8 {SHAPE}"
)
RAISED = (
    "cartograd train smollm2 --data preferences:asked-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    "--optimizer adamw:lr=1e-3 --import mentions --set "
    f"objective=grpo:reward=mentions:count,generations=4,length={LENGTH},beta=BETA batch_size=4 "
    f"{SHAPE}"
)
PRICE = "0.2"
"""Of leaving the reference, in the training that is held near it."""

RIGHT, GAINED = 0.9, 0.3
"""Least share of held-out pairs that are right, and by how much it rose."""

RISE, NEAR, LOST = 1.2, 15.0, 0.2
"""By which factor the reward rises where it is held, at which divergence in nats at most, and which
share of good answers is lost at least where it is let go."""

FEWER = "So far this is {} of {} seeds."


def preferences_smollm2(session: Session, /) -> Outcome:
    """SmolLM2 by DPO on pairs, and by GRPO on a reward that invites hacking, held and let go."""
    shutil.copy(mentions.__file__, session.work / "mentions.py")
    pairs, answers = list[tuple[Pairs, ...]](), list[tuple[Answers, ...]]()
    cpu, wall = list[float](), list[float]()
    for seed in session.seeds:
        write_files(session.work, seed)
        runs = [
            session.train(one, seed)
            for one in (
                LIKED,
                RAISED.replace("BETA", PRICE),
                RAISED.replace("BETA", "0"),
            )
        ]
        folders = [str(one.folder) for one in runs]
        pairs.append(tuple(_judged(session.work, seed, one) for one in ("smollm2", folders[0])))
        answers.append(tuple(_asked(session.work, seed, one) for one in ("smollm2", *folders[1:])))
        cpu.append(sum(one.cpu for one in runs))
        wall.append(sum(one.wall for one in runs))
    return _outcome(pairs, answers, cpu, wall)


def reached(pairs: tuple[Pairs, ...], answers: tuple[Answers, ...], /) -> bool:
    """Whether a seed shows what the row asks for.

    Args:
        pairs: what the model thinks of held-out pairs before and after.
        answers: of the model before, held near where it began, and let go.
    """
    before, liked = pairs
    plain, held, free = answers
    learned = liked.likelier >= max(RIGHT, before.likelier + GAINED)
    rose = held.reward >= RISE * plain.reward and held.kl + held.apart <= NEAR
    hacked = free.reward > held.reward and free.good <= plain.good - LOST
    return learned and rose and hacked and held.good >= plain.good


def _outcome(
    pairs: list[tuple[Pairs, ...]],
    answers: list[tuple[Answers, ...]],
    cpu: list[float],
    wall: list[float],
) -> Outcome:
    before, liked = zip(*pairs, strict=True)
    plain, held, free = zip(*answers, strict=True)
    tried: dict[str, tuple[Answers, ...]] = {
        "before": plain, f"beta={PRICE}": held, "beta=0": free
    }  # fmt: skip
    return Outcome(
        claim="SmolLM2-135M learns by DPO to say what a word means rather than nothing, and by "
        "GRPO to name the word; without a price on the divergence it names nothing else",
        command=f"{LIKED}\n$ {RAISED}",
        measured=[percent(one.likelier) for one in liked],
        asked=f"for each seed, the better answer of {HELD} held-out pairs is the likelier one in "
        f"at least {RIGHT:.0%} and {GAINED:.0%} more than before; the reward of fresh answers "
        f"rises {RISE:g} times with beta={PRICE} at a divergence below {NEAR:g} nats an answer, "
        f"its interval included, and no fewer of them are good; with beta=0 it rises further and "
        f"{LOST:.0%} fewer are good",
        passed=all(reached(*one) for one in zip(pairs, answers, strict=True)),
        beside={
            "before": _each(before, lambda one: f"{one.likelier:.1%}"),
            "the longer answer, in tokens": _each(before, lambda one: f"{one.longer:.1%}"),
            "better answers that gained more than the worse": _each(
                liked, lambda one: f"{one.raised:.1%}"
            ),
            **{
                f"namings in an answer, {name}": _each(found, lambda one: f"{one.reward:.2f}")
                for name, found in tried.items()
            },
            **{
                f"good answers, {name}": _each(found, lambda one: f"{one.good:.1%}")
                for name, found in tried.items()
            },
            **{
                f"divergence of an answer, {name}": _each(
                    found, lambda one: f"{one.kl:.1f} ± {one.apart:.1f}"
                )
                for name, found in tried.items()
                if name != "before"
            },
            **{f"an answer, {name}": repr(found[0].text) for name, found in tried.items()},
        },
        cpu=cpu,
        wall=wall,
        notes=[
            f"{LEARNED} pairs to learn from: the first sense of WordNet in a sentence, against an "
            "answer that says nothing, of as many words but for one. Held-out pairs have other "
            "words and other empty answers. The reward counts how often an answer names the word "
            "that it is asked for; good is an answer that names it and in which no word stands "
            f"three times. {ANSWERS} fresh answers to each of {OTHERS} other words, of up to "
            f"{LENGTH} tokens. CPU seconds are of the three trainings of a seed together.",
            *([FEWER.format(len(pairs), len(SEEDS))] if len(pairs) < len(SEEDS) else []),
        ],
    )


def _each(found: tuple[Any, ...], shown: Callable[[Any], str]) -> str:
    return ", ".join(map(shown, found))


def _judged(work: Path, seed: int, target: str) -> Pairs:
    """Pairs as a model judges them, written down so that a row that was stopped goes on."""

    def find(model: Any, reference: Any) -> Pairs:
        return pairs_of(model, reference, work / f"held-{seed}.jsonl")

    return Pairs(*_kept(work, f"pairs-{seed}", target, find))


def _asked(work: Path, seed: int, target: str) -> Answers:
    """Fresh answers of a model, written down like that."""

    def find(model: Any, reference: Any) -> Answers:
        words = json.loads((work / f"others-{seed}.json").read_text())
        return answers_to(model, reference, words, seed)

    return Answers(*_kept(work, f"answers-{seed}", target, find))


def _kept(work: Path, name: str, target: str, find: Callable[[Any, Any], Any]) -> list[Any]:
    from cartograd.apps.load.target import as_signed

    kept = work / f"{name}-{Path(target).parent.name or target}.json"
    if not kept.exists():
        reference = as_signed("smollm2").eval()
        model = reference if target == "smollm2" else as_signed(target).eval()
        write_file(kept, json.dumps(find(model, reference)))
    return json.loads(kept.read_text())
