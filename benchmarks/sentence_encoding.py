"""Encoding many texts with MiniLM, against sentence-transformers on the same folder.

Both sort the texts by length and cut them at 256 tokens; the vectors must agree. Needs the sets
`minilm`, `brown` and `debian-descriptions` (`cartograd data get NAME`).
"""

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

from benchmarks.case import FOLDER, Case, Timer

SENTENCES, DESCRIPTIONS = 768, 128


def prepare(folder: Path, /) -> None:
    """Choose the texts, always the same ones."""
    from cartograd.data.store import packages

    brown = (packages.where("brown") / "brown.txt").read_text(encoding="utf-8", errors="replace")
    lines = (re.sub(r"/\S+", "", line).strip() for line in brown.splitlines())
    sentences = [line for line in lines if " " in line]
    pages = packages.where("debian-descriptions") / "Translation-en"
    found = re.findall(
        r"^Description-en: (.*\n(?: .*\n)*)", pages.read_text(encoding="utf-8"), re.MULTILINE
    )
    descriptions = [re.sub(r"\n (\.\n)?", "\n", text).strip() for text in found]
    draw = random.Random(0)
    texts = {
        "sentences": draw.sample(sentences, SENTENCES),
        "descriptions": draw.sample(descriptions, DESCRIPTIONS),
    }
    (folder / "texts.json").write_text(json.dumps(texts), encoding="utf-8")


def _texts(kind: str) -> list[str]:
    return json.loads((Path(os.environ[FOLDER]) / "texts.json").read_text("utf-8"))[kind]


def _ours(kind: str) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        from cartograd.architectures.pretrained.minilm import minilm
        from cartograd.architectures.transformer.sentence_encoder import encode

        model, texts = minilm(), _texts(kind)
        encode(model, texts[:8])  # what is loaded lazily
        with clock(len(texts)):
            found = encode(model, texts)
        return found.flatten().tolist()

    return side


def _theirs(kind: str) -> Callable[[Timer], list[float]]:
    def side(clock: Timer) -> list[float]:
        from sentence_transformers import SentenceTransformer

        from cartograd.data.store import packages

        place, texts = str(packages.where("minilm") / "model"), _texts(kind)
        model = SentenceTransformer(place, device="cpu", local_files_only=True)
        model.encode(texts[:8], show_progress_bar=False)
        with clock(len(texts)):
            found = model.encode(texts, show_progress_bar=False, convert_to_tensor=True)
        return found.flatten().tolist()

    return side


CASES = tuple(
    Case(
        name=f"MiniLM, {kind}",
        what=f"{count} {what}, float32, tokenization included; sentence-transformers with its "
        "batches of 32.",
        unit="text",
        sides={"cartograd": _ours(kind), "sentence-transformers": _theirs(kind)},
        asked={"sentence-transformers": 1.2},
        tolerance=1e-4,
        prepare=prepare,
    )
    for kind, count, what in (
        ("sentences", SENTENCES, "sentences of the Brown corpus"),
        ("descriptions", DESCRIPTIONS, "descriptions of Debian packages"),
    )
)
