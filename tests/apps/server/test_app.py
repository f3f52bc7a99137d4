import base64
import io
import json

import pytest
import soundfile
import torch
from PIL import Image
from torch import nn

from cartograd import __version__, predict
from cartograd.architectures.decoding.transcribe import Transcript
from cartograd.core.errors import unknown
from cartograd.core.ports import Port, Signature
from cartograd.core.signed import sign
from tests.apps.server.conftest import DIGIT, IMAGE, linear

JSON = {"Content-Type": "application/json"}


def png(x: torch.Tensor, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((255 * x[0]).round().byte().numpy()).save(buffer, format=kind)
    return buffer.getvalue()


def error(response, status: int) -> str:
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    message = response.json()["error"]
    assert "Traceback" not in message
    assert "\n" not in message
    return message


def test_predictions_are_the_models_own(client, digits):
    x = torch.rand(3, 1, 8, 8)
    answer = client(digits).post("/predict", json={"inputs": x.tolist()}).json()
    assert answer["model"] == {"name": "Sequential", "digest": None}
    expected = digits.eval()(x).detach().double().softmax(-1)
    for given, chances in zip(answer["predictions"], expected, strict=True):
        assert given["label"] == str(int(chances.argmax()))
        assert given["probability"] == pytest.approx(float(chances.max()), abs=1e-6)
        found = [given["probabilities"][label] for label in DIGIT.labels]
        assert found == pytest.approx(chances.tolist(), abs=1e-6)
        assert list(given["probabilities"].values()) == sorted(found, reverse=True)


def test_the_model_is_served_in_evaluation_mode(client, digits):
    digits.train()
    http, body = client(digits), {"inputs": torch.rand(1, 1, 8, 8).tolist()}
    first = http.post("/predict", json=body).json()
    assert all(http.post("/predict", json=body).json() == first for _ in range(5))


def test_top_asks_for_fewer_labels(client, digits):
    http, x = client(digits), torch.rand(1, 1, 8, 8).tolist()
    answer = http.post("/predict", json={"inputs": x, "top": 3}).json()["predictions"][0]
    assert len(answer["probabilities"]) == 3
    everything = http.post("/predict", json={"inputs": x, "top": 99}).json()["predictions"][0]
    assert len(everything["probabilities"]) == 10
    for bad in (0, -1, 1.5, "3", True):
        assert '"top"' in error(http.post("/predict", json={"inputs": x, "top": bad}), 422)


def test_draws_answer_by_the_mean_of_passes_with_dropout(client, digits, prices):
    http, x = client(digits), torch.rand(2, 1, 8, 8)
    body = {"inputs": x.tolist(), "draws": 40, "top": 10}
    found = http.post("/predict", json=body).json()["predictions"]
    own = predict(digits, x, draws=40, top=10)
    for given, answer in zip(found, own, strict=True):
        assert given["spread"] == pytest.approx(answer["spread"], abs=1e-6) != 0
        assert given["probabilities"] == pytest.approx(answer["probabilities"], abs=1e-6)
    plain = http.post("/predict", json={"inputs": x.tolist()}).json()["predictions"]
    assert "spread" not in plain[0]
    for bad in (0, -1, 2.5, "3", True, 101, 10**30):
        assert '"draws"' in error(http.post("/predict", json=body | {"draws": bad}), 422)
    assert "at least two" in error(http.post("/predict", json=body | {"draws": 1}), 422)
    digits.model[2].p = 0.0
    assert "drops nothing" in error(http.post("/predict", json=body), 422)
    keys = ["inputs", "top", "draws", "language", "question", "impossible"]
    assert http.get("/").json()["keys"] == keys


def test_a_language_is_for_models_that_transcribe(client, digits, monkeypatch):
    http, body = client(digits), {"inputs": torch.rand(1, 1, 8, 8).tolist()}
    assert "transcribe speech" in error(http.post("/predict", json=body | {"language": "en"}), 422)
    for bad in (3, ["en"], True):
        assert '"language"' in error(http.post("/predict", json=body | {"language": bad}), 422)
    assert http.post("/predict", json=body | {"language": None, "draws": None}).status_code == 200


class Written(nn.Module):
    """Scores of ten tokens at each position of what was written."""

    def __init__(self):
        super().__init__()
        self.scores = nn.Embedding(10, 10)

    def forward(self, sound, tokens):
        return self.scores(tokens) + sound.mean()


def test_a_sound_is_transcribed_in_the_language_that_is_asked_for(client, monkeypatch):
    """The words that Whisper's decoder is given, by a model that says which they were."""
    asked = []

    def told(model, sound, tokenizer, /, *, language=None):
        asked.append((tuple(sound.shape), language))
        if language not in (None, "fr"):
            raise unknown("language", language, ["fr"])
        return Transcript("bonjour", language or "en", 0.0)

    monkeypatch.setattr("cartograd.apps.answers.transcribe.transcribe", told)
    monkeypatch.setattr("cartograd.apps.answers.transcribe.Transcriber", nn.Module)
    sound = Port("sound", "audio", (1, "n"), bounds=(-1.0, 1.0))
    tokens = Port("tokens", "text", ("t",), "int64", bounds=(0, 9))
    model = sign(
        Written(),
        Signature((sound, tokens), (Port("next", "label", ("t", 10), task="transcribe"),)),
    )
    http, body = client(model), {"inputs": [[[0.0, 0.5, -0.5]]], "language": "fr"}
    found = http.post("/predict", json=body)
    assert found.status_code == 200, found.text
    (answer,) = found.json()["predictions"]
    assert (answer["language"], answer["text"]) == ("fr", "bonjour")
    assert "unknown language 'xx'" in error(
        http.post("/predict", json=body | {"language": "xx"}), 422
    )
    assert http.post("/predict", json={"inputs": [[[0.0]]]}).status_code == 200
    assert asked == [((3,), "fr"), ((3,), "xx"), ((1,), None)]


@pytest.mark.parametrize(("kind", "media"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_a_picture_can_be_posted_as_it_is(client, digits, kind, media):
    picture = png(torch.rand(1, 8, 8), kind)
    http = client(digits)
    answer = http.post("/predict", content=picture, headers={"Content-Type": media}).json()
    encoded = {"base64": base64.b64encode(picture).decode()}
    assert http.post("/predict", json={"inputs": [encoded]}).json() == answer
    assert len(answer["predictions"]) == 1


def test_a_sound_can_be_posted_as_it_is(client, tmp_path):
    port = Port("sound", "audio", (1, 40), bounds=(-1.0, 1.0), rate=8000)
    http = client(linear(port, DIGIT))
    samples = torch.linspace(-0.5, 0.5, 90).numpy()
    soundfile.write(tmp_path / "x.wav", samples, 8000, subtype="FLOAT")
    sound = (tmp_path / "x.wav").read_bytes()
    answer = http.post("/predict", content=sound, headers={"Content-Type": "audio/wav"}).json()
    encoded = {"base64": base64.b64encode(sound).decode()}
    assert http.post("/predict", json={"inputs": [encoded]}).json() == answer
    [note] = answer.pop("notes")
    assert "only the first 0.005 s, 44%, are listened to" in note
    assert http.post("/predict", json={"inputs": [[samples[:40].tolist()]]}).json() == answer
    bad = http.post("/predict", content=sound[:99], headers={"Content-Type": "audio/wav"})
    assert bad.status_code == 422
    assert "is truncated: its header says 440 bytes" in bad.json()["error"]


def test_a_picture_says_the_same_as_its_numbers(client, digits):
    x = torch.randint(256, (1, 8, 8)) / 255
    http = client(digits)
    by_picture = http.post("/predict", content=png(x), headers={"Content-Type": "image/png"})
    by_numbers = http.post("/predict", json={"inputs": [x.tolist()]})
    assert by_picture.json() == by_numbers.json()


def test_rows_of_a_table_come_by_column_name(client, prices):
    rows = [{"age": 50, "town": "Oslo"}, {"town": "Bonn", "age": None}, {"age": 40, "town": "Rom"}]
    answer = client(prices).post("/predict", json={"inputs": rows}).json()
    assert answer["predictions"] == [{"value": 1001.0}, {"value": 110.0}, {"value": 0.0}]


def test_several_values_and_a_single_logit(client):
    port = Port("x", "vector", (2,))
    two = linear(port, Port("position", "value", (2,)))
    answer = client(two).post("/predict", json={"inputs": [[1, 2]]}).json()["predictions"][0]
    assert answer["values"] == pytest.approx(two.eval()(torch.tensor([[1.0, 2.0]]))[0].tolist())
    labels = Port("answer", "label", (2,), labels=("no", "yes"))
    one = sign(nn.Linear(2, 1), Signature((port,), (labels,)))
    answer = client(one).post("/predict", json={"inputs": [[1, 2]]}).json()["predictions"][0]
    chance = float(one(torch.tensor([[1.0, 2.0]])).detach().sigmoid())
    assert answer["probabilities"]["yes"] == pytest.approx(chance, abs=1e-6)


def test_what_there_is(client, digits):
    http = client(digits)
    found = http.get("/").json()
    assert found["model"]["name"] == "Sequential"
    assert found["inputs"]["image"] == {"kind": "image", "dims": [1, 8, 8]}
    assert found["cartograd"] == __version__
    for link in ("health", "signature"):
        assert http.get(found["links"][link]).status_code == 200
    assert Signature.from_json(http.get("/signature").json()) == digits.signature
    assert http.get("/health").json()["ready"] is True


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b'{"inputs": [NaN]}', b'{"inputs": [[Infinity]]}', b"[-Infinity]",
        b"[" * 100_000, b'{"inputs": [1,]}', b"9" * 5000,
    ],
)  # fmt: skip
def test_what_is_not_json_is_refused(client, digits, body):
    message = error(client(digits).post("/predict", content=body, headers=JSON), 400)
    assert "is not JSON" in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], 'no "inputs"'),
        ("text", 'no "inputs"'),
        ({}, 'no "inputs"'),
        ({"inputs": []}, "holds no examples"),
        ({"inputs": 3}, "holds no examples"),
        ({"inputs": {}}, "holds no examples"),
        ({"inputs": [1], "tpo": 2}, "did you mean 'top'"),
        ({"inputs": [1]}, "inputs[0] is a single number; expected numbers of shape [1, 8, 8]"),
        ({"inputs": [None]}, "inputs[0] is null"),
        ({"inputs": ["/etc/hostname"]}, "inputs[0] is text"),
        ({"inputs": [[[[True] * 8] * 8]]}, "inputs[0] is a list that is not all numbers"),
        ({"inputs": [[[[0.5] * 8] * 7], [[[0.5] * 8] * 7]]}, "inputs[0] is numbers of shape [1, 7"),
        ({"inputs": [[[[0.5] * 8] * 7 + [[0.5] * 7]]]}, "inputs[0] is a list that is not all"),
        ({"inputs": [[[["a"] * 8] * 8]]}, "inputs[0] is a list that is not all numbers"),
        ({"inputs": [[[[2.0] * 8] * 8]]}, "expected 0 to 1"),
        ({"inputs": [[[[10**400] * 8] * 8]]}, "inputs[0]"),
        ({"inputs": [{"base64": "*"}]}, "inputs[0] is not base64"),
        ({"inputs": [{"base64": 3}]}, "inputs[0] has the keys ['base64']"),
        ({"inputs": [{"url": "http://x"}]}, "inputs[0] has the keys ['url']"),
        ({"inputs": [{"base64": "aGVsbG8="}]}, "picture 1 is not a readable picture"),
    ],
)  # fmt: skip
def test_json_that_does_not_fit_is_refused(client, digits, body, says):
    message = error(client(digits).post("/predict", json=body), 422)
    assert says in message
    assert len(message) < 300


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"age": 3}], "town"),
        ([{"age": "old", "town": "Oslo"}], "age"),
        ([{"age": [1], "town": "Oslo"}], "inputs[0].age is not a cell"),
        ([[1, 2, 3, 4]], 'expected an object {"age": ..., "town": ...}'),
        ([7, {"age": 1}], "inputs[0] is a single number"),
        (["people.csv"], "inputs[0] is text"),
    ],
)
def test_rows_that_do_not_fit_are_refused(client, prices, rows, says):
    assert says in error(client(prices).post("/predict", json={"inputs": rows}), 422)


