"""Chats by OpenAI's protocol: `/v1/chat/completions` and `/v1/models`.

Whoever asks joins those who are answered already, whichever model they name (`desk`); those that
are sampled have each a generator of their own, so an answer does not depend on who else asks.

References:
    OpenAI. API reference: chat. 2024. https://platform.openai.com/docs/api-reference/chat
    Ian Hickson. Server-sent events. W3C recommendation, 2015. https://www.w3.org/TR/eventsource/
"""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from cartograd.apps.gate.gate import Gate, Sentences
from cartograd.apps.gate.verdict import RefusedError, Verdict
from cartograd.apps.load.writing import TooLongError
from cartograd.apps.server.body import Limits
from cartograd.apps.server.chat_request import Chat, chat
from cartograd.apps.server.desk import Desk, Part, Text
from cartograd.apps.server.refusal import RefusalError, told
from cartograd.apps.server.until import Until
from cartograd.apps.verbs.decoded import Pieces
from cartograd.apps.verbs.shared_base import SharedBase
from cartograd.core.errors import UsageError, unknown

FILTERED = "content_filter"
"""Why an answer ends that a gate refuses, in the protocol's words."""


@dataclass(eq=False)
class Asked:
    """A request that is to be answered.

    Attributes:
        chat: what it says.
        texts: one for each choice; none where a gate refuses the messages.
        refused: what that says of them.
        heard: parts of the texts with their numbers, as they come.
        tokens: of the answers so far.
    """

    chat: Chat
    texts: list[Text] = field(default_factory=list)
    refused: Verdict | None = None
    heard: "asyncio.Queue[tuple[int, Part | Exception]]" = field(default_factory=asyncio.Queue)
    name: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    began: int = field(default_factory=lambda: int(time.time()))

    def frame(self, kind: str, choices: list[dict[str, Any]], /) -> dict[str, Any]:
        """What each answer has around its choices."""
        own = {"id": self.name, "object": kind, "created": self.began, "model": self.chat.model}
        return own | {"choices": choices}

    @property
    def usage(self) -> dict[str, int]:
        """The tokens of the messages, and of the answers; none where the model saw nothing."""
        asked = len(self.texts[0].request.prompt) if self.texts else 0
        written = sum(one.tokens for one in self.texts)
        return {
            "prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written,
        }  # fmt: skip


@dataclass
class Choice:
    """What has come of one text, as a gate lets it pass.

    Attributes:
        number: among the choices.
        sentences: of the text, where there is a gate.
        end: why it has ended.
        refused: what the gate says, if it has refused it.
    """

    number: int
    sentences: Sentences | None
    end: str | None = None
    refused: Verdict | None = None

    async def passed(self, part: Part, /) -> str:
        """The words that may be sent now."""
        self.end = part.end
        if self.sentences is None:
            return part.text
        return await anyio.to_thread.run_sync(self._passed, self.sentences, part)

    def _passed(self, sentences: Sentences, part: Part) -> str:
        sent = ""
        try:
            for one in sentences.add(part.text):
                sent += one
            for one in sentences.rest() if part.end else ():
                sent += one
        except RefusedError as error:
            self.end, self.refused = FILTERED, error.verdict
        return sent


