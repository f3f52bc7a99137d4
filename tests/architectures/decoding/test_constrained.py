import itertools
import json
import random

import jsonschema
import numpy as np
import pytest
import torch

from cartograd.architectures.decoding.constrained import constrained
from cartograd.architectures.decoding.generate import generate
from cartograd.architectures.decoding.grammar import gbnf, json_schema
from cartograd.architectures.decoding.grammar.automaton import NOWHERE, Automaton
from cartograd.architectures.decoding.grammar.machine import Machine
from cartograd.core.build import build
from cartograd.core.errors import UsageError
from tests.architectures.decoding.grammar.test_json_schema import SCHEMAS
from tests.architectures.decoding.toys import Toy

PIECES = [
    '{"', '": ', ', "', '"}', "true", "null", '"age', "name", "12", "[1", "]}", " ", "é", "", '"x"',
    '":', "false]",
]  # fmt: skip
WORDS = [bytes([n]) for n in range(256)] + [one.encode() for one in PIECES] + [None, None]
END = len(WORDS) - 1


def automaton_of(schema):
    return Automaton(Machine(json_schema.rules_of(schema), json_schema.ROOT))


@pytest.mark.oracle("constrained")
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda one: json.dumps(one)[:50])
def test_every_text_is_valid_by_jsonschema(schema):
    automaton = automaton_of(schema)
    shortest = int(automaton.machine.shortest)
    check = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    prompt = torch.tensor([[1, 2, 0], [0, 3, 4], [5, 5, 5]])
    for extra in (0, 1, 7, 25):
        length = shortest + extra
        only = constrained(automaton, WORDS, {END}, 3, length=length)
        for generator in (None, torch.Generator().manual_seed(extra)):
            toy = Toy(3, 200, vocabulary=len(WORDS), seed=extra, scale=3.0)
            samplers = [only, build("temperature:temperature=1.5"), build("top-k:k=40")]
            rows = generate(
                toy, prompt, None, generator, length=length, samplers=samplers, stop={END}
            )
            for row in rows:
                text = b"".join(WORDS[token] or b"" for token in row).decode()
                check.validate(json.loads(text))
                assert only.whole(row)
                assert len(row) <= length


@pytest.mark.law("constrained")
def test_exactly_the_tokens_stay_after_which_a_text_is_whole_in_time():
    words = [b"a", b"b", b"ab", b"ba", b"(", b")", b"))", b"\xc3", b"\xa9", "é".encode(), None]
    rules = gbnf.rules_of('root ::= "a" inner* | "é" "b"?\ninner ::= "(" root ")" | "b"')
    automaton = Automaton(Machine(rules, gbnf.ROOT))
    end, room, taken = 10, 4, set()
    for size in range(room + 1):
        for tokens in itertools.product(range(10), repeat=size):
            state = automaton.after(0, b"".join(words[t] for t in tokens))
            if state != NOWHERE and automaton.ends[state]:
                taken.add(tokens)
    only = constrained(automaton, words, {end}, length=room)
    begun = {tokens[:size] for tokens in taken for size in range(len(tokens) + 1)}
    checked = 0
    for tokens in begun:
        if len(tokens) < room:
            z = only(torch.zeros(1, 12), torch.tensor([list(tokens)], dtype=torch.int64))[0]
            left = set(z.isfinite().nonzero()[:, 0].tolist())
            right = {t for t in range(10) if (*tokens, t) in begun} | (
                {end} if tokens in taken else set()
            )
            # a byte is a token here, so the bytes that are left count as tokens
            bytes_fit = {t for t in right if t == end or _fits(automaton, words, tokens, t, room)}
            assert left == bytes_fit
            assert left or tokens in taken
            checked += 1
    assert checked > 15


def _fits(automaton, words, tokens, token, room):
    state = automaton.after(0, b"".join(words[t] for t in (*tokens, token)))
    return automaton.over[state] <= room - len(tokens) - 1


@pytest.mark.law("constrained")
def test_many_tokens_are_walked_as_one_by_one():
    automaton, rng = automaton_of(SCHEMAS[3]), random.Random(0)
    only = constrained(automaton, WORDS, {END}, length=60)
    state, text = automaton.START, b""
    for place in range(60):
        allowed = only.allowed(state, 60 - place)
        for token, word in enumerate(WORDS):
            after = automaton.after(state, word) if word else NOWHERE
            right = after != NOWHERE and automaton.over[after] <= 59 - place
            right |= token == END and bool(automaton.ends[state])
            assert allowed[token] == right
        token = int(rng.choice(np.flatnonzero(allowed)))
        if token == END:
            break
        text += WORDS[token]
        state = automaton.after(state, WORDS[token])
    json.loads(text)


def test_logits_beyond_the_vocabulary_are_excluded():
    only = constrained(automaton_of(True), WORDS, {END}, length=5)
    z = only(torch.zeros(1, len(WORDS) + 6), torch.zeros(1, 0, dtype=torch.int64))
    assert not z[0, len(WORDS) :].isfinite().any()
    assert z.isfinite().any()


def test_what_cannot_be_written_is_refused():
    with pytest.raises(UsageError, match=r"length=3 is too short: .* has 4 bytes"):
        constrained(automaton_of({"const": None}), WORDS, {END}, length=3)
    with pytest.raises(UsageError, match="no token ends a text"):
        constrained(automaton_of(True), WORDS, (), length=3)
