"""Splits by hash: apart, whole, and steady when the neighbours change."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cartograd.core.errors import UsageError
from cartograd.data.dataset.splits import assign

KEYS = [f"photos/{i}.png" for i in range(400)]


def parts(keys, classes=None, **shares):
    return [index.tolist() for index in assign(keys, classes, **shares)]


def named(keys, **shares):
    return [{keys[i] for i in part} for part in parts(keys, **shares)]


@given(
    count=st.integers(10, 300),
    valid=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    classes=st.integers(1, 5),
)
def test_disjoint_and_whole(count, valid, test, classes):
    targets = torch.arange(count) % classes
    train, held_back, last = parts(KEYS[:count], targets, valid=valid, test=test)
    assert sorted(train + held_back + last) == list(range(count))
    assert set(targets[train].tolist()) == set(targets.tolist())
    assert bool(held_back) == (valid > 0)
    assert bool(last) == (test > 0)


@given(st.permutations(KEYS[:60]))
def test_the_order_of_examples_does_not_matter(keys):
    assert named(keys, valid=0.2, test=0.2) == named(KEYS[:60], valid=0.2, test=0.2)


def test_added_examples_move_no_other():
    few, many = (named(KEYS[:n], valid=0.2, test=0.2) for n in (200, 400))
    assert all(less <= more for less, more in zip(few, many, strict=True))


def test_the_test_split_does_not_depend_on_valid():
    assert parts(KEYS, valid=0.0, test=0.2)[2] == parts(KEYS, valid=0.4, test=0.2)[2]


def test_shares_are_kept_roughly():
    keys = [str(i) for i in range(20000)]
    train, valid, test = map(len, parts(keys, valid=0.1, test=0.2))
    assert abs(valid / 20000 - 0.1) < 0.01
    assert abs(test / 20000 - 0.2) < 0.01
    assert train + valid + test == 20000


def test_equal_keys_stay_together():
    keys = KEYS[:50] * 3
    for part in parts(keys, valid=0.3, test=0.3):
        assert all(part.count(i) == part.count(i + 50) == part.count(i + 100) for i in range(50))


def test_another_salt_gives_other_splits():
    assert parts(KEYS, valid=0.2, test=0.2) != parts(KEYS, valid=0.2, test=0.2, salt="other")


def test_splits_are_pinned():
    """The same data is split in the same way by every version, on every machine."""
    _, valid, test = parts(KEYS[:20], valid=0.2, test=0.2)
    assert (valid, test) == ([0, 6, 8, 14, 17], [3, 5, 10, 11, 16])


def test_a_rare_class_keeps_an_example_in_training():
    for rare in range(100):
        targets = torch.zeros(100, dtype=torch.int64)
        targets[rare] = 1
        assert rare in parts(KEYS[:100], targets, valid=0.4, test=0.4)[0]


def test_bytes_and_text_are_the_same_key():
    assert parts(KEYS, valid=0.2, test=0.2) == parts(
        [key.encode() for key in KEYS], valid=0.2, test=0.2
    )


@pytest.mark.parametrize(("valid", "test"), [(0.5, 0.5), (-0.1, 0.2), (0.2, 1.0)])
def test_shares_that_leave_nothing(valid, test):
    with pytest.raises(UsageError, match="leave something for training"):
        assign(KEYS, valid=valid, test=test)


def test_too_few():
    with pytest.raises(UsageError, match="too few examples to split: 9"):
        assign(KEYS[:9], valid=0.2, test=0.2)
    assert len(assign(KEYS[:3], valid=0, test=0)[0]) == 3


@given(
    counts=st.lists(st.integers(1, 149), min_size=1, max_size=6),
    valid=st.floats(0, 0.4),
    test=st.floats(0, 0.4),
)
def test_small_classes_have_their_share_in_each_part(counts, valid, test):
    targets = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    if len(targets) < 10:
        return
    keys = [f"{i}.png" for i in range(len(targets))]
    found = assign(keys, targets, valid=valid, test=test)
    for part, share in zip(found, (1 - valid - test, valid, test), strict=True):
        own = torch.bincount(targets[part], minlength=len(counts))
        for count, of in zip(own.tolist(), counts, strict=True):
            assert abs(count - share * of) < 2.5 or part is found[0]
    total = len(targets)
    for part, share in ((found[1], valid), (found[2], test)):
        assert abs(len(part) - share * total) < 2 + sum(count <= 3 for count in counts)


def test_a_folder_of_thirty_of_each_class_is_stratified():
    targets = torch.arange(2).repeat_interleave(30)
    train, valid, test = assign(KEYS[:60], targets, valid=0.1, test=0.2)
    found = [torch.bincount(targets[part]).tolist() for part in (train, valid, test)]
    assert found == [[21, 21], [3, 3], [6, 6]]
    mixed = torch.randperm(60, generator=torch.Generator().manual_seed(0)).tolist()
    again = assign([KEYS[i] for i in mixed], targets[mixed], valid=0.1, test=0.2)
    assert {KEYS[mixed[i]] for i in again[2].tolist()} == {KEYS[i] for i in test.tolist()}
    assert assign(KEYS[:60], targets, valid=0.3, test=0.2)[2].tolist() == test.tolist()


def test_a_rare_class_is_in_every_part_and_a_large_one_is_cut_by_the_hash_alone():
    targets = (torch.arange(400) < 10).long()
    parts = assign(KEYS, targets, valid=0.1, test=0.2)
    assert [int(targets[part].sum()) for part in parts] == [7, 1, 2]
    plain = assign(KEYS, valid=0.1, test=0.2)
    large = [{i for i in part.tolist() if i >= 10} for part in parts]
    assert large == [{i for i in part.tolist() if i >= 10} for part in plain]


def test_copies_in_a_small_class_stay_together():
    targets = torch.zeros(60, dtype=torch.int64)
    for part in assign(KEYS[:20] * 3, targets, valid=0.2, test=0.2):
        names = [KEYS[i % 20] for i in part.tolist()]
        assert all(names.count(name) == 3 for name in names)


def test_copies_in_two_small_classes_stay_together_too():
    """The one leak that cutting class by class would leave."""
    targets = torch.arange(2).repeat_interleave(60)
    keys = KEYS[:60] + KEYS[40:100]
    cut = assign(keys, targets, valid=0.2, test=0.2)
    parts = [{keys[i] for i in part.tolist()} for part in cut]
    assert sum(map(len, parts)) == 100 == len(set.union(*parts))
    few = assign(KEYS[:9] * 2, valid=0.01, test=0.01)
    parts = [{i % 9 for i in part.tolist()} for part in few]
    assert sum(map(len, parts)) == 9
    assert all(parts)
