"""A row on preferences: a published model learns what is liked, and what a reward asks for."""

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from blake3 import blake3

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
from acceptance.session import SEEDS, Outcome, Session, percent, seeded
from cartograd.core.files import write_file

LIKED = (
    "cartograd train smollm2 --data preferences:liked-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    "--optimizer adamw:lr=1e-3 --set objective=preference batch_size=8 adapter=lora:rank=8 "
    "schedule=constant precision=bf16 seed=SEED"
)
RAISED = (
    "cartograd train smollm2 --data preferences:asked-SEED.jsonl,valid=0.05,test=0.05 --epochs 1 "
    "--optimizer adamw:lr=2e-3 --import mentions --set "
    f"objective=grpo:reward=mentions:count,generations=4,length={LENGTH},beta=BETA batch_size=3 "
    "adapter=lora:rank=8 schedule=constant precision=bf16 seed=SEED"
)
PRICE = "0.2"
"""Of leaving the reference, in the training that is held near it."""

RIGHT, LIKELIER = 0.9, 0.2
"""Least share of held-out pairs whose better answer gained more than the worse one, where one half
do before anything is learned; and by how much the share rises whose better answer is likelier."""

RISE, NEAR, LOST = 1.2, 15.0, 0.2
"""By which factor the reward rises where it is held, at which divergence in nats at most, and which
share of good answers is lost at least where it is let go."""

FEWER = "So far this is {} of {} seeds."


class Learned(NamedTuple):
    """What came of a training.

    Attributes:
        found: what was measured, of the model before and after it.
        cpu, wall: seconds of the training alone.
    """

    found: list[Any]
    cpu: float
    wall: float


def preferences_smollm2(session: Session, /) -> Outcome:
    """SmolLM2 by DPO on pairs, and by GRPO on a reward that invites hacking, held and let go."""
    pairs, answers = list[tuple[Pairs, ...]](), list[tuple[Answers, ...]]()
    cpu, wall = list[float](), list[float]()
    for seed in session.seeds:
        write_files(session.work, seed)
        liked = _trained(session.work, LIKED, seed, _judged)
        held = _trained(session.work, RAISED.replace("BETA", PRICE), seed, _asked)
        free = _trained(session.work, RAISED.replace("BETA", "0"), seed, _asked)
        pairs.append(tuple(Pairs(*one) for one in liked.found))
        answers.append(tuple(Answers(*one) for one in (*held.found, free.found[1])))
        cpu.append(liked.cpu + held.cpu + free.cpu)
        wall.append(liked.wall + held.wall + free.wall)
    return _outcome(pairs, answers, cpu, wall)


def reached(pairs: tuple[Pairs, ...], answers: tuple[Answers, ...], /) -> bool:
    """Whether a seed shows what the row asks for.

    Args:
        pairs: what the model thinks of held-out pairs before and after.
        answers: of the model before, held near where it began, and let go.
    """
    before, liked = pairs
    plain, held, free = answers
    learned = liked.raised >= RIGHT and liked.likelier >= before.likelier + LIKELIER
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
        measured=[percent(one.raised) for one in liked],
        asked=f"for each seed, of {HELD} held-out pairs at least {RIGHT:.0%} whose better answer "
        f"has the higher reward (gained more than the worse one), and {LIKELIER:.0%} more than "
        f"before whose better answer is likelier; the reward of fresh answers rises {RISE:g} times "
        f"with beta={PRICE}, at less than {NEAR:g} nats of divergence with its interval, and "
        f"no fewer of them are good; with beta=0 it rises further and {LOST:.0%} fewer are good",
        passed=all(reached(*one) for one in zip(pairs, answers, strict=True)),
        beside={
            "better answer likelier, before": _each(before, lambda one: f"{one.likelier:.1%}"),
            "better answer likelier, after": _each(liked, lambda one: f"{one.likelier:.1%}"),
            "better answer longer, in tokens": _each(before, lambda one: f"{one.longer:.1%}"),
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
            "answer that says nothing, of about as many letters. Held-out pairs have other "
            "words and other empty answers. The reward counts how often an answer names the word "
            "that it is asked for; good is an answer that names it and in which no word stands "
            f"three times. {ANSWERS} fresh answers to each of {OTHERS} other words, of up to "
            f"{LENGTH} tokens. CPU seconds are of the three trainings of a seed together, by the "
            "functions behind the commands: without the files that these write at the end.",
            *([FEWER.format(len(pairs), len(SEEDS))] if len(pairs) < len(SEEDS) else []),
        ],
    )


def _each(found: tuple[Any, ...], shown: Callable[[Any], str]) -> str:
    return ", ".join(map(shown, found))


def _judged(model: Any, work: Path, seed: int) -> list[Any]:
    """Held-out pairs as a model judged them before it learned, and does now."""
    return list(pairs_of(model, work / f"held-{seed}.jsonl"))


def _asked(model: Any, work: Path, seed: int) -> list[Any]:
    """Fresh answers of a model as it was before it learned, and as it is."""
    words = json.loads((work / f"others-{seed}.json").read_text())
    return [answers_to(model, words, seed, learned=one) for one in (False, True)]


def _trained(
    work: Path, command: str, seed: int, measure: Callable[[Any, Path, int], list[Any]]
) -> Learned:
    """What the functions behind a command do, without a bundle; written down for a stopped row."""
    from cartograd.apps.load.settings import parsed
    from cartograd.apps.verbs.plan import planned
    from cartograd.engine.loop.fit import fit

    command = seeded(command, seed)
    kept = work / f"{blake3(command.encode()).hexdigest()[:12]}.json"
    if not kept.exists():
        words = shlex.split(command)
        said = {key: words[words.index(key) + 1] for key in ("--data", "--optimizer", "--epochs")}
        given = parsed(words[words.index("--set") + 1 :])
        given |= {"optimizer": said["--optimizer"], "epochs": int(said["--epochs"])}
        given["objective"] = _objective(given["objective"])
        source, _, file = said["--data"].partition(":")
        start = time.process_time(), time.perf_counter()
        plan = planned("smollm2", f"{source}:{work / file}", **given)
        fit(
            plan.objective,
            plan.batches(),
            options=replace(plan.options, monitor=None, patience=None),
        )
        took = time.process_time() - start[0], time.perf_counter() - start[1]
        write_file(kept, json.dumps(Learned(measure(plan.model.eval(), work, seed), *took)))
    return Learned(*json.loads(kept.read_text()))


def _objective(spec: str) -> Any:
    """The objective of a command, with the reward that its `--import` names."""
    from cartograd.core.build import build
    from cartograd.core.spec import Spec

    asked = Spec.parse(spec)
    if "reward" not in asked.args:
        return spec
    named = Spec(asked.name, {**asked.args, "reward": mentions.count})
    return lambda model: build(named, kind="objective", model=model)
