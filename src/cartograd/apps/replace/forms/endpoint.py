"""A server that answers over HTTP: ours, or one that takes raw bytes and gives probabilities.

Where the address has our `/signature`, examples go to its `/predict` some at a time, as JSON. Any
other is sent each example as it is: a file's bytes, a text, a row as a JSON object. It answers with
a JSON object that holds `probabilities`, by the names of the classes, or a `value`.
"""

import base64
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from jaxtyping import Float
from torch import Tensor

from cartograd.apps.replace.form import Facts, Stage
from cartograd.apps.replace.forms.signed_form import check_task, labels_of
from cartograd.apps.replace.prepared import cut
from cartograd.core.errors import UsageError, first_line
from cartograd.core.ports import Signature

PATIENCE = 30.0
"""Seconds in which an answer must have come."""

TOGETHER = 64
"""Examples of one request to a server of ours."""

TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".wav": "audio/wav",
         ".flac": "audio/flac"}  # fmt: skip


class Endpoint:
    """A model behind an address.

    Args:
        address: `http://host:port`, or with the path to ask.

    Raises:
        UsageError: nothing answers there.
    """

    def __init__(self, address: str, /):
        self.address = address.rstrip("/")
        self.tokenizer = None
        home = self.address.removesuffix("/predict")
        status, said = self._sent("GET", f"{home}/signature")
        self.signature: Signature | None = _signature(said) if status == 200 else None
        self.facts = Facts(address, "endpoint")
        if self.signature is not None:
            check_task(address, self.signature)
            self.address = f"{home}/predict"
            self.facts = replace(
                self.facts, labels=labels_of(self.signature), task=self.signature.task.name
            )

    def meet(self, source: Any, /) -> None:
        """Learn the names of the classes by one answer, where no signature says them."""
        if self.signature is None:
            said = self._one(source)
            found = said.get("probabilities")
            if not isinstance(found, dict) and "value" not in said:
                raise self._strange(said)
            self.facts = replace(self.facts, labels=tuple(found or ()))

    def answer(self, sources: Sequence[Any], /) -> Float[Tensor, "n k"]:
        """The probabilities, or values."""
        if self.signature is None:
            return torch.stack([self._row(self._one(one)) for one in sources])
        rows = []
        for part in cut(sources, TOGETHER):
            body = json.dumps({"inputs": [_as_json(one) for one in part]}).encode()
            said = self._asked(body, "application/json")
            found = said.get("predictions")
            if not isinstance(found, list) or len(found) != len(part):
                raise self._strange(said)
            rows += [self._row(one) for one in found]
        return torch.stack(rows)

    def stages(self, sources: Sequence[Any], /) -> list[Stage]:
        """The answer alone: what happens before is the server's."""
        return [Stage("answer", "answer", self.answer(sources))]

    def _one(self, source: Any) -> dict[str, Any]:
        """The answer to one raw example, sent as it is."""
        if isinstance(source, Path):
            kind = TYPES.get(source.suffix.lower(), "application/octet-stream")
            return self._asked(source.read_bytes(), kind)
        if isinstance(source, bytes):
            return self._asked(source, "image/png")
        if isinstance(source, str):
            return self._asked(source.encode(), "text/plain; charset=utf-8")
        return self._asked(json.dumps(_as_json(source)).encode(), "application/json")

    def _row(self, said: Any) -> Tensor:
        """One answer as numbers, in the order of the labels."""
        try:
            if not self.facts.labels:
                return torch.tensor([float(said["value"])], dtype=torch.float64)
            shares = said["probabilities"]
            numbers = [float(shares[label]) for label in self.facts.labels]
        except (KeyError, TypeError, ValueError) as error:
            raise self._strange(said) from error
        return torch.tensor(numbers, dtype=torch.float64)

    def _strange(self, said: Any) -> UsageError:
        return UsageError(
            f"{self.address} answered {json.dumps(said, ensure_ascii=False)[:120]}; expected "
            "probabilities by the names of the classes, or a value, for each example"
        )

    def _asked(self, body: bytes, kind: str) -> dict[str, Any]:
        """What the server says to a request.

        Raises:
            UsageError: it answers with an error, with no JSON object, or not at all.
        """
        status, said = self._sent("POST", self.address, body, {"Content-Type": kind})
        if status != 200:
            told = said.get("error", "") if isinstance(said, dict) else ""
            raise UsageError(
                f"{self.address} answered {status}{f' ({told})' if told else ''}; expected 200 "
                "with probabilities: look at its log"
            )
        if not isinstance(said, dict):
            raise self._strange(said)
        return said

    def _sent(
        self, method: str, address: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """The status and the JSON of the answer; None where it is no JSON."""
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        try:
            with closing(kind(parts.netloc, timeout=PATIENCE)) as connection:
                connection.request(method, parts.path or "/", body or None, headers or {})
                answer = connection.getresponse()
                content = answer.read()
        except TimeoutError as error:
            raise UsageError(
                f"{address} did not answer within {PATIENCE:g} s; expected an answer to each "
                "example: is the server busy or stuck?"
            ) from error
        except (OSError, HTTPException) as error:
            raise UsageError(f"{address} cannot be asked: {first_line(error)}") from error
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, None


def _signature(said: Any) -> Signature | None:
    try:
        return Signature.from_json(said)
    except UsageError:
        return None


def _as_json(source: Any) -> Any:
    """A raw example as our server takes it."""
    if isinstance(source, Path):
        source = source.read_bytes()
    if isinstance(source, bytes):
        return {"base64": base64.b64encode(source).decode()}
    return source.tolist() if isinstance(source, Tensor) else source
