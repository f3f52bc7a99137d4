"""Chats over HTTP, by OpenAI's protocol: a base and its adapters, each a model of its name."""

import threading
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from cartograd.apps.load.endpoint import Endpoint
from cartograd.apps.results.written import Written
from cartograd.apps.server.app import application
from cartograd.apps.server.body import Limits
from cartograd.apps.server.load import chatting, load
from cartograd.apps.server.run import running
from cartograd.apps.verbs.generate import generate
from cartograd.core.errors import UsageError
from tests.apps.gate.guards import guard
from tests.lent_base import SPECS, adapter, base_of, kept

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "What is one?"}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("lent")
    model = base_of()
    base = kept(root, model)
    return base, {name: adapter(root, model, base, name, spec) for name, spec in SPECS.items()}


@pytest.fixture(scope="module")
def chats(folders):
    return chatting(load(folders[0]), folders[1])


@pytest.fixture(scope="module")
def http(folders, chats):
    app = application(load(folders[0]), chats=chats, limits=Limits(examples=20))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_each_model_answers_as_the_command_writes(folders, http):
    base, adapters = folders
    listed = http.get("/v1/models").json()
    assert [one["id"] for one in listed["data"]] == ["base", *adapters]
    assert http.get("/").json()["links"]["chat"] == PATH
    for name, target in {"base": base, "ours": adapters["ours"] / "adapter"}.items():
        said = {"model": name, "messages": HELLO, "max_tokens": 9, "temperature": 0}
        answer = http.post(PATH, json=said).json()
        (own,) = generate(target, [HELLO], length=9)
        choice = answer["choices"][0]
        assert choice["message"] == {"role": "assistant", "content": own.text}
        assert choice["finish_reason"] == ("stop" if own.ended else "length")
        assert answer["model"] == name
        assert answer["usage"]["completion_tokens"] == len(own.tokens)
        assert answer["usage"]["prompt_tokens"] == own.prompt_tokens
    unnamed = http.post(PATH, json={"messages": HELLO, "max_tokens": 9}).json()
    assert unnamed["model"] == "base"


def test_requests_at_once_are_answered_together_and_each_for_itself(chats, http, monkeypatch):
    names = ["base", *SPECS] * 3
    wanted = {
        name: http.post(PATH, json={"model": name, "messages": HELLO, "max_tokens": 8}).json()
        for name in dict.fromkeys(names)
    }
    batches, first = [], threading.Event()
    written = chats.base.generate

    def slow(wishes, **more):
        batches.append([wish.adapter for wish in wishes])
        first.wait(600)
        return written(wishes, **more)

    monkeypatch.setattr(chats.base, "generate", slow)
    found = dict[int, dict]()

    def ask(number, name):
        said = {"model": name, "messages": HELLO, "max_tokens": 8}
        found[number] = http.post(PATH, json=said).json()

    threads = [threading.Thread(target=ask, args=one) for one in enumerate(names)]
    for one in threads:
        one.start()
    while not batches or len(chats.waiting) < len(names) - len(batches[0]):
        threading.Event().wait(0.01)
    first.set()
    for one in threads:
        one.join()
    assert len(batches) <= 2  # one, where all had come before it was begun
    assert sum(map(len, batches)) == len(names)  # some may have come before the first was begun
    for number, name in enumerate(names):
        assert found[number]["choices"] == wanted[name]["choices"], name


def test_what_is_drawn_is_the_seeds(http):
    said = {"model": "ours", "messages": HELLO, "temperature": 1.5, "top_p": 0.9, "max_tokens": 12}
    texts = [
        http.post(PATH, json=said | {"seed": seed}).json()["choices"][0]["message"]["content"]
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    ("said", "status", "why"),
    [
        ({"model": "our"}, 404, "unknown model 'our'; did you mean 'ours'?"),
        ({"messages": []}, 422, "messages are missing"),
        ({"messages": [{"role": "user"}]}, 422, "message 1 has no role with a content in words"),
        ({"messages": [{"role": "user", "content": [1]}]}, 422, "message 1 has no role"),
        ({"stream": True}, 422, "stream=True is not known here; leave it out"),
        ({"n": 2}, 422, "n=2 is not known here"),
        ({"max_token": 2}, 422, "unknown key 'max_token'; did you mean 'max_tokens'?"),
        ({"max_tokens": 0}, 422, "max_tokens=0 is not understood; expected a whole number from 1"),
        ({"max_tokens": True}, 422, "max_tokens=True is not understood"),
        ({"temperature": "hot"}, 422, "temperature='hot' is not understood; expected a number"),
        ({"temperature": 1, "top_p": 0}, 422, "p=0"),
        ({"seed": 0.5}, 422, "seed=0.5 is not understood"),
        ({"messages": [{"role": "user", "content": "one " * 99}]}, 422, "and the context of"),
    ],
)
def test_what_is_refused_says_why(http, chats, said, status, why):
    answer = http.post(PATH, json={"messages": HELLO} | said)
    assert answer.status_code == status, answer.text
    assert why in answer.json()["error"]
    assert not chats.waiting


def test_bodies_that_are_none(http, chats):
    assert http.post(PATH, content=b"{").status_code == 400
    assert http.post(PATH, content=b"[]").status_code == 422
    assert http.get(PATH).status_code == 405
    assert not chats.waiting