def test_a_number_too_large_for_the_model_is_refused(client):
    http = client(linear(Port("x", "vector", (2,)), DIGIT))
    assert "not finite" in error(
        http.post("/predict", content=b'{"inputs": [[1e300, 1]]}', headers=JSON), 422
    )
    assert "not finite" in error(
        http.post("/predict", content=b'{"inputs": [[1e999, 1]]}', headers=JSON), 422
    )


def test_a_huge_batch_is_refused(client, digits):
    http = client(digits, examples=4)
    x = torch.rand(5, 1, 8, 8).tolist()
    assert "at most 4" in error(http.post("/predict", json={"inputs": x}), 422)
    assert http.post("/predict", json={"inputs": x[:4]}).status_code == 200


def test_a_large_body_is_refused_with_and_without_its_length(client, digits):
    http = client(digits, body=1000)
    assert "over 1000 bytes" in error(http.post("/predict", content=b" " * 1001, headers=JSON), 413)

    def drip():
        for _ in range(11):
            yield b" " * 100

    assert "over 1000 bytes" in error(http.post("/predict", content=drip(), headers=JSON), 413)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "image/gif"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_other_kinds_of_body_are_refused(client, digits, headers):
    message = error(client(digits).post("/predict", content=b"{}", headers=headers), 415)
    assert "not understood" in message


