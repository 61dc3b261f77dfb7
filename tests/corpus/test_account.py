"""Accounts: what is counted and sampled adds up the same for any grouping into buckets, and survives the disk."""

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.account import SAMPLES, Account
from telos.corpus.clean import document_id
from telos.corpus.filters import Verdict
from telos.corpus.texts import Texts


def texts_of(words):
    sources = [f"{n}.txt" for n in range(len(words))]
    return Texts.of(words, id=[document_id(s, w) for s, w in zip(sources, words, strict=True)], source=sources)


def judge(words, rows):
    """An account of texts of which those with an x go, and the others are upper-cased."""
    whole = texts_of(words)
    texts = whole.take(rows)
    upper = [t.upper() for t in texts.text.to_pylist()]
    reasons = np.array(["x" in t for t in texts.text.to_pylist()], np.uint8)
    verdict = Verdict(reasons, {"text": upper}, details={int(row): "because" for row in np.flatnonzero(reasons)})
    account = Account()
    table = account.judged("rule", ("has_x",), texts, verdict, texts.replace(text=upper).take(reasons == 0))
    assert (0 if table is None else table.num_rows) == int(reasons.sum())
    return account


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("abx月"), max_size=6), min_size=1, max_size=60), st.integers(0, 60))
def test_any_grouping_gives_the_same(words, cut):
    first = np.arange(len(words)) < cut
    whole = judge(words, np.ones(len(words), bool)).as_dict()
    joined = judge(words, first)
    joined.join(Account.from_dict(orjson.loads(orjson.dumps(judge(words, ~first).as_dict()))))
    assert joined.as_dict() == whole
    gone = [w for w in words if "x" in w]
    (stage,) = whole["stages"]
    assert stage["dropped"] == ({"has_x": len(gone)} if gone else {})
    samples = [s for entry in whole["dropped"] for s in entry["samples"]]
    assert len(samples) == min(SAMPLES, len(gone))
    assert all(s["detail"] == "because" for s in samples)


def test_what_changed_is_shown_where_it_changed():
    words = ["same", "x" * 10, "甲" * 500 + "b" + "乙" * 500]
    account = judge(words, np.ones(3, bool))
    (first, second) = sorted(account.changed["rule"], key=lambda s: s["source"])
    assert (first["before"], first["after"]) == ("same", "SAME")
    assert "b" in second["before"]
    assert "B" in second["after"]
    assert len(second["before"]) < 300
