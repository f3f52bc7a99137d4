"""Ports and signatures: what they refuse, what follows from them, and their JSON form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.core.ports import KINDS, Column, Port, Signature
from cartograd.core.task import names

PIXELS = Port("image", "image", (3, 8, 8), bounds=(0.0, 1.0), mean=(0.5,) * 3, std=(0.2,) * 3)
DIGIT = Port("digit", "label", (10,), labels=tuple("0123456789"))

reals = st.floats(-1e6, 1e6)
texts = st.text(max_size=8)
columns = st.builds(
    Column,
    texts,
    st.none() | st.lists(texts, min_size=1, max_size=3).map(tuple),
    reals,
    reals,
    st.booleans(),
)


@st.composite
def ports(draw):
    """A port whose parts agree: columns with features, statistics and labels with sizes."""
    of = draw(st.lists(columns, max_size=2).map(tuple))
    width = sum(column.width for column in of)
    dims = draw(st.lists(st.integers(1, 9) | st.sampled_from("tyx"), max_size=3).map(tuple))
    dims = (width,) if of else dims
    length = draw(st.sampled_from([0, 1, *(dim for dim in dims[:1] if isinstance(dim, int))]))
    fixed = st.lists(reals, min_size=length, max_size=length).map(tuple)
    positive = st.lists(st.floats(0.1, 9), min_size=length, max_size=length).map(tuple)
    return Port(
        draw(texts),
        draw(st.sampled_from(KINDS)),
        dims,
        bounds=draw(st.none() | st.tuples(st.floats(-9, 0), st.floats(1, 9))),
        mean=draw(fixed),
        std=draw(positive),
        labels=draw(
            st.lists(texts, max_size=3 * all(isinstance(dim, str) for dim in dims)).map(tuple)
        ),
        columns=of,
        task=draw(st.sampled_from(names())),
    )


@given(st.lists(ports(), max_size=2), st.lists(ports(), max_size=2))
def test_json_round_trip(inputs, outputs):
    signature = Signature(tuple(inputs), tuple(outputs))
    again = Signature.from_json(json.loads(json.dumps(signature.to_json())))
    assert again == signature
    assert repr(again) == repr(signature)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "video"}, "unknown kind 'video'"),
        ({"mean": (0.5,)}, "mean and std differ in length"),
        ({"std": (0.2, 0.0, 0.2)}, "not positive"),
        ({"std": (0.2, -1.0, 0.2)}, "not positive"),
        ({"bounds": (1.0, 0.0)}, "not low < high"),
        ({"bounds": (1.0, 1.0)}, "not low < high"),
    ],
)
def test_bad_ports_are_refused(change, message):
    fields = {name: getattr(PIXELS, name) for name in PIXELS.__dataclass_fields__}
    with pytest.raises(UsageError) as caught:
        Port(**fields | change)
    assert message in str(caught.value)
    assert "'image'" in str(caught.value)


def test_sizes_of_an_image_classifier():
    assert Signature((PIXELS,), (DIGIT,)).sizes() == {
        "classes": 10,
        "features": 192,
        "channels": 3,
        "size": 8,
    }


def test_sizes_leave_out_what_is_not_fixed():
    oblong = Port("image", "image", (1, 8, 6))
    free = Port("image", "image", (1, "y", "x"))
    text = Port("text", "text", ("t",), dtype="int64")
    value = Port("price", "value", (1,))
    assert Signature((oblong,), (value,)).sizes() == {"classes": 1, "features": 48, "channels": 1}
    assert Signature((free,), ()).sizes() == {"channels": 1}
    assert Signature((text,), ()).sizes() == {}


def test_size_needs_fixed_dimensions():
    assert PIXELS.size == 192
    with pytest.raises(UsageError, match="no fixed size"):
        _ = Port("text", "text", ("t",)).size


def test_width_of_a_column():
    assert Column("age").width == 1
    assert Column("age", indicator=True).width == 2
    assert Column("town", categories=("a", "b", "c")).width == 3


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        {"inputs": 3, "outputs": []},
        {"inputs": [3], "outputs": []},
        {"inputs": [{"name": "x"}], "outputs": []},
        {"inputs": [{"name": "x", "kind": "image", "dims": [], "colour": 1}], "outputs": []},
        {"inputs": [], "outputs": [PIXELS.__dict__ | {"columns": [3]}]},
    ],
)
def test_json_that_is_no_signature_is_refused(data):
    with pytest.raises(UsageError, match="does not describe a signature"):
        Signature.from_json(data)
