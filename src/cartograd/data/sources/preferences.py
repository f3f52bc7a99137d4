r"""Your own preferences, to align a language model: pairs of answers, of which one is better.

An object on each line of a file (or a JSON list of them) with `chosen` and `rejected`, as texts or
lists of messages, with a `prompt` or without; or single answers with a `label`, which is what KTO
takes. The last answer of each is compared, and nothing before it. Published weights write chats by
the template that came with them; for a model that begins from nothing a vocabulary is learned from
the training part. Pairs with the same prompt are in the same part.

Shapes: tokens `n t`, next tokens `n t` of the better answers; batches of the training and the
validation part are (better `b t`, worse `b t2`, labels `b 2 t3`).

Departures: the test part gives the better answers alone, as a language model is tested.

References:
    Paul Christiano et al. Deep reinforcement learning from human preferences. NeurIPS 2017.
    https://arxiv.org/abs/1706.03741
    Yuntao Bai et al. Training a helpful and harmless assistant. 2022.
    https://arxiv.org/abs/2204.05862

>>> import json, pathlib, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "polite.jsonl"
>>> rows = [
...     {"prompt": f"What is {i} + 1?", "chosen": f"{i + 1}, please.", "rejected": f"{i + 1}!"}
...     for i in range(20)
... ]
>>> _ = path.write_text("\n".join(map(json.dumps, rows)))
>>> data = preferences(path, vocabulary=280)
>>> better, worse, labels = next(data.train.batches(batch_size=1).epoch(0, seed=0))
>>> data.tokenizer.decode([t for t in labels[0, 1].tolist() if t >= 0], special=True)[-5:]
'!</s>'
"""

from pathlib import Path

import torch

from cartograd.core.card import Card
from cartograd.core.errors import UsageError
from cartograd.core.files import digest
from cartograd.data.dataset.chat_rows import with_template
from cartograd.data.dataset.dataset import Dataset
from cartograd.data.dataset.preference_rows import kept_pairs, preference_dataset
from cartograd.data.dataset.splits import FEWEST
from cartograd.data.dataset.token_rows import parts
from cartograd.data.decode.chats import Talk
from cartograd.data.decode.preferences import Liked, parse_preferences
from cartograd.data.decode.text_files import read_text
from cartograd.data.text import vocabularies

CARD = Card(
    name="preferences",
    kind="data",
    entry="preferences",
    title="Preferences in JSON lines",
    zh="偏好数据（JSON Lines）",
    paper="Deep reinforcement learning from human preferences",
    year=2017,
    url="https://arxiv.org/abs/1706.03741",
    proofs=(
        "law: the last answer of each side is compared with its end, and nothing before it",
        "law: pairs with one prompt are in one part",
    ),
    tiny={"vocabulary": 280, "context": 64},
)


def preferences(
    path: str | Path,
    /,
    *,
    context: int = 512,
    vocabulary: int = 4000,
    encoding: str | None = None,
    valid: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """Preferences from a file.

    Args:
        path: the file.
        context: greatest number of tokens of a prompt with an answer; the rest is cut off.
        vocabulary: greatest number of pieces of words, learned from the training part; a model that
            is there brings its own.
        encoding: of a file that is not UTF-8, like cp1252 or gb18030.
        valid: share for validation.
        test: share for testing.

    Raises:
        UsageError: the file cannot be read, a line is no preference (it is named), or there are too
            few.
    """
    found = parse_preferences(read_text(path, encoding), source=str(path))
    if len(found.liked) < FEWEST and valid + test > 0:
        raise UsageError(
            f"{path} holds {len(found.liked)} preferences; expected at least {FEWEST}, or "
            "valid=0,test=0 to learn from all"
        )
    kinds = torch.tensor([_kind(one) for one in found.liked])
    chosen = parts([_asked(one) for one in found.liked], kinds, valid=valid, test=test)
    learned = [_words(talk) for i in chosen["train"] for talk in _there(found.liked[i])]
    tokenizer, _ = with_template(vocabularies.pieces(learned, vocabulary=vocabulary))
    about = {"source": str(path), "sha256": digest(path), "decided": found.told}
    return preference_dataset(tokenizer, kept_pairs(found), chosen, context=context, about=about)


def _kind(liked: Liked) -> int:
    """Whether it is a pair, or a single answer that was liked, or was not; all are in each part."""
    return (liked.better is None) + 2 * (liked.worse is None)


def _there(liked: Liked) -> list[Talk]:
    return [talk for talk in (liked.better, liked.worse) if talk is not None]


def _asked(liked: Liked) -> str:
    """What stands before the last answer; of plain documents the better one's beginning."""
    talk = _there(liked)[0]
    if isinstance(talk, str):
        return " ".join(talk.split()).casefold()
    return "\n".join(" ".join(one["content"].split()).casefold() for one in talk[:-1])


def _words(talk: Talk) -> str:
    return talk if isinstance(talk, str) else "\n".join(one["content"] for one in talk)
