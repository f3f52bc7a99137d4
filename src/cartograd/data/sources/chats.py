r"""Your own chats, to teach a language model: its answers are learned, and nothing else.

An object on each line of a file (or a JSON list of them), in the shape of OpenAI (`messages`),
ShareGPT (`conversations`) or Alpaca (`instruction`, `input`, `output`), a `prompt` with its
`completion`, or plain `text`, all of which is learned. Published weights write chats by the
template that came with them, in their own tokens; for a model that begins from nothing a vocabulary
is learned from the training part. Chats that ask the same are in the same part.

Shapes: tokens `n t`, next tokens `n t`; -100 where the model has nothing to say.

Departures: a prompt with its completion is a chat of two turns.

References:
    Long Ouyang et al. Training language models to follow instructions with human feedback. NeurIPS
    2022. https://arxiv.org/abs/2203.02155

>>> import json, pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "sums.jsonl"
>>> rows = [{"prompt": f"What is {i} + 1?", "completion": f"{i + 1}."} for i in range(20)]
>>> _ = path.write_text("\n".join(map(json.dumps, rows)))
>>> data = chats(path, vocabulary=280)
>>> data.tokenizer.decode([t for t in data.train.targets[0].tolist() if t >= 0], special=True)
' 2.</s>'
"""

from pathlib import Path

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.data.dataset.chat_rows import asked_of, chat_dataset, kept, with_template
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.token_rows import parts
from cartograd.data.decode.chats import Talk, parse_chats
from cartograd.data.decode.text_files import read_text
from cartograd.data.text import vocabularies

CARD = Card(
    name="chats",
    kind="data",
    entry="chats",
    nodes=("llm/instruct",),
    title="Chats in JSON lines",
    zh="对话数据（JSON Lines）",
    paper="Training language models to follow instructions with human feedback",
    year=2022,
    url="https://arxiv.org/abs/2203.02155",
    proofs=(
        "oracle: transformers' apply_chat_template: the same tokens, and the mask of "
        "{% generation %} where a template has one",
        "law: as many ends of a turn are learned as there are answers, of chats drawn at random, "
        "and what is learned is what the answers say",
        "law: copies of a chat are in one part",
    ),
    evidence={
        "llm/instruct": (
            "test_held_out_questions_are_answered_better_than_before",
            "test_before_after_and_what_was_forgotten_are_one_table",
            "acceptance:own-chats",
        ),
    },
    tiny={"vocabulary": 280, "context": 64},
)


def chats(
    path: str | Path,
    /,
    *,
    context: int = 512,
    vocabulary: int = 4000,
    encoding: str | None = None,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Chats from a file.

    Args:
        path: the file.
        context: greatest number of tokens of a chat; the rest is cut off, and counted.
        vocabulary: greatest number of pieces of words, learned from the training part; a model that
            is there brings its own.
        encoding: of a file that is not UTF-8, like cp1252 or gb18030.
        valid: share for validation.
        test: share for testing.

    Raises:
        UsageError: the file cannot be read, a line is no chat (it is named), or there are too few.
    """
    found = parse_chats(read_text(path, encoding), source=str(path))
    if len(found.talks) < FEWEST and valid + test > 0:
        raise UsageError(
            f"{path} holds {len(found.talks)} chats with an answer; expected at least {FEWEST}, or "
            "valid=0,test=0 to learn from all"
        )
    asked = [asked_of(talk) for talk in found.talks]
    chosen = parts(asked, valid=valid, test=test)
    learned = [_words(found.talks[i]) for i in chosen["train"]]
    tokenizer, _ = with_template(vocabularies.pieces(learned, vocabulary=vocabulary))
    decided, copies = found.told, len(asked) - len(set(asked))
    if copies:
        decided.append(f"{copies} ask what another asks, too; they are in its part")
    about = {"source": str(path), "sha256": digest(path), "decided": decided}
    table = kept(found.talks, found.lines, source=str(path), unit=found.unit)
    return chat_dataset("chats", tokenizer, table, chosen, context=context, about=about)


def _words(talk: Talk) -> str:
    return talk if isinstance(talk, str) else "\n".join(one["content"] for one in talk)
