"""A language model behind an address that speaks OpenAI's protocol.

`/completions` with `echo` tells how likely each token of a prompt is; `/completions`, or for chats
`/chat/completions`, writes. Which model is meant stands behind `#`: `http://host:8000/v1#my-model`.

References:
    OpenAI. API reference, legacy completions and chat completions. 2024.
    https://platform.openai.com/docs/api-reference/completions
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from cartograd.apps.exams.exam import Writes
from cartograd.apps.exams.examinee import Asked, Likelihood, cut
from cartograd.core.errors import UsageError, first_line

PATIENCE = 60.0
"""Seconds in which an answer must have come."""

KEY = "CARTOGRAD_ENDPOINT_KEY"
"""Where a key for the address stands, in the environment."""


def is_endpoint(word: Any, /) -> bool:
    """Whether a target is an address.

    >>> is_endpoint("http://127.0.0.1:8000/v1#small"), is_endpoint("smollm2")
    (True, False)
    """
    return isinstance(word, str) and word.startswith(("http://", "https://"))


class EndpointModel:
    """A model behind an address.

    Args:
        address: of the API, up to `/v1`, with `#` and the model's name.
        chat: ask `/chat/completions`, a prompt as a message of the user.
        patience: seconds in which each answer must have come.

    Raises:
        UsageError: it is no such address.
    """

    def __init__(self, address: str, /, *, chat: bool = False, patience: float = PATIENCE):
        home, _, model = address.partition("#")
        if not urlsplit(home).netloc:
            raise UsageError(f"{address} is no address; expected http://host:port/v1#model")
        self.home = home.rstrip("/")
        for ending in ("/chat/completions", "/completions"):
            self.home = self.home.removesuffix(ending)
        self.model, self.chat, self.patience = model or "default", chat, patience
        self.name, self.notes = address, list[str]()

    def likelihoods(self, pairs: Sequence[tuple[str, Sequence[str]]], /) -> list[list[Likelihood]]:
        """Of each text how likely each of its continuations is.

        Raises:
            UsageError: the address does not tell, or what it tells does not fit the text.
        """
        if self.chat:
            raise UsageError(
                f"{self.name}: a chat tells no likelihood of a given text; leave --chat out, or "
                "choose tasks whose answers are written (generate_until)"
            )
        return [[self._scored(text, ending) for ending in endings] for text, endings in pairs]

    def whole(self, texts: Sequence[str], /) -> list[float]:
        """The natural logarithm of the probability of whole texts, after their first token.

        Raises:
            UsageError: as `likelihoods`.
        """
        self.notes = ["the first token of each text is not counted: the address does not tell it"]
        return [self.likelihoods([("", [text])])[0][0].log for text in texts]

    def written(self, asked: Sequence[Asked], how: Writes, /) -> list[str]:
        """What it writes after each prompt, up to what ends it.

        Raises:
            UsageError: no answer came in time, or not as the protocol has it.
        """
        return [self._written(one, how) for one in asked]

    def _written(self, one: Asked, how: Writes) -> str:
        said: dict[str, Any] = {"max_tokens": how.length, "temperature": how.temperature}
        said |= {"stop": list(how.until[:4])} if how.until else {}
        said |= {"top_p": how.top_p} if how.top_p is not None else {}
        said |= {"seed": one.seed} if how.temperature > 0 else {}
        if self.chat:
            said["messages"] = [{"role": "user", "content": one.prompt}]
            choice = self._choice("/chat/completions", said)
            message = choice.get("message")
            text = message.get("content") if isinstance(message, Mapping) else None
        else:
            choice = self._choice("/completions", said | {"prompt": one.prompt})
            text = choice.get("text")
        if not isinstance(text, str):
            raise self._strange(choice)
        return cut(text, how.until)

    def _scored(self, text: str, ending: str) -> Likelihood:
        """Prompt and continuation in one, whose tokens' likelihoods are given back."""
        said = {"prompt": text + ending, "max_tokens": 1, "temperature": 0, "logprobs": 1}
        choice = self._choice("/completions", said | {"echo": True})
        told: Any = choice.get("logprobs")
        try:
            logs, places = told["token_logprobs"], told["text_offset"]
            tokens, best = told["tokens"], told.get("top_logprobs") or [None] * len(logs)
            whole = len(text) + len(ending)
            inside = [i for i, place in enumerate(places) if len(text) <= place < whole]
            if not text:
                inside = [i for i in inside if logs[i] is not None]
            chosen = [float(logs[i]) for i in inside]
            greedy = all(best[i] is not None and _best(best[i]) == tokens[i] for i in inside)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            raise UsageError(
                f"{self.name} does not tell how likely a given text is (echo with logprobs); "
                "choose tasks whose answers are written (generate_until)"
            ) from error
        if not chosen:
            raise self._strange(choice)
        return Likelihood(math.fsum(chosen), greedy)

    def _choice(self, path: str, said: dict[str, Any]) -> Mapping[str, Any]:
        status, answer = self._sent(path, {"model": self.model} | said)
        if status != 200:
            error = answer.get("error") if isinstance(answer, Mapping) else None
            why = error.get("message") if isinstance(error, Mapping) else error
            raise UsageError(
                f"{self.home}{path} answered {status}{f' ({why})' if why else ''}; expected 200 "
                "with choices: is the address right up to /v1?"
            )
        choices = answer.get("choices") if isinstance(answer, Mapping) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            raise self._strange(answer)
        return choices[0]

    def _strange(self, said: Any) -> UsageError:
        return UsageError(
            f"{self.name} answered {json.dumps(said, ensure_ascii=False)[:120]}; expected choices "
            "as OpenAI's protocol has them"
        )

    def _sent(self, path: str, said: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(self.home + path)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        try:
            with closing(kind(parts.netloc, timeout=self.patience)) as connection:
                connection.request("POST", parts.path, json.dumps(said).encode(), headers)
                answer = connection.getresponse()
                content = answer.read()
        except TimeoutError as error:
            raise UsageError(
                f"{self.home}{path} did not answer within {self.patience:g} s; is the server busy "
                "or stuck?"
            ) from error
        except (OSError, HTTPException, ValueError) as error:
            raise UsageError(f"{self.home}{path} cannot be asked: {first_line(error)}") from error
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, None


def _best(shares: Any) -> str:
    return max(shares, key=lambda token: shares[token])