@dataclass
class Chats:
    """The chats that one model answers, with its adapters.

    Attributes:
        base: the model.
        name: what clients call it.
        gate: what messages and answers have to pass, if there is one.
        desk: where they are written.
    """

    base: SharedBase
    name: str
    gate: Gate | None = None
    began: int = field(default_factory=lambda: int(time.time()))
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.base)

    def listed(self) -> dict[str, Any]:
        """The answer of `/v1/models`."""
        names = (self.name, *self.base.adapters)
        return {"object": "list", "data": [self.one(name) for name in names]}

    def one(self, name: str, /) -> dict[str, Any]:
        """The answer of `/v1/models/NAME`.

        Raises:
            RefusalError: 404 there is no such model.
        """
        names = (self.name, *self.base.adapters)
        if name not in names:
            raise RefusalError(404, str(unknown("model", name, names)), "model", "model_not_found")
        return {"id": name, "object": "model", "created": self.began, "owned_by": "cartograd"}

    def read(self, body: bytes, limits: Limits, /) -> Asked:
        """A request, checked as a whole and by the gate; nothing is written of it yet.

        Raises:
            RefusalError: 400 it is not understood, 404 there is no such model, 503 too many wait.
        """
        said = chat(body, self.name, self.base.adapters)
        try:
            requests = [self.base.request(one, samplers=said.samplers) for one in said.wishes]
        except TooLongError as error:
            raise RefusalError(400, str(error), "messages", "context_length_exceeded") from error
        except UsageError as error:
            raise RefusalError(400, str(error), "messages") from error
        waiting = len(self.desk.waiting)
        if waiting + len(requests) > limits.examples:
            raise RefusalError(503, f"{waiting} texts wait already; ask later", None, "overloaded")
        asked = Asked(said)
        verdict = None if self.gate is None else self.gate.asked(said.wishes[0].prompt)
        if verdict is not None and verdict.refused:
            asked.refused = verdict
            return asked
        writing = self.base.writing
        for one in [replace(one, prompt=requests[0].prompt) for one in requests]:  # read once
            pieces = Pieces(writing, list(one.prompt), writing.stop)
            asked.texts.append(Text(one, pieces, Until(said.stop), lambda _: None))
        return asked

    async def answered(self, asked: Asked, /) -> dict[str, Any]:
        """The answer as a whole.

        Raises:
            Exception: what went wrong while it was written.
        """
        words = [""] * len(asked.chat.wishes)
        choices = [Choice(number, None) for number in range(len(words))]
        async for choice, text in self._said(asked, gated=False):
            words[choice.number] += text
            choices[choice.number] = choice
        if self.gate is not None and asked.refused is None:
            for choice in choices:
                verdict = await anyio.to_thread.run_sync(
                    self.gate.check, words[choice.number], "answer"
                )
                if verdict.refused:
                    choice.end, choice.refused, words[choice.number] = FILTERED, verdict, ""
                    asked.texts[choice.number].tokens = 0
        found = [_choice(one, _message(one, words[one.number])) for one in choices]
        return asked.frame("chat.completion", found) | {"usage": asked.usage}

    async def events(self, asked: Asked, /) -> AsyncIterator[str]:
        """The answer as server-sent events, as it is written; behind a gate by sentences."""
        kind = "chat.completion.chunk"
        begun = {"role": "assistant", "content": ""}
        more = {"usage": None} if asked.chat.counted else {}
        for number in range(len(asked.chat.wishes)):
            yield _event(asked.frame(kind, [_delta(Choice(number, None), begun)]) | more)
        try:
            async for choice, text in self._said(asked, gated=True):
                if text:
                    delta = _delta(Choice(choice.number, None), {"content": text})
                    yield _event(asked.frame(kind, [delta]) | more)
                if choice.end:
                    verdict = choice.refused
                    last = {} if verdict is None else {"refusal": verdict.line()}
                    yield _event(asked.frame(kind, [_delta(choice, last)]) | more)
        except Exception as error:
            yield _event(told(error))
            return
        if asked.chat.counted:
            yield _event(asked.frame(kind, []) | {"usage": asked.usage})
        yield "data: [DONE]\n\n"

    async def _said(self, asked: Asked, *, gated: bool) -> AsyncIterator[tuple[Choice, str]]:
        """What comes of each choice; who stops listening ends what is being written."""
        count = len(asked.chat.wishes)
        if asked.refused is not None:
            for number in range(count):
                yield Choice(number, None, FILTERED, asked.refused), ""
            return
        gate = self.gate if gated else None
        choices = [Choice(n, None if gate is None else Sentences(gate)) for n in range(count)]
        self._listen(asked)
        try:
            self.desk.ask(*asked.texts)
            while any(one.end is None for one in choices):
                number, part = await asked.heard.get()
                if isinstance(part, Exception):
                    raise part
                choice = choices[number]
                if choice.end is None:
                    text = await choice.passed(part)
                    if choice.end:
                        self.desk.leave(asked.texts[number])
                    yield choice, text
        finally:
            self.desk.leave(*asked.texts)

    def _listen(self, asked: Asked) -> None:
        """Have the parts of texts come to this event loop, from the thread that writes them."""
        loop = asyncio.get_running_loop()

        def told_of(number: int, text: Text) -> None:
            def tell(part: Part | Exception) -> None:
                try:
                    loop.call_soon_threadsafe(asked.heard.put_nowait, (number, part))
                except RuntimeError:  # the server has ended
                    text.left = True

            text.tell = tell

        for number, text in enumerate(asked.texts):
            told_of(number, text)


def _event(said: dict[str, Any]) -> str:
    return f"data: {json.dumps(said, separators=(',', ':'))}\n\n"


def _message(choice: Choice, text: str) -> dict[str, Any]:
    more = {} if choice.refused is None else {"refusal": choice.refused.line()}
    return {"message": {"role": "assistant", "content": text} | more}


def _delta(choice: Choice, said: dict[str, Any]) -> dict[str, Any]:
    return _choice(choice, {"delta": said})


def _choice(choice: Choice, said: dict[str, Any]) -> dict[str, Any]:
    found = {"index": choice.number} | said
    found |= {"logprobs": None, "finish_reason": choice.end}
    return found if choice.refused is None else found | {"gate": choice.refused.to_json()}
