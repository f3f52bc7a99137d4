"""Chats by OpenAI's protocol: `/v1/chat/completions` and `/v1/models`.

Requests that wait while another is answered are answered together, side by side in one batch,
whichever adapters they name; those that are sampled have each a generator of their own, so that an
answer does not depend on who else asks.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cartograd.apps.gate.gate import Gate
from cartograd.apps.results.written import Written
from cartograd.apps.server.body import Limits
from cartograd.apps.server.decode import parsed
from cartograd.apps.server.refusal import RefusalError
from cartograd.apps.verbs.gated import kept_out, passed
from cartograd.apps.verbs.shared_base import SharedBase, Wish
from cartograd.core.build import build
from cartograd.core.errors import unknown

LIKE = '{"model": "ours", "messages": [{"role": "user", "content": "Hello"}]}'
"""A request."""

TOGETHER, LENGTH = 16, 512
"""Requests that are answered at once, and the most tokens of an answer that does not say."""

NUMBERS: dict[str, tuple[float, float]] = {
    "max_tokens": (1, 2**20), "max_completion_tokens": (1, 2**20), "temperature": (0, 100),
    "top_p": (0, 1), "seed": (0, 2**63 - 1),
}  # fmt: skip
"""What a request may say in numbers, from and to."""

WHOLE = ("max_tokens", "max_completion_tokens", "seed")
"""Those that are whole."""

USUAL: dict[str, Any] = {
    "n": 1, "stream": False, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0,
    "response_format": {"type": "text"}, "stop": [], "tools": [], "logit_bias": {},
}  # fmt: skip
"""What is understood in this one way only."""

FILTERED = "content_filter"
"""Why an answer ends that a gate refuses, in the protocol's words."""

ANY = ("user", "metadata", "store")
"""What changes no answer."""


@dataclass(eq=False)
class Asked:
    """A request that waits.

    Attributes:
        model: as it was named.
        wish: what is to be written.
        manner: samplers, as specs: requests alike in this are answered together.
        answer: what was written, or why nothing was.
    """

    model: str
    wish: Wish
    manner: tuple[str, ...]
    answer: Written | Exception | None = None


