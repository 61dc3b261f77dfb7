"""Accounts: what is counted and sampled adds up the same for any grouping into buckets, and survives the disk."""

import numpy as np
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.account import SAMPLES, Account, snippet
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


@given(st.integers(0, 60), st.sampled_from(["4111 1111 1111 1111", "anna.schmidt@nordwindpost.de", "+86 138-0013-8000"]))
def test_a_cut_leaves_no_part_of_a_number_or_address(at, secret):
    """Wherever a sample begins and ends, it holds the whole of it or nothing: a part would not be recognised and masked."""
    text = f"月光 {secret} 月光" + "霜" * 60
    for shown in (snippet(text, 0, at), snippet(text, at, 200)):
        assert secret in shown or not any(c.isascii() and c.isalnum() for c in shown)
    assert snippet(text, 0, 500) == text
    assert snippet("霜" * 30, 3, 9) == "…霜霜霜霜霜霜…"


def test_seconds_add_up_over_buckets_and_survive_the_disk():
    one, other = Account(), Account()
    with one.timed("read"):
        pass
    one.spend("read", 2.0)
    other.spend("read", 1.0)
    other.spend("near", 0.5)
    one.join(Account.from_dict(orjson.loads(orjson.dumps(other.as_dict()))))
    assert 3.0 <= one.seconds["read"] < 3.5
    assert one.seconds["near"] == 0.5
