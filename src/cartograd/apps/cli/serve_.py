"""Answer predictions over HTTP until Ctrl-C or SIGTERM."""

import sys

from cartograd.apps.cli import output
from cartograd.apps.cli.common import File, Gates, Many, Somewhere
from cartograd.apps.cli.gate_flags import gate_from


def serve_(
    target: Somewhere,
    /,
    *,
    adapters: Many = (),
    gate: Gates = (),
    gate_report: File = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    json: bool = False,
) -> None:
    """Answer predictions over HTTP until Ctrl-C or SIGTERM, which finish what is under way.

    Args:
        target: a run or bundle folder, or an ONNX file. POST /predict takes {"inputs": [...]}, and
            beside it "top" (how many labels), "draws" (the mean of so many passes with dropout on)
            and "language" (of what is said). A generative model draws at POST /generate:
            {"count": 4, "class": "3", "seed": 1}, a PNG with the header Accept: image/png. A
            language model answers chats at POST /v1/chat/completions, by OpenAI's protocol. GET /
            says what there is.
        adapters: of a language model: runs that were trained with adapter= on it, folders of PEFT,
            or NAME=FOLDER; each is a model of that name in chats, and the weights are in memory
            once.
        gate: of a language model: what chats and their answers have to pass: rules (the package's),
            a run that classifies texts, or a .toml of your own rules; several with a flag each.
            What is refused is answered with finish_reason content_filter; /predict is closed.
        gate_report: a file for what the gate says of each text it looks at, with its score; a line
            of JSON each.
        host: the address to listen on; the default is reached from this machine alone.
        port: 0 takes any that is free.
        json: print one object with the address once requests are answered.
    """
    from cartograd.apps.server import run as server
    from cartograd.apps.server.app import COMPLETIONS
    from cartograd.apps.verbs.shared_base import named

    def started(url: str) -> None:
        verb, path = ("predict", "/predict") if guard is None else ("chat", COMPLETIONS)
        if json:
            output.emit({"url": url, verb: url + path, "adapters": list(found)})
        else:
            output.say(f"{target} answers at {url}{path} (Ctrl-C ends it)")
        sys.stdout.flush()

    found = named([word for text in adapters for word in text.split(",") if word])
    guard = gate_from(gate, gate_report)
    server.serve(target, host=host, port=port, adapters=found, gate=guard, started=started)
