"""Specs: the text form and the JSON form say the same thing."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.core.spec import Spec

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | numbers | st.text(max_size=12)
subjects = st.none() | st.text(min_size=1, max_size=12)


def spec_of(values):
    return st.builds(Spec, names, st.dictionaries(keys, values, max_size=3), subjects)


specs = spec_of(
    st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3).map(tuple) | spec_of(inner),
        max_leaves=6,
    )
)


@given(specs)
def test_text_and_json_round_trip(spec):
    """Types too: 1, 1.0 and True are equal in Python, but not the same argument."""
    forms = (Spec.parse(str(spec)), Spec.from_json(json.loads(json.dumps(spec.to_json()))))
    for again in (*forms, Spec.from_json(spec.to_json())):
        assert again == spec
        assert repr(again) == repr(spec)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    with suppress(UsageError):
        assert Spec.parse(str(Spec.parse(text))) == Spec.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resnet", Spec("resnet")),
        (" resnet ", Spec("resnet")),
        ("resnet:depth=18,width=32", Spec("resnet", {"depth": 18, "width": 32})),
        ("adamw:lr=1e-3", Spec("adamw", {"lr": 0.001})),
        ("m: a = true , b=None", Spec("m", {"a": True, "b": None})),
        ("csv:people.csv,target=income", Spec("csv", {"target": "income"}, "people.csv")),
        ("folder:/data/my photos", Spec("folder", {}, "/data/my photos")),
        ('csv:"a,b.csv",target="x, y"', Spec("csv", {"target": "x, y"}, "a,b.csv")),
        ("mlp:widths=[64,32]", Spec("mlp", {"widths": (64, 32)})),
        ("mlp:widths=[]", Spec("mlp", {"widths": ()})),
        ("mlp:widths=[64,32],bias=false", Spec("mlp", {"widths": (64, 32), "bias": False})),
        (
            "classify:model=(mlp:widths=[64,32]),smoothing=0.1",
            Spec("classify", {"model": Spec("mlp", {"widths": (64, 32)}), "smoothing": 0.1}),
        ),
        ("csv:don't panic.csv,target=it's", Spec("csv", {"target": "it's"}, "don't panic.csv")),
        (r'm:a="say \"a, b\""', Spec("m", {"a": 'say "a, b"'})),
        ("m:classes=[a,b c,'d']", Spec("m", {"classes": ("a", "b c", "d")})),
    ],
)
def test_reading(text, expected):
    spec = Spec.parse(text)
    assert spec == expected
    assert repr(spec) == repr(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a spec; expected name:key=value"),
        ("9lives", "is not a spec"),
        ("a b:c=1", "is not a spec"),
        ("m:a=1,2", "'2' in 'm:a=1,2' is not key=value"),
        ("m:a=1,,b=2", "is not key=value"),
        ("m:a=1,a=2", "'a' is given twice"),
        ("m:a=[1,2", "unbalanced brackets"),
        ("m:a='x", "unbalanced brackets or quotes"),
        ("m:a=1)", "unbalanced brackets"),
        ("m:a=(x", "unbalanced brackets"),
    ],
)
def test_refusals(text, message):
    with pytest.raises(UsageError) as caught:
        Spec.parse(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("data", [None, 3, [], {}, {"spec": 3}, {"args": {}}, {"spec": None}])
def test_json_that_is_no_spec_is_refused(data):
    with pytest.raises(UsageError, match="does not describe a spec"):
        Spec.from_json(data)


def test_a_spec_is_its_own_parse():
    spec = Spec("mlp", {"widths": (3,)})
    assert Spec.parse(spec) is spec
