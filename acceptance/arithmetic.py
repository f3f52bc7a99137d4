"""Row on arithmetic in writing: the same small GPT with its steps and without."""

import json
from typing import Any

from acceptance.session import Outcome, Ran, Session, percent
from cartograd.core.files import write_file

TRAIN = (
    "cartograd train gpt:dim=64,heads=4,depth=2,context=40,dropout=0 "
    "--data multiplication:scratchpad={scratchpad} --epochs {epochs} "
    "--optimizer adamw:lr=3e-3,weight_decay=0.1 "
    "--set seed=SEED decay=all schedule=onecycle batch_size=64 clip=1.0"
)
STEPS, SAME = 60, 210
"""Epochs with a scratchpad; those without in which as many bytes are read."""

AHEAD = 30.0
"""Points of questions by which a scratchpad has to win."""

TASK = """task = "multiplication"
items = "items.jsonl"
output_type = "generate_until"
doc_to_text = "{{question}}"
doc_to_target = "{{answer}}"

[generation_kwargs]
until = ["\\n"]
max_gen_toks = 30

[[filter_list]]
name = "last-number"
filter = [
  { function = "regex", regex_pattern = "(?:^|;)([0-9]+)$", group_select = -1 },
  { function = "take_first" },
]
"""


def scratchpad_arithmetic(session: Session, /) -> Outcome:
    """Products of unseen numbers, worked out step by step, or told at once."""
    asked = _questions()
    write_file(session.work / "items.jsonl", "".join(f"{json.dumps(one)}\n" for one in asked))
    task = write_file(session.work / "multiplication.toml", TASK)
    commands = {
        "with": TRAIN.format(scratchpad="true", epochs=STEPS),
        "without": TRAIN.format(scratchpad="false", epochs=SAME),
    }
    runs = {
        name: [session.train(command, seed) for seed in session.seeds]
        for name, command in commands.items()
    }
    right = {
        name: [_right(session, run, task) for run in several] for name, several in runs.items()
    }
    pairs = zip(right["with"], right["without"], strict=True)
    gain = [round(own - other, 2) for own, other in pairs]
    return Outcome(
        claim="A small GPT multiplies numbers that it has not seen: by steps in writing, or at "
        "once",
        command=commands["with"],
        measured=gain,
        unit="points more right with a scratchpad",
        asked=f"of {len(asked)} questions (two digits by one) that were not learned, on every seed "
        f"{AHEAD:g} points more right than without, trained by as many bytes",
        passed=min(gain) >= AHEAD,
        beside={
            f"right {name} a scratchpad": ", ".join(f"{one:.2f} %" for one in found)
            for name, found in right.items()
        },
        cpu=[run.cpu for run in runs["with"]],
        wall=[run.wall for run in runs["with"]],
        notes=[
            "Answers are written by `cartograd evaluate RUN --tasks FILE`, and the last number of "
            "each counts.",
            f"Both learn the same questions; an answer at once is shorter, so {SAME} epochs in "
            f"place of {STEPS} read as many bytes.",
        ],
    )


def _questions() -> list[dict[str, str]]:
    """Those of the test part."""
    import cartograd as cg

    data: Any = cg.dataset("multiplication:scratchpad=false")
    rows = data.test.select(range(len(data.test))).stored.tolist()
    asked = [bytes(row).decode().partition("=")[0] for row in rows]
    factors = [tuple(map(int, one.split("*"))) for one in asked]
    return [
        {"question": f"{one}=", "answer": str(a * b)}
        for one, (a, b) in zip(asked, factors, strict=True)
    ]


def _right(session: Session, run: Ran, task: Any) -> float:
    """Percent of the questions that are answered right."""
    said, _, _ = session.run(f"cartograd evaluate {run.folder} --tasks {task} --json")
    return percent(said["tasks"][0]["figures"]["exact_match"]["value"])
