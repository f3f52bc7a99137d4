"""An address that speaks OpenAI's protocol: a model of any server, asked over HTTP.

Which model is meant stands behind `#`: `http://host:8000/v1#my-model`.

References:
    OpenAI. API reference. 2024. https://platform.openai.com/docs/api-reference
"""

import json
import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

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


class Endpoint:
    """A model behind an address.

    Args:
        address: of the API, up to `/v1`, with `#` and the model's name.
        patience: seconds in which each answer must have come.

    Raises:
        UsageError: it is no such address.
    """

    def __init__(self, address: str, /, *, patience: float = PATIENCE) -> None:
        home, _, model = address.partition("#")
        if not urlsplit(home).netloc:
            raise UsageError(f"{address} is no address; expected http://host:port/v1#model")
        self.home = home.rstrip("/")
        for ending in ("/chat/completions", "/completions"):
            self.home = self.home.removesuffix(ending)
        self.model, self.patience, self.name = model or "default", patience, address

    def choice(self, path: str, said: dict[str, Any], /) -> Mapping[str, Any]:
        """The first choice of an answer.

        Args:
            path: after the address, such as /chat/completions.
            said: what the request says beside the model.

        Raises:
            UsageError: no answer came in time, or not as the protocol has it.
        """
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
            raise self.strange(answer)
        return choices[0]

    def strange(self, said: Any, /) -> UsageError:
        """An error about an answer that is not as the protocol has it."""
        return UsageError(
            f"{self.name} answered {json.dumps(said, ensure_ascii=False)[:120]}; expected choices "
            "as OpenAI's protocol has them"
        )

    def _sent(self, path: str, said: dict[str, Any]) -> tuple[int, Any]:
        from http.client import HTTPConnection, HTTPException, HTTPSConnection

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
