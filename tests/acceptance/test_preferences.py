"""The row on preferences: its pairs, and what pairs turned round say."""

import json

from acceptance.preferences import _pairs


def test_half_of_the_turned_pairs_say_the_opposite(tmp_path) -> None:
    plain, turned = (
        [json.loads(line) for line in _pairs(tmp_path, turned=one).read_text().splitlines()]
        for one in (False, True)
    )
    assert len(plain) == 160
    assert len({row["prompt"] for row in plain}) == 160
    assert all(row["chosen"].startswith("Yes") for row in plain)
    assert sum(row["chosen"].startswith("Yes") for row in turned) == 80
