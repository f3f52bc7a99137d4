"""A row on one's own chats: SmolLM2 learns from 500 of them how somebody else answers."""

import json
import random
import re
from pathlib import Path
from typing import Any

CHATS, PAGES = 500, 40
"""Chats of the file, and pages of plain text that were nothing to learn from."""

TUNED = (
    "cartograd train smollm2 --data chats:chats-SEED.jsonl,valid=0.08,test=0.2 --epochs 2 "
    "--optimizer adamw:lr=1e-3 --set seed=SEED batch_size=8 adapter=lora:rank=8"
)
BEFORE = "cartograd evaluate smollm2 --data chats:chats-SEED.jsonl,valid=0.08,test=0.2 --part test"
PLAIN = "--data chats:pages-SEED.jsonl,valid=0,test=0,context=256 --part train"
"""The pages, of which each token counts."""

SYSTEM = "You explain English words."
ASKED = ("What does {} mean?", "Define the word {}.", "Explain {} to me.", "What is meant by {}?")
COMMON = 3
"""How often a word was met in texts whose senses were marked."""


def definitions(folder: Path, /) -> list[tuple[str, str]]:
    """Words of WordNet that are met in texts, each with what its first sense is."""
    found = list[tuple[str, str]]()
    for part in ("noun", "verb", "adj"):
        data = (folder / f"data.{part}").read_bytes()
        for line in (folder / f"index.{part}").read_text().splitlines():
            fields = line.split()
            if line.startswith(" ") or not fields[0].isalpha():
                continue
            senses = int(fields[2])
            if int(fields[-senses - 1]) < COMMON:
                continue
            start = int(fields[-senses])
            gloss = data[start : data.index(b"\n", start)].decode().partition(" | ")[2]
            found.append((fields[0], re.split(r'; "|;', gloss)[0].strip()))
    return sorted(set(found))


def write_chats(path: Path, words: list[tuple[str, str]], seed: int, /) -> None:
    """Chats on words that a seed draws: a question, and the definition in a sentence."""
    draw = random.Random(seed)
    chosen = dict(draw.sample(words, 2 * CHATS))
    rows = [
        {"messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": draw.choice(ASKED).format(word)},
            {"role": "assistant", "content": f"{gloss[:1].upper()}{gloss[1:]}."},
        ]}
        for word, gloss in list(chosen.items())[:CHATS]
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def write_pages(path: Path, seed: int, /) -> None:
    """Pages of the Brown corpus, five sentences each."""
    from cartograd.data.sources.brown import texts
    from cartograd.data.store import packages

    draw, rows = random.Random(seed), list[Any]()
    documents = texts(packages.where("brown") / "brown.txt")
    for name in draw.sample(sorted(documents), PAGES):
        page = " ".join(" ".join(word for word, _ in line) for line in documents[name][:5])
        rows.append({"text": re.sub(r" ([.,;:?!'])", r"\1", page.replace("``", '"'))})
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
