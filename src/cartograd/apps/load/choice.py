"""A model that fits data, where nobody names one.

The kind of the examples and of their answers decide, then their size and number; published weights
are taken where they are in the cache and what they know helps. The reason is said with the choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cartograd.apps.load.brought import EFFICIENT, PHOTO, PUBLISHED, brought, is_here
from cartograd.apps.load.settings import Setting
from cartograd.core.errors import UsageError
from cartograd.data.dataset.chat_rows import has_chats
from cartograd.data.dataset.dataset import Dataset, Split
from cartograd.data.decode.prose import CHINESE

SMALL = 20
"""Side of pictures up to which LeNet-5 is enough, in pixels."""

FEW_TEXTS, FEW_WINDOWS = 3000, 200
"""Texts that a published encoder reads in minutes on a processor, and windows of series below
which a network learns them by heart."""

LOW = 1000
"""Samples a second below which a sound's spectrum tells little."""

LANGUAGE = 0.2
"""Share of Chinese, Japanese or Korean letters from which on an English encoder is of no use."""

SEEN = 10_000
"""Pictures that published weights look at in all epochs, so that a head takes minutes."""


@dataclass(frozen=True)
class Choice:
    """What was chosen for data.

    Attributes:
        model: its spec, or the name of published weights.
        reason: why, in words.
        word: the data as they are to be read: what was asked for, or a spec with more arguments.
        data: as read by that.
        settings: what goes with the model.
    """

    model: str
    reason: str
    word: Any
    data: Dataset
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """A line for people."""
        return f"model: {self.model}, {self.reason}"


def with_model(settings: dict[str, Setting], /) -> tuple[dict[str, Setting], Choice | None]:
    """Settings with a model: the one that was named, or one for the data, and what was chosen then.

    What somebody said of other settings stays.

    Raises:
        UsageError: there are no data, or no model for them.
    """
    if "data" not in settings:
        raise UsageError(
            "no data was given (data=, --data); digits would be one, or the path of your own"
        )
    if "model" in settings:
        return settings, None
    found = choice(settings["data"].value)
    free = {key: value for key, value in found.settings.items() if _open(key, settings)}
    own = {key: Setting(value, "data") for key, value in (free | {"model": found.model}).items()}
    return settings | own | {"data": replace(settings["data"], value=found.word)}, found


def _open(key: str, settings: Mapping[str, Setting]) -> bool:
    """Whether nobody has given a setting."""
    return key not in settings or settings[key].origin == "default"


def choice(asked: Any, /) -> Choice:
    """A model for data.

    Args:
        asked: data as verbs take them.

    Raises:
        UsageError: the data cannot be had, or nothing is known that learns from them.
    """
    word, data = brought(asked)
    kind, task = data.signature.example.kind, data.signature.task
    chosen = _CHOSEN.get((kind, task.name)) or _CHOSEN.get((kind, task.target or ""))
    if kind == "image" and len(data.signature.output.labels) == 1:
        chosen = _drawn
    if chosen is None:
        raise UsageError(
            f"no model was given, and none is known by itself for {data.name} (task {task.name}); "
            "`cartograd list model` shows all"
        )
    model, reason, settings = chosen(data)
    return Choice(model, reason, word, data, settings)


Chosen = tuple[str, str, dict[str, Any]]


