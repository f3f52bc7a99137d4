"""A loopback server of OpenAI's protocol around a model of ours, as far as exams need it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cartograd.apps.exams.exam import Writes
from cartograd.apps.exams.examinee import Asked
from cartograd.apps.exams.own_model import OwnModel


def echoed(model: OwnModel, text: str) -> dict[str, Any]:
    """Each character a token, with what the model's own tokens say of its end."""
    tokens = model.writing.tokenizer.encode(text)
    decode = model.writing.tokenizer.decode
    places = [len(decode(tokens[:i])) for i in range(len(tokens))]
    logs: list[float | None] = [None]
    best: list[dict[str, float] | None] = [None]
    for i in range(1, len(tokens)):
        (told,) = model._scored(tokens[:i], [[tokens[i]]])
        logs.append(told.log)
        best.append({decode([tokens[i]]) if told.greedy else "\0": 0.0})
    words = [decode([token]) for token in tokens]
    return {
        "tokens": words, "token_logprobs": logs, "text_offset": places, "top_logprobs": best,
    }  # fmt: skip


@contextmanager
def served(model: OwnModel | None, *, says: Any = None, wait: float = 0.0) -> Iterator[str]:
    """The address of a server.

    Args:
        model: answers; none where `says` does.
        says: what is answered to everything: a status and an object.
        wait: seconds before an answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            time.sleep(wait)
            status, answer = says or (200, self._answer(said))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, said: dict[str, Any]) -> dict[str, Any]:
            assert model is not None
            how = Writes(tuple(said.get("stop", ())), said["max_tokens"], said["temperature"])
            if self.path.endswith("/chat/completions"):
                asked = Asked(said["messages"][0]["content"])
                message = {"role": "assistant", "content": model.written([asked], how)[0]}
                return {"choices": [{"message": message}]}
            if said.get("echo"):
                told = echoed(model, said["prompt"])
                return {"choices": [{"text": said["prompt"], "logprobs": told}]}
            return {"choices": [{"text": model.written([Asked(said["prompt"])], how)[0]}]}

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1#tiny"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
