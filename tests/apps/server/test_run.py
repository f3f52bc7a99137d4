"""The real server: a socket, signals, several clients at once."""

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest
import torch
from torch import nn

from cartograd.apps.server.body import Limits
from cartograd.apps.server.run import listen, running, serve
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import Signed, sign
from cartograd.engine.files.bundle import write_bundle

SCRIPT = """
import sys
from cartograd.apps.server.run import serve
serve(sys.argv[1], port=int(sys.argv[2]), started=lambda url: print(url, flush=True))
print("ended", flush=True)
"""
ECHO = Signature((Port("x", "vector", (1,)),), (Port("y", "value", (1,)),))


class Gate(nn.Module):
    """Gives back its input once it is opened."""

    def __init__(self):
        super().__init__()
        self.entered, self.open = threading.Event(), threading.Event()

    def forward(self, x):
        self.entered.set()
        assert self.open.wait(600)
        return x


def shut() -> tuple[Gate, Signed]:
    """A gate that was open only for the example of `sign`."""
    gate = Gate()
    gate.open.set()
    model = sign(gate, ECHO)
    for event in (gate.entered, gate.open):
        event.clear()
    return gate, model


@pytest.fixture
def http():
    with httpx.Client(trust_env=False, verify=False, timeout=600) as client:
        yield client


def ask(http: httpx.Client, url: str, value: float) -> float:
    answer = http.post(f"{url}/predict", json={"inputs": [[value]]}).json()
    return answer["predictions"][0]["value"]


def test_each_of_many_clients_gets_its_own_answer(http):
    with (
        running(sign(nn.Identity(), ECHO)) as url,
        concurrent.futures.ThreadPoolExecutor(16) as pool,
    ):
        values = [float(i) for i in range(200)]
        assert list(pool.map(lambda value: ask(http, url, value), values)) == values


def test_health_answers_while_the_model_works(http):
    gate, model = shut()
    with (
        running(model) as url,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(ask, http, url, 1.0)
        assert gate.entered.wait(600)
        assert http.get(f"{url}/health").json()["ready"] is True
        assert not answer.done()
        gate.open.set()
        assert answer.result() == 1.0


def open_when_closed(gate: Gate, url: str) -> None:
    """Let the request through as soon as the server takes no others."""
    host, port = url.removeprefix("http://").split(":")
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            socket.create_connection((host, int(port)), timeout=600).close()
    gate.open.set()


def test_a_request_in_flight_is_finished_before_the_end(http):
    gate, model = shut()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        with running(model) as url:
            answer = pool.submit(ask, http, url, 5.0)
            assert gate.entered.wait(600)
            pool.submit(open_when_closed, gate, url)
        assert answer.result() == 5.0


@pytest.mark.untyped
def test_a_body_that_does_not_arrive_is_given_up():
    with running(sign(nn.Identity(), ECHO), limits=Limits(patience=0.2)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=600) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_client_hears_that_its_body_is_too_large(http):
    """Not a reset connection, also when it sends everything before it looks for an answer."""
    with running(sign(nn.Identity(), ECHO), limits=Limits(body=2**20)) as url:
        answer = http.post(
            f"{url}/predict", content=b" " * 2**21, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert "over 1048576 bytes" in answer.json()["error"]
        assert ask(http, url, 3.0) == 3.0


def test_a_client_that_asks_first_need_not_send_a_large_body():
    with running(sign(nn.Identity(), ECHO), limits=Limits(body=1000)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=600) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nContent-Length: 2000\r\n\r\n"
            )
            assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_the_server_is_gone_after_the_block(http):
    with running(sign(nn.Identity(), ECHO)) as url:
        assert ask(http, url, 2.0) == 2.0
    with pytest.raises(httpx.ConnectError):
        http.get(url)


def test_a_port_in_use_is_found_before_anything_is_loaded():
    with listen("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 is in use; choose another"):
            serve("no/such/run", port=port)


def test_two_servers_cannot_have_one_port():
    with listen("127.0.0.1", 0) as first, pytest.raises(UsageError, match="in use"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", 70000, "out of range"),
        ("192.0.2.7", 0, "not an address of this machine"),
    ],
)
def test_addresses_that_cannot_be(host, port, says, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _numeric)
    with pytest.raises(UsageError, match=says):
        listen(host, port)


def _numeric(host, port, **_):
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))]


@pytest.mark.untyped
@pytest.mark.untyped
@pytest.mark.parametrize("target", ["no/such/run", 7, nn.Identity()])
def test_what_cannot_be_served(target):
    with pytest.raises(UsageError):
        serve(target, port=0)


@pytest.fixture
def bundle(tmp_path):
    from cartograd.core.build import build
    from tests.apps.server.conftest import DIGIT, IMAGE

    model = build("mlp:widths=[4]", signature=Signature((IMAGE,), (DIGIT,)))
    return write_bundle(tmp_path / "run-1" / "bundle", model, examples=torch.rand(4, 1, 8, 8))


def start(bundle) -> tuple[subprocess.Popen, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(bundle), "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:"), process.communicate()
    return process, url


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_process_of_its_own_serves_a_bundle_and_ends_in_peace(bundle, sign, http):
    process, url = start(bundle)
    body = {"inputs": torch.rand(2, 1, 8, 8).tolist()}
    answer = http.post(f"{url}/predict", json=body).json()
    assert answer["model"]["name"] == "run-1"
    assert len(answer["model"]["digest"]) == 64
    assert len(answer["predictions"]) == 2
    process.send_signal(sign)
    out, err = process.communicate(timeout=600)
    assert (process.returncode, out, err) == (0, "ended\n", "")
