"""Whatever people call a method or a place, it is found."""

import pytest

from cartograd.core import concepts
from cartograd.core.errors import UsageError
from cartograd.core.sought import NOTES, heading, place, sought


def test_every_place_is_found_by_id_and_titles():
    for one in concepts.places():
        for name in (one.id, one.id.upper()):
            assert one in sought(name).places
        for title in (one.en, one.zh):
            found = sought(title)
            nodes = {node for card, _ in found.cards for node in card.nodes}
            assert one in found.places or one.id in nodes or found.section, title


def test_every_section_is_found_by_its_heading_and_number():
    for section in concepts.sections():
        assert sought(section).section == section
        assert sought(heading(section)).section == section
        assert heading(section)[:3] in NOTES


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("backprop", "autodiff"),
        ("Backpropagation", "autodiff"),
        ("反向传播", "autodiff"),
        ("注意力机制", "attention/scaled-dot-product"),
        ("DPO", "llm/rlhf"),
        ("ROC/AUC", "metric/roc-auc"),
        ("ｒｅｌｕ", "activation/relu"),
        ("Weight Decay", "regularize/l2"),
        ("批归一化", "norm/batch"),
        ("ddpm", "diffusion/ddpm"),
    ],
)
def test_a_place_is_found_by_what_people_call_it(name, id):
    assert place(name).id == id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("relux-nothing", "nothing is called 'relux-nothing'"),
        ("lstmm", "did you mean 'lstm'?"),
        ("", "nothing is called ''"),
        ("gradient", "is part of several names; say which"),
    ],
)
def test_what_is_not_found_is_told(name, message):
    with pytest.raises(UsageError, match=message.replace("?", r"\?")):
        place(name)


def test_what_means_nothing_is_nothing():
    assert not sought("zzz")
    assert not sought("--")
    assert not sought("003 九.9")
    assert sought("一.2").section == "1.2"
    assert sought("000 3").section == "000.3"
