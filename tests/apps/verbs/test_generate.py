import itertools

import pytest
import torch

from cartograd.apps.load.writing import Writing
from cartograd.apps.verbs import generate as module
from cartograd.apps.verbs.generate import generate, stream
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from cartograd.core.ports import Port, Signature
from cartograd.data.text import sentence_pieces
from cartograd.data.text.tokenizer import Tokenizer
from cartograd.engine.files.bundle import write_bundle
from tests.commands import command

TOKENIZER = Tokenizer.bytes(special=True)
CHAT = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<answer>"


def signature(size=259, inputs=("text",)):
    ports = tuple(
        Port(name, "text", ("t",), "int64", (0, size - 1), padding_id=256) for name in inputs
    )
    return Signature(
        ports,
        (
            Port(
                "next", "label", ("t", size), task="translate" if len(ports) == 2 else "next-token"
            ),
        ),
    )


def writer(tokenizer=TOKENIZER, seed=0, context=200):
    torch.manual_seed(seed)
    args = {"dim": 16, "depth": 2, "heads": 2, "kv_heads": 1, "ffn_dim": 24, "context": context}
    model = build("llama", signature=signature(), **args).eval()
    for name, weight in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(weight, std=0.6)
    model.tokenizer = tokenizer
    return model


def translator():
    torch.manual_seed(0)
    model = build("seq2seq", signature=signature(inputs=("source", "target")), dim=12).eval()
    model.tokenizer = TOKENIZER
    return model


def test_goes_on_from_a_text():
    model = writer()
    answer = generate(model, "Once", length=30)[0]
    expected = list(b"Once")
    for _ in answer.tokens:
        expected.append(model(torch.tensor([expected]))[0, -1].argmax().item())
    assert list(answer.tokens) == expected[4:]
    assert answer.prompt_tokens == 4
    assert answer.text == TOKENIZER.decode([t for t in answer.tokens if t < 256])
    assert answer.ended == (answer.tokens[-1] == TOKENIZER.end)
    assert len(answer.tokens) == 30 or answer.ended


def test_several_prompts_are_as_each_alone():
    model = writer()
    prompts = ["Once", "a", "what is this?"]
    together = generate(model, prompts, length=20)
    assert [own.text for own in together] == [
        generate(model, prompt, length=20)[0].text for prompt in prompts
    ]


@pytest.mark.parametrize("seed", [None, 1])
def test_a_stream_is_the_text_in_pieces(seed):
    model = writer()
    options = {"length": 80, "seed": seed, "samplers": "temperature:temperature=1.5"}
    pieces = list(stream(model, "Once", **options))
    assert "".join(pieces) == generate(model, "Once", **options)[0].text
    assert len(pieces) > 5


def test_half_a_letter_waits_for_its_other_half(monkeypatch):
    text = "né 漢字 😀 end"
    monkeypatch.setattr(module, "_tokens", lambda *_: iter([*text.encode(), 258]))
    assert list(stream(writer(), "x")) == list(text)
    monkeypatch.setattr(module, "_tokens", lambda *_: iter(text.encode()[:5]))
    assert "".join(stream(writer(), "x")) == text.encode()[:5].decode(errors="replace")
    long = text * 9
    monkeypatch.setattr(module, "_tokens", lambda *_: iter(long.encode()))
    assert "".join(stream(writer(), "x")) == long


def test_the_space_before_a_word_is_kept(monkeypatch):
    """SentencePiece takes the first space of a text away; an answer is not the first."""
    pieces = ["<unk>", "<s>", "</s>", *"▁then", "▁t", "he", "▁the"]
    pieces += [f"<0x{byte:02X}>" for byte in range(248)]
    types = [2, 3, 3] + [1] * 8 + [6] * 248
    scores = [float(number) for number in range(len(pieces))]
    parts = sentence_pieces.parts(pieces, scores, types, unknown="<unk>", spaced=True)
    model = writer(Tokenizer(parts, special={"begin": 1, "end": 2}))
    words = model.tokenizer.encode("then the then")[1:]
    assert [model.tokenizer.token(number) for number in words[:3]] == ["n", "▁the", "▁the"]
    monkeypatch.setattr(module, "_together", lambda *_: ([number] for number in words))
    assert generate(model, "the", length=9)[0].text == "n the then"
    assert "".join(stream(model, "the")) == "n the then"


