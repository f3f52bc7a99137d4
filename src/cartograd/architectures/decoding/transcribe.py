"""Transcription: the text of a recording, window by window, by a speech-to-text model.

The model's first tokens set its task. The language, if not given, is the likeliest of its language
tokens after the first one. A recording that is longer than the model's input is cut where it is
quietest, so that no word is.

    language = argmax p(. | start)       text = greedy(start, language, transcribe, no times)
    no text where p(no speech | start) > 0.6

A model of speech always writes something. Whether anybody speaks it says before its first word, by
the probability of a token for that.

Shapes: sounds ` n`, of 16,000 samples per second.

Departures: no times are written: everything after the end-of-text token in the vocabulary is ruled
out. Windows are transcribed apart, without the text before as a prompt, and nothing is tried again
at a higher temperature. The authors also write what has a mean log-probability above -1; that rule
is left out, for on silence Whisper-base says ' you' at -0.56 with p(no speech) = 0.93. On a dozen
telephone announcements p is 0.24 at most, at a twentieth of their loudness 0.42.

References:
    Alec Radford, Jong Wook Kim, Tao Xu, Greg Brockman, Christine McLeavey, Ilya Sutskever. Robust
    speech recognition via large-scale weak supervision. 2022. https://arxiv.org/abs/2212.04356

>>> import torch
>>> [len(part) for part in windows(torch.ones(25), 10)]
[10, 10, 5]
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from cartograd.architectures.decoding.generate import generate
from cartograd.core.card import Card
from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import Transcriber

CARD = Card(
    name="transcribe",
    kind="decoding",
    entry="transcribe",
    nodes=("seq2seq/encoder-decoder", "arch/transformer"),
    title="Transcribing speech",
    zh="语音转写",
    paper="Robust speech recognition via large-scale weak supervision",
    year=2022,
    url="https://arxiv.org/abs/2212.04356",
    proofs=(
        "oracle: transformers' no-speech detection with the same weights, to 1e-4",
        "law: the model is asked with the right first tokens, what it may not say is ruled out, "
        "and windows are cut where it is quietest",
        "law: nothing is written where nobody speaks, and the windows around it are",
    ),
)

START, TASK, UNTIMED, END = (
    "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>", "<|endoftext|>",
)  # fmt: skip
"""What Whisper's tokens are called; those of languages stand between the first two."""

NO_SPEECH = ("<|nospeech|>", "<|nocaptions|>")
"""The token for nobody speaking, as newer and as older files call it."""

SILENT = 0.6
"""Nothing is written where it is likelier that nobody speaks: the authors' number."""

QUIET = 1600
"""Samples over which loudness is taken."""


class Transcript(NamedTuple):
    """What was said in a recording."""

    text: str
    language: str
    no_speech: float
    """Probability that nobody speaks, in the window where that is least likely."""


def transcribe(
    model: Transcriber,
    sound: Float[Tensor, " n"],
    tokenizer: Any,
    /,
    *,
    language: str | None = None,
    length: int = 224,
) -> Transcript:
    """The text of a recording, its language, and how likely it is that nobody speaks.

    Args:
        model: a speech-to-text model.
        sound: of any length.
        tokenizer: Whisper's (`cartograd.data.text.tokenizer`).
        language: of the recording, like `en`; found by the model if not given.
        length: greatest number of tokens of a window.

    Raises:
        UsageError: the tokenizer is of another model, the language is unknown, or there is
            nothing to hear.
    """
    special = _special(tokenizer)
    languages = {word[2:-2]: number for word, number in special.items() if _names(word, special)}
    if language is not None and language not in languages:
        raise unknown("language", language, languages)
    if not sound.numel():
        raise UsageError("there is nothing to transcribe: the sound holds no samples")
    nobody = [special[word] for word in NO_SPEECH if word in special]
    if not nobody:
        raise UsageError(f"the tokenizer has no {NO_SPEECH[0]}: it cannot say that nobody speaks")
    end, texts, silent, heard = special[END], [], [], language or ""
    for part in windows(sound, model.samples):
        writing = model.decoder(part[None, None], length + 4)
        start = torch.tensor([[special[START]]])
        spoken = writing.read(start)[0, -1]
        heard = heard or max(languages, key=lambda word: spoken[languages[word]].item())
        prompt = [[languages[heard], special[TASK], special[UNTIMED]]]
        silent.append(spoken.softmax(-1)[nobody[0]].item())
        if silent[-1] > SILENT:
            continue
        words = generate(
            writing, torch.tensor(prompt), length=length, samplers=[_said(end)], stop=[end]
        )
        texts.append(tokenizer.decode([word for word in words[0] if word != end]).strip())
    return Transcript(" ".join(text for text in texts if text), heard, min(silent))


def windows(sound: Float[Tensor, " n"], longest: int, /) -> list[Float[Tensor, " n1"]]:
    """A sound in pieces that are not too long, cut at the quietest place of each last third."""
    parts = []
    while len(sound) > longest:
        late = sound[longest * 2 // 3 : longest]
        cut = longest
        if len(late) > 2 * QUIET:
            power = late.square().unfold(0, QUIET, QUIET // 4).mean(1)
            cut = longest - len(late) + int(power.argmin()) * (QUIET // 4) + QUIET // 2
        parts.append(sound[:cut])
        sound = sound[cut:]
    return [*parts, sound]


def _said(end: int) -> Any:
    """A sampler that allows only words and the end of the text."""

    def spoken(logits: Float[Tensor, "b v"], _seen: Int[Tensor, "b t"], /) -> Tensor:
        ruled_out = torch.arange(logits.shape[1], device=logits.device) > end
        return logits.masked_fill(ruled_out, -torch.inf)

    return spoken


def _special(tokenizer: Any) -> dict[str, int]:
    """The numbers of the tokens that are no words."""
    document = {} if tokenizer is None else tokenizer.document
    special = {one["content"]: one["id"] for one in document.get("added_tokens", ())}
    lacking = [word for word in (START, TASK, UNTIMED, END) if word not in special]
    if lacking:
        raise UsageError(
            f"the tokenizer has no {lacking[0]}: it does not belong to a model that transcribes"
        )
    return special


def _names(word: str, special: dict[str, int]) -> bool:
    """Whether a token names a language."""
    return special[START] < special[word] < special[TASK] and 4 < len(word) <= 8