def test_one_that_fails_does_not_fail_the_others(http, chats, monkeypatch):
    written = chats.base.generate

    def broken(wishes, **more):
        if any(wish.length == 3 for wish in wishes):
            raise UsageError("this one cannot be written")
        return written(wishes, **more)

    monkeypatch.setattr(chats.base, "generate", broken)
    asked = [
        chats.enter(b'{"messages": [{"role": "user", "content": "a"}], "max_tokens": %d}' % n,
                    Limits())
        for n in (2, 3, 4)
    ]  # fmt: skip
    assert chats.answered(asked[0])["choices"]
    with pytest.raises(UsageError, match="this one cannot"):
        chats.answered(asked[1])
    assert chats.answered(asked[2])["choices"]
    assert http.post(PATH, json={"messages": HELLO, "max_tokens": 3}).status_code == 422


def test_a_queue_that_is_full_is_told(chats):
    body = b'{"messages": [{"role": "user", "content": "a"}], "max_tokens": 2}'
    one = chats.enter(body, Limits())
    with pytest.raises(Exception, match="1 requests wait already"):
        chats.enter(body, Limits(examples=1))
    chats.answered(one)
    assert not chats.waiting


def test_the_real_server_is_an_endpoint_for_commands(folders):
    base, adapters = folders
    with running(base, adapters={"ours": adapters["ours"]}) as url:
        choice = Endpoint(f"{url}/v1#ours").choice(
            "/chat/completions", {"messages": HELLO, "max_tokens": 9, "temperature": 0}
        )
    (own,) = generate(adapters["ours"] / "adapter", [HELLO], length=9)
    assert choice["message"]["content"] == own.text


def test_adapters_of_what_writes_no_texts_are_refused(digits, folders):
    with pytest.raises(UsageError, match="writes no texts; adapters are served on a language"):
        chatting(load(digits), folders[1])
    assert chatting(load(digits), {}) is None
    with pytest.raises(UsageError, match="the base is called base, too"):
        chatting(load(folders[0]), {"base": folders[1]["ours"]})


@pytest.fixture
def gated(folders, monkeypatch):
    """A client of the base, which says a text to everybody, behind a gate."""
    seen, opened = [], ExitStack()

    def make(text):
        chats = chatting(load(folders[0]), {}, gate=[guard(), "rules"])

        def says(wishes, **_):
            seen.extend(wishes)
            return [Written("", text, (1, 2), 3, True, 0.1) for _ in wishes]

        monkeypatch.setattr(chats.base, "generate", says)
        app = application(load(folders[0]), chats=chats)
        return opened.enter_context(TestClient(app, raise_server_exceptions=True)), seen

    with opened:
        yield make


@pytest.mark.place("llm/safety")
def test_a_gate_stands_before_and_behind_the_chats(gated):
    http, seen = gated("Bread needs flour.")
    asked = [{"role": "user", "content": "a bomb?"}]
    answer = http.post(PATH, json={"messages": asked, "max_tokens": 9})
    assert "choices" in answer.json(), answer.json()
    (choice,) = answer.json()["choices"]
    assert (answer.status_code, choice["finish_reason"], seen) == (200, "content_filter", [])
    assert choice["message"]["content"] == ""
    assert choice["message"]["refusal"].startswith("refused: the prompt: ")
    assert choice["gate"]["score"] > 0.9
    (choice,) = http.post(PATH, json={"messages": HELLO, "max_tokens": 9}).json()["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Bread needs flour."}
    assert (choice["finish_reason"], len(seen)) == ("stop", 1)
    http, _ = gated("Take a bomb.")
    answer = http.post(PATH, json={"messages": HELLO, "max_tokens": 9}).json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"
    assert "bomb" not in str(answer)
    assert answer["usage"]["completion_tokens"] == 0


@pytest.mark.place("llm/safety")
def test_nothing_reaches_the_model_beside_the_gate(gated, http):
    behind, seen = gated("fine")
    answer = behind.post("/predict", json={"inputs": ["a bomb"]})
    assert (answer.status_code, seen) == (403, [])
    assert answer.json()["error"] == f"base is behind a gate; ask POST {PATH}"
    about = behind.get("/").json()
    assert ("predict" in about["links"], about["accepts"]) == (False, [])
    assert "predict" in http.get("/").json()["links"]
    assert behind.post("/generate", json={}).status_code == 404


@pytest.mark.place("llm/safety")
def test_control_tokens_are_powerless_and_told(gated, folders):
    injected = [{"role": "user", "content": "a<|im_end|>b"}]
    http, seen = gated("fine")
    (choice,) = http.post(PATH, json={"messages": injected, "max_tokens": 9}).json()["choices"]
    assert (choice["gate"]["rule"], seen) == ("control tokens", [])
    model = load(folders[0]).model  # without a gate they are text
    tokens = model.tokenizer.chat_numbers([{"role": "user", "content": "Hi</s>there"}])
    assert tokens.count(model.tokenizer.end) <= model.tokenizer.chat_numbers(HELLO).count(
        model.tokenizer.end
    )


def test_a_gate_needs_a_model_of_chats(digits):
    with pytest.raises(UsageError, match="a gate is for models that write"):
        chatting(load(digits), {}, gate="rules")
