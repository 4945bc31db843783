"""Goal: docs/formats.md says what the recorded results say, and those are of the present cases.
Method: the page is made again and compared; the recorded counts are compared with the cases."""

import json
from collections import Counter
from typing import Any

from cases import CASES, features_of
from formats_table import RESULTS, TABLE, table
from peers import PEERS, gap


def recorded() -> Any:
    """The results."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_results() -> None:
    """Whoever records results makes the page anew."""
    assert TABLE.read_text(encoding="utf-8") == table(recorded())


def test_the_results_are_of_these_cases() -> None:
    """Every case counts once in each of its rows, and what is left out is left out now, too."""
    results = recorded()
    assert results["arrays"] == len(CASES)
    cases = Counter(feature for case in CASES for feature in features_of(case))
    assert sorted(results["rows"]) == sorted(cases)
    for feature, row in results["rows"].items():
        for peer in PEERS:
            for way in ("read", "write"):
                passed, failed, left_out = row[peer.name][way]
                assert passed + failed + left_out == cases[feature], (feature, peer.name, way)
                now = [c for c in CASES if feature in features_of(c) and gap(peer.name, way, c)]
                assert left_out == len(now), (feature, peer.name, way)


def test_nothing_failed() -> None:
    """A page with failures is no page."""
    counts = [
        row[peer.name][way]
        for row in recorded()["rows"].values()
        for peer in PEERS
        for way in ("read", "write")
    ]
    assert sum(failed for _, failed, _ in counts) == 0
    assert sum(passed for passed, _, _ in counts) > 1000