def test_a_table_takes_no_pictures(client, prices):
    headers = {"Content-Type": "image/png"}
    message = error(
        client(prices).post("/predict", content=png(torch.rand(1, 8, 8)), headers=headers), 415
    )
    assert message.endswith("Content-Type: application/json")


def test_unknown_paths_and_methods(client, digits):
    http = client(digits)
    assert "did you mean '/predict'" in error(http.post("/predcit"), 404)
    assert "expected one of" in error(http.get("/v2/models"), 404)
    response = http.get("/predict")
    assert "expected POST" in error(response, 405)
    assert response.headers["Allow"] == "POST"
    assert "does not take DELETE" in error(http.delete("/health"), 405)


class Broken(nn.Module):
    broken = False

    def forward(self, x):
        if self.broken:
            raise RuntimeError("a secret of the model")
        return x.flatten(1)[:, :10]


def test_our_own_mistake_tells_the_client_nothing_of_it(client):
    model = Broken()
    http = client(sign(model, Signature((IMAGE,), (DIGIT,))))
    model.broken = True
    message = error(http.post("/predict", json={"inputs": torch.rand(1, 1, 8, 8).tolist()}), 500)
    assert "secret" not in message
    assert http.get("/health").status_code == 200


def test_answers_that_are_no_numbers_are_our_mistake(client, prices):
    with torch.no_grad():
        prices.model[1].bias.fill_(float("nan"))
    body = {"inputs": [{"age": 1, "town": "Oslo"}]}
    error(client(prices).post("/predict", json=body), 500)


def test_any_json_gets_an_answer_and_never_a_500(client, digits):
    """Random nonsense of all JSON types, small and nested."""
    generator = torch.Generator().manual_seed(0)

    def draw(most: int) -> int:
        return int(torch.randint(most, (1,), generator=generator))

    def nonsense(depth: int):
        leaves = [None, True, 0, -1, 1.5, 1e30, 2**70, "", "base64", "é\x00"]
        kind = draw(4) if depth else 0
        if kind < 2:
            return leaves[draw(len(leaves))]
        items = [nonsense(depth - 1) for _ in range(draw(4))]
        keys = ["inputs", "base64", "top", "x"]
        return items if kind == 2 else {keys[draw(4)]: item for item in items}

    http = client(digits)
    for _ in range(300):
        body = nonsense(4) if draw(2) else {"inputs": nonsense(4)}
        response = http.post("/predict", content=json.dumps(body), headers=JSON)
        assert response.status_code in (200, 400, 422), body