@dataclass
class Chats:
    """The chats that one model answers, with its adapters.

    Attributes:
        base: the model.
        name: what clients call it.
        gate: what messages and answers have to pass, if there is one.
        waiting: requests that have no answer yet.
    """

    base: SharedBase
    name: str
    gate: Gate | None = None
    waiting: list[Asked] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: int = field(default_factory=lambda: int(time.time()))

    @property
    def models(self) -> tuple[str, ...]:
        """What a request may name: the base and its adapters."""
        return (self.name, *self.base.adapters)

    def listed(self) -> dict[str, Any]:
        """The answer of `/v1/models`."""
        one = {"object": "model", "created": self.began, "owned_by": "cartograd"}
        return {"object": "list", "data": [{"id": name} | one for name in self.models]}

    def enter(self, body: bytes, limits: Limits, /) -> Asked:
        """A request, as it waits for its turn.

        Raises:
            RefusalError: 400 it is no JSON, 404 there is no such model, 422 it is not understood.
        """
        said = parsed(body, like=LIKE)
        if not isinstance(said, dict):
            raise RefusalError(422, f"the body is no object; expected {LIKE}")
        asked = self._asked({key: value for key, value in said.items() if value is not None})
        with self.lock:
            if len(self.waiting) >= limits.examples:
                raise RefusalError(503, f"{len(self.waiting)} requests wait already; ask later")
            self.waiting.append(asked)
        return asked

    def answered(self, asked: Asked, /) -> dict[str, Any]:
        """The answer to a request, together with others that wait; called one at a time.

        Raises:
            UsageError: the model cannot answer.
        """
        if asked.answer is None:
            self._work(self._mates(asked))
        found = asked.answer
        if isinstance(found, Exception):
            raise found
        assert found is not None
        return _completion(asked.model, found)

    def _mates(self, asked: Asked) -> list[Asked]:
        """The request, and others of the same manner that wait."""
        with self.lock:
            alike = [one for one in self.waiting if one.manner == asked.manner and one is not asked]
            chosen = [asked, *alike[: TOGETHER - 1]]
            self.waiting = [one for one in self.waiting if one not in chosen]
        return chosen

    def _work(self, some: list[Asked]) -> None:
        some = [one for one in some if not self._kept_out(one)]
        if not some:
            return
        samplers = [build(one, kind="token-sampler") for one in some[0].manner]
        try:
            found = self.base.generate([one.wish for one in some], samplers=samplers)
        except Exception as error:
            if len(some) == 1:
                some[0].answer = error
                return
            for one in some:  # what is wrong with one is not the others' fault
                self._work([one])
            return
        for one, text in zip(some, found, strict=True):
            one.answer = text if self.gate is None else passed(self.gate, text)

    def _kept_out(self, one: Asked) -> bool:
        """Whether the gate refuses the messages, which then never reach the model."""
        told = None if self.gate is None else self.gate.asked(one.wish.prompt)
        if told is not None and told.refused:
            one.answer = kept_out(one.wish.prompt, told)
            return True
        return False

    def _asked(self, said: Mapping[str, Any]) -> Asked:
        for key, value in said.items():
            _check(key, value)
        name = said.get("model", self.name)
        if name not in self.models:
            raise RefusalError(404, str(unknown("model", str(name), self.models)))
        length = said.get("max_completion_tokens", said.get("max_tokens", LENGTH))
        heat, share = said.get("temperature", 0), said.get("top_p", 1)
        seed, manner = None, list[str]()
        if heat > 0:
            seed = said.get("seed", uuid.uuid4().int % 2**63)
            manner += [f"temperature:temperature={heat}"] if heat != 1 else []
            manner += [f"top-p:p={share}"] if share < 1 else []
            manner = manner or ["top-p:p=1.0"]
        for one in manner:
            build(one, kind="token-sampler")  # refuses what is out of range before it waits
        adapter = None if name == self.name else name
        wish = Wish(_messages(said), adapter, length, seed)
        self.base.encoded(wish)  # what cannot be read is refused before it waits
        return Asked(name, wish, tuple(manner))


def _check(key: str, value: Any) -> None:
    """Refuse what is not understood, by its name."""
    known = ("model", "messages", *NUMBERS, *USUAL, *ANY)
    if key not in known:
        raise RefusalError(422, str(unknown("key", key, known)))
    if key in USUAL and value != USUAL[key]:
        raise RefusalError(422, f"{key}={value!r} is not known here; leave it out")
    if key not in NUMBERS:
        return
    low, high = NUMBERS[key]
    kinds: tuple[type, ...] = (int,) if key in WHOLE else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        word = "a whole number" if key in WHOLE else "a number"
        raise RefusalError(
            422, f"{key}={value!r} is not understood; expected {word} from {low} to {high}"
        )


def _messages(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The messages of a request.

    Raises:
        RefusalError: 422 there are none, or one is none.
    """
    given = said.get("messages")
    if not isinstance(given, list) or not given:
        raise RefusalError(422, f"messages are missing; expected {LIKE}")
    for number, one in enumerate(given, start=1):
        known = isinstance(one, dict) and isinstance(one.get("role"), str)
        if not known or not isinstance(one.get("content"), str):
            raise RefusalError(
                422, f"message {number} has no role with a content in words; expected {LIKE}"
            )
    return [{"role": one["role"], "content": one["content"]} for one in given]


def _completion(model: str, found: Written) -> dict[str, Any]:
    """An answer as OpenAI's protocol has it."""
    told: dict[str, Any] = {"role": "assistant", "content": found.text}
    choice: dict[str, Any] = {"index": 0, "message": told, "logprobs": None}
    choice["finish_reason"] = "stop" if found.ended else "length"
    if found.refused is not None:
        told["refusal"] = found.refused.line()
        choice |= {"finish_reason": FILTERED, "gate": found.refused.to_json()}
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": {
            "prompt_tokens": found.prompt_tokens,
            "completion_tokens": len(found.tokens),
            "total_tokens": found.prompt_tokens + len(found.tokens),
        },
    }