def test_seeds_repeat_and_differ():
    model = writer()
    first, again, other = (
        generate(model, "Once", length=40, seed=seed)[0].text for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_chat_uses_its_template():
    model = writer(TOKENIZER.told(chat=CHAT))
    text = "<user>Hi<answer>"
    assert Writing(model).encoded("Hi") == list(text.encode())
    assert Writing(model).encoded("Hi", plain=True) == list(b"Hi")
    assert generate(model, "Hi", length=9)[0].text == generate(
        model, text, length=9, plain=True
    )[0].text  # fmt: skip


def test_a_draft_changes_nothing_but_the_speed():
    model = writer()
    plain = generate(model, "Once", length=30)[0].tokens
    for draft in (writer(), writer(seed=3)):
        assert generate(model, "Once", length=30, draft=draft)[0].tokens == plain


def test_a_beam_is_better_than_greed():
    model = writer()

    def score(tokens):
        text = [*b"Once", *tokens]
        log_p = model(torch.tensor([text]))[0].log_softmax(1)
        return sum(log_p[3 + i, t].item() for i, t in enumerate(tokens)) / len(tokens)

    greedy, beam = (generate(model, "Once", length=12, beams=n)[0].tokens for n in (1, 5))
    assert score(beam) >= score(greedy)


def test_room_ends_with_the_context():
    answer = generate(writer(context=12), "Once", length=100)[0]
    assert len(answer.tokens) == 8 or answer.ended


def test_a_window_goes_on_beyond_the_context():
    model = writer(context=20)
    options = {"window": 12, "sinks": 2}
    answer, other = generate(model, ["Once upon a time there was", "Once"], length=40, **options)
    assert len(answer.tokens) == 40 or answer.ended
    assert generate(model, "Once", length=40, **options)[0].tokens == other.tokens
    assert generate(model, "Once", length=6)[0].tokens == other.tokens[:6]
    rounded = generate(model, "Once", length=30, cache="int8", **options)[0]
    assert len(rounded.tokens) == 30 or rounded.ended
    assert "".join(stream(model, "Once", length=40, **options)) == other.text
    with pytest.raises(UsageError, match="context is 20; expected fewer, such as window=10"):
        generate(model, "Once", window=18)
    with pytest.raises(UsageError, match="lets go of what beams and drafts go back to"):
        generate(model, "Once", window=10, draft=model)
    with pytest.raises(UsageError, match="answers sources"):
        generate(translator(), "Once", window=10)


def test_a_prompt_is_read_in_chunks():
    model = writer()
    texts = ["Once upon a time", "Once"]  # of which one is padded
    whole = [one.tokens for one in generate(model, texts, length=9)]
    for chunk in (1, 5, 16, 99):
        found = generate(model, texts, length=9, prefill_chunk=chunk)
        assert [one.tokens for one in found] == whole
    with pytest.raises(UsageError, match="prefill_chunk=0 reads nothing"):
        generate(model, texts, prefill_chunk=0)


@pytest.fixture
def cli_run(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    return command(capsys, monkeypatch)


@pytest.mark.parametrize("options", [{}, {"beams": 3}, {"seed": 0}])
def test_an_encoder_decoder_answers(options):
    model = translator()
    answers = generate(model, ["one", "three"], length=10, **options)
    assert all(1 <= len(answer.tokens) <= 10 for answer in answers)
    alone = generate(model, "three", length=10, **options)[0]
    if "seed" not in options:
        assert alone.tokens == answers[1].tokens


@pytest.mark.parametrize("precision", ["float16", "bf16", "int8", "auto"])
def test_writes_in_other_number_formats(precision):
    answer = generate(writer(), "Once", length=20, precision=precision)[0]
    assert len(answer.tokens) == 20 or answer.ended
    assert "".join(stream(writer(), "Once", length=20, precision=precision)) == answer.text


def test_writes_with_keys_and_values_in_eight_bits(tmp_path, capsys, monkeypatch):
    model, told = writer(), {"length": 20, "cache": "int8"}
    answer = generate(model, ["Once", "a"], **told)[0]
    assert "".join(stream(model, "Once", **told)) == generate(model, "Once", **told)[0].text
    assert len(answer.tokens) == 20 or answer.ended
    writing = Writing(model, cache="int8")
    decoder = writing.begin([[1, 2]], 20).decoder
    assert decoder.cache.all.dtype == torch.int8
    assert decoder.cache.all.shape[3] == 22
    assert generate(writing, "Once", length=20)[0].text == generate(model, "Once", **told)[0].text
    generate(model, "Once", beams=2, **told)
    generate(model, "Once", draft=writer(), **told)
    bundle = write_bundle(tmp_path / "b", model)
    words = ("generate", bundle, "Once", "--length", 20, "--cache", "int8")
    assert generate(model, "Once", **told)[0].text in command(capsys, monkeypatch)(*words).out


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_in_pages_it_writes_the_same(kind):
    prompts = ["Once upon a time there was", "a", "x" * 40]
    told = {"length": 20, "cache": kind}, {"length": 20, "cache": f"paged,{kind}"}
    whole, paged = ([one.tokens for one in generate(writer(), prompts, **own)] for own in told)
    assert whole == paged
    drawn = [generate(writer(), "Once", seed=3, count=4, **own) for own in told]
    assert [one.tokens for one in drawn[0]] == [one.tokens for one in drawn[1]]
    assert len({one.tokens for one in drawn[0]}) == 4


@pytest.mark.parametrize("cache", ["paged", "paged,int8"])
def test_texts_that_take_turns_are_as_each_alone(cache):
    model, prompts = writer(), ["Once upon a time", "a", "x" * 40, "there", "x" * 199]
    told = {"length": 12, "cache": cache}
    greedy = generate(model, prompts, batch_size=2, **told)
    for prompt, one in zip(prompts, greedy, strict=True):
        alone = generate(model, prompt, **told)[0]
        assert (one.tokens, one.text, one.prompt) == (alone.tokens, alone.text, prompt)
    assert len(greedy[-1].tokens) == 1  # all that the context has room for
    drawn = [generate(model, prompts, batch_size=n, seed=5, **told) for n in (1, 3)]
    assert [one.tokens for one in drawn[0]] == [one.tokens for one in drawn[1]]
    assert drawn[0][0].tokens == generate(model, prompts[0], seed=5, **told)[0].tokens


def test_several_texts_of_a_prompt_read_it_once(monkeypatch):
    model, read = writer(), []
    begin = Writing.begin

    def watched(self, rows, length):
        begun = begin(self, rows, length)
        inner = begun.decoder.read
        begun.decoder.read = lambda tokens, **told: (
            read.append(tokens.shape),
            inner(tokens, **told),
        )[1]
        return begun

    monkeypatch.setattr(Writing, "begin", watched)
    found = generate(model, ["Once", "upon"], seed=1, count=3, length=5)
    assert read[0] == (2, 4)
    assert max(shape[0] for shape in read[1:]) == 6
    assert [one.prompt for one in found] == ["Once"] * 3 + ["upon"] * 3
    alone = generate(model, ["Once"] * 3, seed=1, length=5)
    assert [one.tokens for one in alone] == [
        one.tokens for one in generate(model, "Once", seed=1, count=3, length=5)
    ]
    ended = generate(model, "Once", seed=1, count=3, length=5, window=20)
    assert [one.tokens for one in ended] == [one.tokens for one in alone]


def test_from_a_bundle(tmp_path):
    model = writer()
    write_bundle(tmp_path / "b", model)
    assert (
        generate(tmp_path / "b", "Once", length=20)[0].tokens
        == generate(model, "Once", length=20)[0].tokens
    )


def without_tokenizer():
    return writer(tokenizer=None)


def recurrent():
    model = build("recurrent-language-model:dim=8", signature=signature()).eval()
    model.tokenizer = TOKENIZER
    return model


def classifying():
    """An encoder-decoder that reads its source to say a class."""
    ports = signature(), (Port("kind", "label", (2,)),)
    tiny = {"dim": 8, "heads": 2, "head_dim": 4, "ffn_dim": 8, "depth": 1}
    model = build("t5", signature=Signature(ports[0].inputs, ports[1]), head="classify", **tiny)
    model.tokenizer = TOKENIZER
    return model


def of_pictures():
    image = Port("image", "image", (1, 8, 8), bounds=(0.0, 1.0))
    return build("lenet5", signature=Signature((image,), (Port("digit", "label", (10,)),)))


@pytest.mark.parametrize(
    ("make", "prompt", "options", "message"),
    [
        (writer, "x" * 200, {}, "the prompt has 200 tokens and the context of llama is 200"),
        (without_tokenizer, "x", {}, "llama came without a tokenizer"),
        (of_pictures, "x", {}, "lenet5 does not write"),
        (classifying, "x", {}, "t5 does not write: its task is classify"),
        (writer, "x", {"precision": "int3"}, "unknown number format 'int3'"),
        (translator, "x", {"precision": "int8"}, "writes in float32 only"),
        (writer, "x", {"cache": "int3"}, "unknown number format of a cache 'int3'"),
        (translator, "x", {"cache": "int8"}, "keeps the keys and values of a source"),
        (recurrent, "x", {"cache": "int8"}, "keeps no keys and values that could be rounded"),
        (recurrent, "x", {"cache": "paged"}, "lie in pages; leave cache=paged out"),
        (translator, "x", {"cache": "int8,paged"}, "in float32 only; cache=paged,int8 is for"),
        (writer, "x", {"cache": "paged,int3"}, "unknown number format of a cache 'int3'"),
        (writer, "x", {"cache": "float32,int8"}, "says two number formats"),
        (writer, "x", {"cache": "paged", "window": 20}, "bounded memory already; leave the pages"),
        (writer, "x", {"count": 0, "seed": 1}, "count=0 have to be at least 1"),
        (writer, "x", {"count": 2}, "would be the same; give a seed"),
        (writer, "x", {"batch_size": 2}, "take turns in pages; give cache=paged with it"),
        (writer, "x", {"batch_size": 0, "cache": "paged"}, "batch_size=0 is out of range"),
        (writer, "x", {"batch_size": 2, "cache": "paged", "window": 9}, "give no window with it"),
        (writer, "x", {"count": 2, "beams": 2}, "count is for texts that are drawn"),
        (writer, "x", {"length": 0}, "length=0"),
        (
            writer,
            "x",
            {"samplers": "top-q:p=0.1"},
            "unknown sampler 'top-q'; did you mean 'top-p'?",
        ),
        (writer, "x", {"samplers": "top-p:p=1.1"}, "p=1.1 is out of range"),
        (writer, "x", {"beams": 2, "seed": 1}, "a beam search does not sample"),
    ],
)
def test_bad_input(make, prompt, options, message):
    with pytest.raises(UsageError, match=message):
        generate(make(), prompt, **options)


def test_bad_input_of_streams_and_drafts():
    [whole] = stream(writer(), "x", beams=2, length=6)
    assert whole == generate(writer(), "x", beams=2, length=6)[0].text
    other = writer(Tokenizer.bytes())
    with pytest.raises(UsageError, match="the draft's tokenizer is another one"):
        generate(writer(), "x", draft=other)
    assert not list(itertools.islice(stream(writer(), "x", length=1), 5))[1:]


def test_on_the_command_line(cli_run, tmp_path):
    write_bundle(tmp_path / "b", writer())
    text = generate(tmp_path / "b", "Once", length=20)[0].text
    done = cli_run("generate", tmp_path / "b", "Once", "--length", "20")
    assert (done.code, done.out) == (0, text + "\n")
    piped = cli_run("generate", tmp_path / "b", "-", "--length", "20", stdin="Once")
    assert piped.out == done.out
    said = cli_run("generate", tmp_path / "b", "Once", "--length", "20", "--json").json
    assert said["text"] == text
    assert said["tokens_per_second"] > 0
    kept = ("--window", "20", "--sinks", "2", "--prefill-chunk", "3")
    assert cli_run("generate", tmp_path / "b", "Once", "--length", "16", *kept).out[:9] == text[:9]
    drawn = [
        cli_run(
            "generate", tmp_path / "b", "Once", "--temperature", "1.5", "--top-k", "40",
            "--top-p", "0.9", "--sampler", "min-p:p=0.01", "--repetition", "1.2",
            "--seed", seed,
        ).out
        for seed in (1, 1, 2)
    ]  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2]
    several = ("generate", tmp_path / "b", "Once", "--samples", 2, "--cache", "paged,int8")
    lines = cli_run(*several, "--length", 5).out
    assert lines.startswith("--- 1 of 2\n")
    assert "\n--- 2 of 2\n" in lines
    assert len(cli_run(*several, "--json").json["texts"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "Once"), "nowhere"),
        (("b", " "), "the prompt is empty"),
        (("b", "x" * 300), "the prompt has 300 tokens and the context of llama is 200"),
        (("b", "Once", "--top-p", "7"), "p=7.0 is out of range"),
        (("b", "Once", "--temperature", "0"), "temperature=0.0 is out of range"),
        (("b", "Once", "--sinks", "2"), "--sinks are kept beside a window; give --window"),
        (("b", "Once", "--window", "200"), "keep 204 tokens and the model's context is 200"),
        (("b", "Once", "--window", "0"), "sinks=4 and window=0; expected at least 0 and at least"),
        (("b", "Once", "--count", "0"), "count=0 have to be at least 1"),
        (("b", "Once", "--count", "3", "--beams", "2"), "count is for texts that are drawn"),
        (("b", "Once", "--class", "3"), "--class is for models that draw examples"),
        (("b", "Once", "--cache", "pages"), "unknown number format of a cache 'pages'"),
    ],
)
def test_mistakes_on_the_command_line(cli_run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    write_bundle(tmp_path / "b", writer())
    done = cli_run("generate", *words)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert message in done.err
    assert not done.out


def test_what_neither_writes_nor_draws_is_refused_by_what_it_is(cli_run, tmp_path):
    seen = Signature((Port("x", "vector", (3,)),), (Port("y", "label", (2,)),))
    write_bundle(tmp_path / "b", build("mlp:widths=[4]", kind="model", signature=seen))
    done = cli_run("generate", tmp_path / "b", "Once", "--out", tmp_path / "x.png")
    assert (done.code, done.out) == (2, "")
    assert "mlp does not write: its task is classify, which `cartograd predict`" in done.err


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("gpt", {"dim": 16, "heads": 2, "depth": 2, "context": 64}),
        ("lstm-language-model", {"dim": 16}),
        ("t5", {"dim": 16, "heads": 2, "depth": 1}),
        ("transformer", {"dim": 16, "heads": 2, "depth": 1}),
    ],
)
def test_every_architecture_that_writes(name, args):
    inputs = ("source", "target") if name in ("t5", "transformer") else ("text",)
    torch.manual_seed(0)
    model = build(name, signature=signature(inputs=inputs), **args).eval()
    model.tokenizer = TOKENIZER
    answers = generate(model, ["one", "three"], length=10)
    assert [generate(model, prompt, length=10)[0].text for prompt in ("one", "three")] == [
        answer.text for answer in answers
    ]
    assert "".join(stream(model, "one", length=10)) == answers[0].text
    assert generate(model, "one", length=6, beams=2)[0].tokens
