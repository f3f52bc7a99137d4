r"""Requests that a language model should not fulfil, and others: what a gate before it learns from.

What is learned from and what is tested on come from other collections, so that a figure says how
well the difference is known and not how well a collection. Test texts of harm are those of AdvBench
and HarmBench; of Do-Not-Answer is learned. Harmless are small talk, trivia and writing tasks (of
three fields; those of three others are for the test) and the questions of FreshQA (test).

    part          harmful                              harmless
    train, valid  Do-Not-Answer: information hazards,  small talk and trivia, writing tasks of
                  malicious uses, discrimination       three fields, people who talk of themselves
    test          AdvBench, HarmBench                  FreshQA, writing tasks of three other fields

What people tell a machine of themselves (Do-Not-Answer's `human_chatbox`) is harmless here: a gate
lets it through, and the model has to answer with care. What speaks of self-harm there, and what
spreads false news, is in no part: whether it is to be refused depends on who asks.
`look_alikes` gives harmless requests with frightening words, written for this package; nothing
learns from them.

Shapes: tokens `n t`, classes `n`: 0 harmless, 1 harmful.

Departures: of a writing task the first sentences, about 40 words.

References:
    Yuxia Wang et al. Do-Not-Answer: evaluating safeguards in LLMs. EACL 2024.
    https://arxiv.org/abs/2308.13387
    Andy Zou et al. Universal and transferable adversarial attacks on aligned language models. 2023.
    https://arxiv.org/abs/2307.15043
    Mantas Mazeika et al. HarmBench. ICML 2024. https://arxiv.org/abs/2402.04249
    Tu Vu et al. FreshLLMs. ACL 2024. https://arxiv.org/abs/2310.03214
    Yuning Wu et al. WritingBench. 2025. https://arxiv.org/abs/2503.05244
    Paul Röttger et al. XSTest: a test suite for identifying exaggerated safety behaviours. NAACL
    2024. https://arxiv.org/abs/2308.01263 (the idea of look-alikes)

>>> len(look_alikes()), look_alikes()[0]
(68, 'How do I kill a Python process that does not answer any more?')
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.ports import Port
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.token_rows import labelled, parts
from cartograd.data.decode import request_files
from cartograd.data.decode.table import Table
from cartograd.data.store import packages
from cartograd.data.text import vocabularies

CARD = Card(
    name="safety-prompts",
    kind="data",
    entry="safety_prompts",
    nodes=("llm/safety",),
    title="Harmful and harmless requests, tested on other collections than learned from",
    zh="有害与无害的请求（测试集与训练集来源不同）",
    paper="Wang et al., Do-Not-Answer",
    year=2024,
    url="https://arxiv.org/abs/2308.13387",
    proofs=(
        "law: each request once, with the label of its collection; those of the test come from "
        "others than those that are learned from",
    ),
    evidence={
        "llm/safety": (
            "acceptance:gate",
            "test_a_classifier_refuses_from_its_threshold_on",
            "test_a_conversation_is_looked_at_as_a_whole",
            "test_a_gate_stands_before_and_behind_the_chats",
            "test_a_gate_lets_a_stream_pass_by_sentences",
            "test_nothing_reaches_the_model_beside_the_gate",
            "test_a_refused_answer_is_not_given",
            "test_a_refused_prompt_never_reaches_the_model",
            "test_both_shares_are_counted",
            "test_control_tokens_are_powerless_and_told",
            "test_no_refused_sentence_is_sent",
            "test_the_command_says_why",
            "test_the_test_is_of_other_collections",
            "test_tools_and_questions_pass_the_gate",
            "test_what_passes_is_what_would_be_written_without",
        ),
    },
)

LABELS = ("harmless", "harmful")

ANSWERS = (
    "exploits", "hate_speech", "info_integrity", "privacy", "representational", "self_harm",
    "sexual", "violence",
)  # fmt: skip
"""Files of answers with the scores of people, by what harm they are about."""

REFUSALS = ("refusal", "refusal_extra")
"""Sets of answers that people labelled as refusals or not; the second from real conversations."""

FIRST = 40
"""About how many words of a writing task are taken."""

LEARNED_FIELDS = ("Academic & Engineering", "Finance & Business", "Politics & Law")
"""Fields of writing tasks that are learned from; the others are for the test."""


@dataclass(frozen=True)
class Request:
    """A request to a language model.

    Attributes:
        text: what is asked.
        harmful: whether it should not be fulfilled.
        source: the collection.
        test: whether its collection is for the test.
    """

    text: str
    harmful: bool
    source: str
    test: bool


def safety_prompts(
    path: str | Path | None = None,
    /,
    *,
    context: int = 64,
    vocabulary: int = 4000,
    valid: float = 0.15,
) -> Dataset:
    """Requests with the label harmless or harmful.

    Args:
        path: a folder with the files of the collections; by default what
            `cartograd data get safety-prompts` has fetched.
        context: greatest number of tokens of a request; the rest is cut off.
        vocabulary: greatest number of pieces of words, for a model that brings none of its own.
        valid: share of the collections that are learned from, for validation.

    Raises:
        UsageError: a file is not there, or there are too few requests.
    """
    found = requests(path)
    texts = [one.text for one in found]
    targets = torch.tensor([int(one.harmful) for one in found])
    learned = [i for i, one in enumerate(found) if not one.test]
    split = parts([texts[i] for i in learned], targets[learned], valid=valid, test=0.0)
    chosen = {part: [learned[i] for i in split[part]] for part in ("train", "valid")}
    chosen["test"] = [i for i, one in enumerate(found) if one.test]
    tokenizer = vocabularies.pieces([texts[i] for i in chosen["train"]], vocabulary=vocabulary)
    lines = list(range(1, len(found) + 1))
    counts = {source: sum(one.source == source for one in found) for source in _sources(found)}
    return labelled(
        "safety-prompts",
        tokenizer.told(longest=context),
        Table(str(path or "safety-prompts"), ("text",), [[text] for text in texts], lines),
        targets,
        chosen,
        output=Port("request", "label", (2,), labels=LABELS, task="classify", positive="harmful"),
        names=[f"{one.source} {number}" for number, one in zip(lines, found, strict=True)],
        about={"source": str(path or "safety-prompts"), "collections": counts},
    )


def requests(path: str | Path | None = None, /) -> list[Request]:
    """All requests, each once: one that several collections have counts as one of the first.

    Args:
        path: a folder with the files; by default what has been fetched.

    Raises:
        UsageError: a file is not there, or is not as it should be.
    """
    folder = packages.where("safety-prompts") if path is None else Path(path)
    found: dict[str, Request] = {}
    for name, harmful, source, test, read in COLLECTIONS:
        for text in read(_text(folder, name)):
            key = " ".join(text.lower().split())
            if key:
                found.setdefault(key, Request(" ".join(text.split()), harmful, source, test))
    return list(found.values())


def look_alikes() -> list[str]:
    """Harmless requests with frightening words."""
    told = files("cartograd.data.sources").joinpath("look_alikes.tsv").read_text(encoding="utf-8")
    return told.splitlines()[1:]


def answers(path: str | Path | None = None, /) -> list[tuple[str, bool]]:
    """Answers of language models, and whether people found them harmful (half of the scale on).

    Args:
        path: a folder with the files; by default what has been fetched.

    Raises:
        UsageError: a file is not there, or is not as it should be.
    """
    folder = packages.where("safety-prompts") if path is None else Path(path)
    found: dict[str, bool] = {}
    for name in ANSWERS:
        judged = request_files.judged(_text(folder / "answers", f"{name}.csv"))
        found |= {answer: harm for answer, harm in judged.items() if answer not in found}
    return list(found.items())


def labelled_refusals(name: str, path: str | Path | None = None, /) -> list[tuple[str, bool]]:
    """Answers of language models, and whether people took them for refusals.

    Args:
        name: of `REFUSALS`.
        path: a folder with the files; by default what has been fetched.

    Raises:
        UsageError: there is no such set, or its file is not there.
    """
    if name not in REFUSALS:
        raise unknown("set of refusals", name, REFUSALS)
    folder = packages.where("safety-prompts") if path is None else Path(path)
    return list(request_files.judged(_text(folder, f"{name}.csv")).items())


def _sources(found: list[Request]) -> list[str]:
    return list(dict.fromkeys(one.source for one in found))


def _text(folder: Path, name: str) -> str:
    """A file, or all files of a folder in the order of their names."""
    paths = sorted((folder / name).glob("*.yml")) if (folder / name).is_dir() else [folder / name]
    try:
        return "\n".join(path.read_text(encoding="utf-8") for path in paths)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot read {folder / name}: {error}; expected the files of "
            "cartograd data get safety-prompts"
        ) from error


def _prompts(text: str) -> list[str]:
    return [row["prompt"] for row in _rows(text)]


def _told(text: str) -> list[str]:
    """Without what is marked as speaking of self-harm."""
    return [row["prompt"] for row in _rows(text) if "S006sh" not in row["intents"]]


def _rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _tasks(learned: bool) -> Callable[[str], list[str]]:
    """The English writing tasks of some fields, their first words."""

    def read(text: str) -> list[str]:
        kept = [
            row["query"] for row in _rows(text) if (row["domain1"] in LEARNED_FIELDS) == learned
        ]
        return [begun(one) for one in kept if sum(map(str.isascii, one)) > 0.98 * len(one)]

    return read


def begun(text: str, /) -> str:
    """The first words, up to the end of a sentence where one is near."""
    words = text.split()[:FIRST]
    ends = [at for at, word in enumerate(words) if at >= FIRST // 3 and word.endswith((".", "?"))]
    return " ".join(words[: ends[-1] + 1] if ends else words)


HARM, MEANT = "Do-Not-Answer", "WritingBench"

COLLECTIONS: tuple[tuple[str, bool, str, bool, Callable[[str], list[str]]], ...] = (
    ("information_hazard.jsonl", True, HARM, False, _prompts),
    ("malicious_uses.jsonl", True, HARM, False, _prompts),
    ("discrimination.jsonl", True, HARM, False, _prompts),
    ("human_chatbox.jsonl", False, f"{HARM}, people of themselves", False, _told),
    ("chatterbot", False, "ChatterBot", False, request_files.asked),
    ("writing.jsonl", False, MEANT, False, _tasks(True)),
    ("adv_bench.yaml", True, "AdvBench", True, request_files.values),
    ("harmbench.txt", True, "HarmBench", True, request_files.lines),
    ("fresh_qa.csv", False, "FreshQA", True, request_files.questions),
    ("writing.jsonl", False, f"{MEANT}, other fields", True, _tasks(False)),
)
"""File, label, collection, whether it is for the test, and how it is read."""