def _pictures(data: Dataset) -> Chosen:
    """For pictures of classes."""
    dims, count = data.signature.input.dims, len(data.train)
    shape = " x ".join(map(str, dims[1:]))
    side = max(size for size in dims[1:] if isinstance(size, int))
    if side <= SMALL:
        return "lenet5", f"a small network for small pictures ({shape})", {}
    if side >= PUBLISHED and dims[0] == 3 and is_here(EFFICIENT):
        why = f"published weights that know photos, with a new last layer for {count:,} of them"
        epochs = min(20, max(3, SEEN // count))
        return EFFICIENT, why, {"freeze": True, "epochs": epochs}
    model = f"resnet:depth={8 if count < 20_000 else 14},width=16"
    why = f"a small residual network for {count:,} pictures of {shape}"
    if side >= PHOTO:
        why += f"; {EFFICIENT} knows photos, and is not here (cartograd data get {EFFICIENT})"
    return model, why, {}


def _masks(data: Dataset) -> Chosen:
    shape = " x ".join(map(str, data.signature.input.dims[1:]))
    why = f"a U-Net, which names each pixel, for {len(data.train):,} pictures of {shape}"
    return "unet:width=16", why, {}


def _boxes(data: Dataset) -> Chosen:
    shape = " x ".join(map(str, data.signature.input.dims[1:]))
    why = f"a detector on a small residual network, for {len(data.train):,} pictures of {shape}"
    return 'fcos:encoder="resnet:depth=14,width=24",width=48', why, {}


def _drawn(data: Dataset) -> Chosen:
    count = len(data.train)
    why = f"which learns to draw: {count:,} pictures of no class leave nothing to tell apart"
    return "v-diffusion:width=16", why, {}


def _captions(data: Dataset) -> Chosen:
    why = f"which draws what it reads, from {len(data.train):,} captions"
    return "latent-diffusion-tiny", why, {}


def _rows(data: Dataset) -> Chosen:
    count, width = len(data.train), data.signature.input.size
    return "mlp", f"a network of dense layers for {count:,} rows of {width} numbers", {}


def _texts(data: Dataset) -> Chosen:
    count, chinese = len(data.train), is_chinese(data)
    if is_here("minilm") and count <= FEW_TEXTS and not chinese:
        why = f"published sentences, read as they are, with a new last layer for {count:,} texts"
        return "minilm", why, {"freeze": True}
    why = f"a recurrence that learns to read from {count:,} texts"
    if chinese:
        why += "; published sentences (minilm) are English"
    elif count > FEW_TEXTS:
        why += "; so many are too slow for minilm on a processor"
    else:
        why += "; minilm can read, and is not here (cartograd data get minilm)"
    return "lstm", why, {}


CHATTING, BESIDE = "smollm2", "lora:rank=8"
"""Published weights that have learned to chat, and what learns beside them."""


def _language(data: Dataset) -> Chosen:
    """For texts to go on with.

    Raises:
        UsageError: they are chats, which take weights that know a language, and none are here.
    """
    if has_chats(data):
        count = sum(len(part) for part in (data.train, data.valid, data.test))
        if not is_here(CHATTING):
            raise UsageError(
                f"{count:,} chats teach a model that knows a language how to answer, and "
                f"{CHATTING} is not here: `cartograd data get {CHATTING}` (or name a model of "
                "yours; lstm-language-model begins from nothing)"
            )
        why = f"published weights that can chat, with {BESIDE} beside them for {count:,} chats"
        return CHATTING, why, {"adapter": BESIDE}
    why = f"a recurrence that goes on with texts, from {len(data.train):,} pieces of them"
    return "lstm-language-model", why, {}


def _translation(data: Dataset) -> Chosen:
    return "seq2seq", f"a recurrence that writes with attention, for {len(data.train):,} pairs", {}


def _series(data: Dataset) -> Chosen:
    count = len(data.train)
    if count < FEW_WINDOWS:
        return "exponential-smoothing", f"four numbers to learn from {count:,} windows", {}
    return "n-beats", f"blocks of dense layers for {count:,} windows of series", {}


def _sounds(data: Dataset) -> Chosen:
    count, rate = len(data.train), data.signature.input.rate or 0
    if rate < LOW:
        why = f"dense layers over {count:,} sounds of {rate} samples a second, too few for a pitch"
        return "mlp", why, {}
    return "mel-resnet", f"a small residual network for the spectrograms of {count:,} sounds", {}


_CHOSEN = {
    ("image", "classify"): _pictures,
    ("image", "multi-label"): _pictures,
    ("image", "caption"): _captions,
    ("image", "detect"): _boxes,
    ("image", "segment"): _masks,
    ("text", "classify"): _texts,
    ("text", "regress"): _texts,
    ("text", "multi-label"): _texts,
    ("text", "next-token"): _language,
    ("text", "translate"): _translation,
    ("audio", "classify"): _sounds,
    ("series", "forecast"): _series,
} | {
    (kind, task): _rows
    for kind in ("table", "vector")
    for task in ("classify", "regress", "multi-label")
}
"""What is chosen, by the kind of the examples and the task, or what the answers mean."""


def is_chinese(data: Dataset) -> bool:
    """Whether texts are written in Chinese, Japanese or Korean."""
    part = data.train
    if not isinstance(part, Split) or part.table is None:
        return False
    text = "".join(row[0] for row in part.table.rows[:200])
    return len(CHINESE.findall(text)) > LANGUAGE * len(text)
