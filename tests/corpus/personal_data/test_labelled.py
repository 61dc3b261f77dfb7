"""Recall and precision on labelled English texts (presidio-research's synthetic sets), per type.

A label is found where a span of its type overlaps it.  The words that announce a telephone number were chosen with these sets at
hand, so that their figures are no promise for other text; test_phone.py and the benchmark look at others.
"""

from collections import Counter

import orjson
import pytest

from telos.corpus.personal_data import PRECEDENCE, find

TYPES = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "payment_card", "IP_ADDRESS": "ip_address",
"IBAN_CODE": "iban",
         "DOMAIN_NAME": "url", "US_SSN": "us_ssn"}  # fmt: skip


@pytest.fixture(scope="module")
def figures(shared_data):
    """type → (labels, labels found, labels found with exactly their bounds, spans, spans that overlap a label)."""
    records = []
    for name in ("generated_small.json", "synth_dataset_v2.json"):
        records += orjson.loads((shared_data / "pii" / name).read_bytes())
    spans: dict[int, list] = {}
    for span in find([record["full_text"] for record in records], PRECEDENCE):
        spans.setdefault(span.row, []).append(span)
    labels, hits, exact, found, right = Counter(), Counter(), Counter(), Counter(), Counter()
    for row, record in enumerate(records):
        given = [(s["start_position"], s["end_position"], TYPES.get(s["entity_type"])) for s in record["spans"]]
        for start, end, kind in given:
            mine = [s for s in spans.get(row, []) if s.type == kind and s.start < end and start < s.end]
            labels[kind] += 1
            hits[kind] += bool(mine)
            exact[kind] += any((s.start, s.end) == (start, end) for s in mine)
        for span in spans.get(row, []):
            found[span.type] += 1
            right[span.type] += any(k == span.type and span.start < e and s < span.end for s, e, k in given)
    return {kind: (labels[kind], hits[kind], exact[kind], found[kind], right[kind]) for kind in TYPES.values()}


@pytest.mark.data
@pytest.mark.parametrize("kind", TYPES.values())
def test_recall_and_precision(figures, kind):
    labels, hits, exact, found, right = figures[kind]
    assert labels >= 16
    assert hits / labels >= 0.97
    assert exact / labels >= 0.97
    assert right / found >= 0.95
