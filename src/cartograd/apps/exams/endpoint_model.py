"""A language model behind an address that speaks OpenAI's protocol.

`/completions` with `echo` tells how likely each token of a prompt is; `/completions`, or for chats
`/chat/completions`, writes.

References:
    OpenAI. API reference, legacy completions and chat completions. 2024.
    https://platform.openai.com/docs/api-reference/completions
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cartograd.apps.exams.exam import Writes
from cartograd.apps.exams.examinee import Asked, Likelihood, cut
from cartograd.apps.load.endpoint import PATIENCE, Endpoint
from cartograd.core.errors import UsageError


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
        self.endpoint = Endpoint(address, patience=patience)
        self.chat, self.name, self.notes = chat, address, list[str]()

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
            choice = self.endpoint.choice("/chat/completions", said)
            message = choice.get("message")
            text = message.get("content") if isinstance(message, Mapping) else None
        else:
            choice = self.endpoint.choice("/completions", said | {"prompt": one.prompt})
            text = choice.get("text")
        if not isinstance(text, str):
            raise self.endpoint.strange(choice)
        return cut(text, how.until)

    def _scored(self, text: str, ending: str) -> Likelihood:
        """Prompt and continuation in one, whose tokens' likelihoods are given back."""
        said = {"prompt": text + ending, "max_tokens": 1, "temperature": 0, "logprobs": 1}
        choice = self.endpoint.choice("/completions", said | {"echo": True})
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
            raise self.endpoint.strange(choice)
        return Likelihood(math.fsum(chosen), greedy)


def _best(shares: Any) -> str:
    return max(shares, key=lambda token: shares[token])
