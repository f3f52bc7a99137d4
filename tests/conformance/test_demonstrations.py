"""Every demonstration runs as it is, the same each time, and tells its rows as JSON."""

import json

from cartograd.core.build import build
from tests.conformance.support import global_state_untouched, over


@over("demonstration")
def test_a_demonstration_is_the_same_each_time(card):
    with global_state_untouched():
        first, second = (build(card.name, kind=card.kind, **card.tiny)() for _ in range(2))
    assert len(first) > 1
    rows = [json.dumps([row.to_json() for row in found], default=str) for found in (first, second)]
    assert rows[0] == rows[1]
