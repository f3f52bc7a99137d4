"""What a request for chats says, by OpenAI's protocol: checked as a whole before it waits."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cartograd.apps.server.decode import parsed
from cartograd.apps.server.refusal import RefusalError
from cartograd.apps.verbs.shared_base import Wish
from cartograd.core.build import build
from cartograd.core.errors import UsageError, unknown
from cartograd.core.protocols import TokenSampler

LIKE = '{"model": "ours", "messages": [{"role": "user", "content": "Hello"}]}'
"""A request."""

LENGTH = 512
"""The most tokens of an answer that does not say."""

NUMBERS: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 2**20), "max_completion_tokens": (1, 2**20), "temperature": (0, 100),
    "top_p": (0, 1), "seed": (-(2**63), 2**63 - 1), "n": (1, 128),
}  # fmt: skip
"""What a request may say in numbers, from and to."""

WHOLE = ("max_tokens", "max_completion_tokens", "seed", "n")
"""Those that are whole."""

STOPS = 16
"""The most words at which an answer ends."""

USUAL: dict[str, Any] = {
    "logprobs": False, "top_logprobs": 0, "presence_penalty": 0, "frequency_penalty": 0,
    "response_format": {"type": "text"}, "tools": [], "logit_bias": {},
}  # fmt: skip
"""What is understood in this one way only."""

ANY = ("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key")
"""What changes no answer."""


@dataclass(frozen=True)
class Chat:
    """A request.

    Attributes:
        model: as it was named.
        wishes: what is to be written, a text for each of its choices.
        samplers: of each text.
        stop: words at which a text ends.
        streamed: whether it is sent as it is written.
        counted: whether the end of a stream says how many tokens there were.
    """

    model: str
    wishes: tuple[Wish, ...]
    samplers: tuple[TokenSampler, ...]
    stop: tuple[str, ...]
    streamed: bool
    counted: bool


def chat(body: bytes, name: str, adapters: Sequence[str], /) -> Chat:
    """The request of a body.

    Args:
        body: in JSON.
        name: of the base, which answers where no model is named.
        adapters: the other models.

    Raises:
        RefusalError: 400 it is not understood, 404 there is no such model.
    """
    given = parsed(body, like=LIKE)
    if not isinstance(given, dict):
        raise RefusalError(400, f"the body is no object; expected {LIKE}")
    said = {key: value for key, value in given.items() if value is not None}
    for key, value in said.items():
        _check(key, value)
    model = said.get("model", name)
    if model not in (name, *adapters):
        told = str(unknown("model", str(model), (name, *adapters)))
        raise RefusalError(404, told, "model", "model_not_found")
    length = said.get("max_completion_tokens", said.get("max_tokens", LENGTH))
    samplers, messages = _samplers(said), _messages(said)
    adapter = None if model == name else model
    first = said.get("seed", uuid.uuid4().int) % 2**63
    greedy = said.get("temperature", 1) == 0
    wishes = tuple(
        Wish(messages, adapter, length, None if greedy else (first + number) % 2**63)
        for number in range(said.get("n", 1))
    )
    streamed, counted = _streamed(said)
    return Chat(model, wishes, samplers, _stops(said), streamed, counted)


def _check(key: str, value: Any) -> None:
    """Refuse what is not understood, by its name."""
    known = ("model", "messages", "stop", "stream", "stream_options", *NUMBERS, *USUAL, *ANY)
    if key not in known:
        raise RefusalError(400, str(unknown("key", key, known)), key, "unknown_parameter")
    if key in USUAL and value != USUAL[key]:
        raise RefusalError(
            400, f"{key}={value!r} is not known here; leave it out", key, "unsupported_value"
        )
    if key not in NUMBERS:
        return
    low, high = NUMBERS[key]
    kinds: tuple[type, ...] = (int,) if key in WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        word = "a whole number" if key in WHOLE else "a number"
        raise RefusalError(
            400, f"{key}={value!r} is not understood; expected {word} from {low} to {high}", key
        )


def _samplers(said: Mapping[str, Any]) -> tuple[TokenSampler, ...]:
    """What changes the scores; temperature and top_p are 1 where nobody says, as at OpenAI."""
    heat, share = said.get("temperature", 1), said.get("top_p", 1)
    if heat == 0:
        return ()
    specs = [f"temperature:temperature={heat}"] if heat != 1 else []
    specs += [f"top-p:p={share}"] if share < 1 else []
    try:
        return tuple(build(one, kind="token-sampler") for one in specs)
    except UsageError as error:
        raise RefusalError(400, str(error), "temperature" if share == 1 else "top_p") from error


def _stops(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The words at which an answer ends.

    Raises:
        RefusalError: 400 there are too many, or one is empty or no word.
    """
    given = said.get("stop", [])
    words = [given] if isinstance(given, str) else given
    known = isinstance(words, list) and all(isinstance(one, str) and one for one in words)
    if not known or len(words) > STOPS:
        raise RefusalError(
            400, f"stop={given!r} is not understood; expected a word, or at most {STOPS}, none "
            "empty", "stop",
        )  # fmt: skip
    return tuple(words)


def _streamed(said: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the answer is sent as it is written, and the tokens counted at its end.

    Raises:
        RefusalError: 400 one is not understood.
    """
    streamed, options = said.get("stream", False), said.get("stream_options", {})
    if not isinstance(streamed, bool):
        raise RefusalError(
            400, f"stream={streamed!r} is not understood; expected true or false", "stream"
        )
    known = isinstance(options, dict) and not set(options) - {"include_usage"}
    counted = options.get("include_usage", False) if known else None
    if not isinstance(counted, bool) or (options and not streamed):
        raise RefusalError(
            400, f"stream_options={options!r} is not understood; expected "
            '{"include_usage": true} beside "stream": true', "stream_options",
        )  # fmt: skip
    return streamed, counted


def _messages(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a request.

    Raises:
        RefusalError: 400 there are none, or one is none.
    """
    given = said.get("messages")
    if not isinstance(given, list) or not given:
        raise RefusalError(400, f"messages are missing; expected {LIKE}", "messages")
    found = []
    for number, one in enumerate(given, start=1):
        known = isinstance(one, dict) and isinstance(one.get("role"), str)
        content = _content(one.get("content")) if known else None
        if content is None:
            raise RefusalError(
                400, f"message {number} has no role with a content in words; expected {LIKE}",
                f"messages[{number - 1}]",
            )  # fmt: skip
        found.append({"role": one["role"], "content": content})
    return found


def _content(said: Any) -> str | None:
    """What a message says: a text, or parts of one; None of anything else."""
    if isinstance(said, str):
        return said
    if not isinstance(said, list) or not said:
        return None
    parts = [
        one["text"]
        for one in said
        if isinstance(one, dict) and one.get("type") == "text" and isinstance(one.get("text"), str)
    ]
    return "".join(parts) if len(parts) == len(said) else None
