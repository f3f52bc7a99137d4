"""Answer predictions over HTTP until Ctrl-C or SIGTERM."""

import sys

from cartograd.apps.cli import output


def serve_(
    target: str, /, *, host: str = "127.0.0.1", port: int = 8000, json: bool = False
) -> None:
    """Answer predictions over HTTP until Ctrl-C or SIGTERM, which finish what is under way.

    Args:
        target: a run or bundle folder, or an ONNX file. POST /predict takes {"inputs": [...]}, and
            beside it "top" (how many labels), "draws" (the mean of so many passes with dropout on)
            and "language" (of what is said). A generative model draws at POST /generate:
            {"count": 4, "class": "3", "seed": 1}, a PNG with the header Accept: image/png. GET /
            says what there is.
        host: the address to listen on; the default is reached from this machine alone.
        port: 0 takes any that is free.
        json: print one object with the address once requests are answered.
    """
    from cartograd.apps import server

    def started(url: str) -> None:
        if json:
            output.emit({"url": url, "predict": f"{url}/predict"})
        else:
            print(f"{target} answers at {url}/predict (Ctrl-C ends it)")
        sys.stdout.flush()

    server.serve(target, host=host, port=port, started=started)
