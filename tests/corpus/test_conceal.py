"""A report must not show what its corpus hides."""

import re

import pytest

from telos.corpus.conceal import without_secrets

SECRETS = ["anna.schmidt@nordwindpost.de", "11010519491231002X", "4111 1111 1111 1111", "+86 138 0013 8000", "hunter2pass"]
ZH = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
EN = "It was the best of times, it was the worst of times. "


def texts():
    """Documents that every kind of sample is taken from: dropped early, changed, copied, kept; each with a secret."""
    made = {}
    for n, secret in enumerate(SECRETS):
        shown = f"https://bob:{secret}@files.nordwind.de/x" if secret == "hunter2pass" else secret
        made[f"noise-{n}.txt"] = f"|=+ 联系 {shown} +=| " + "|=+#$ " * 100
        body = f"{EN * 9}\nPlease write to {shown} before noon.\n{ZH * 5}\n{n}\n"
        made[f"kept-{n}.txt"] = body
        made[f"near-{n}.txt"] = body.replace("worst", "w0rst", 1)
        made[f"cut-{n}.txt"] = "x" * 40 + " " + EN * 6 + "a" * (335 - 6 * len(EN) + n) + f" {shown} {ZH * 20} {n} {EN * 3}"
    return made


@pytest.fixture
def corpus(fill, build):
    clean = {"filters": ["symbols", "personal_data"], "dedup": ["exact", {"kind": "near", "threshold": 0.7}]}
    return build(fill("texts", texts()), clean=clean)


def test_nothing_of_the_report_shows_personal_data(corpus):
    facts = corpus.facts
    assert facts["dropped"]
    assert facts["changed"]
    assert facts["pairs"]
    assert facts["kept"]
    for name in ("corpus.json", "corpus.html", "README.md"):
        content = (corpus.folder / name).read_text()
        for secret in SECRETS:
            assert secret not in content, f"{secret} in {name}"
            for piece in re.findall(r"[0-9A-Za-z]{6,}", secret):
                assert piece not in content, f"{piece} in {name}"


def test_before_and_after_are_shown_by_their_form(corpus):
    samples = next(e["samples"] for e in corpus.facts["changed"] if e["stage"] == "personal_data")
    assert any("••••.•••••••@••••••••••••.••" in s["before"] and "[EMAIL]" in s["after"] for s in samples)


def test_without_the_filter_samples_are_as_they_were(fill, build):
    corpus = build(fill("texts", texts()), clean={"filters": ["symbols"]})
    assert SECRETS[0] in (corpus.folder / "corpus.json").read_text()


def test_settings_keep_no_secrets():
    filters = [{"kind": "personal_data", "seed": 12345}, {"kind": "personal_data", "seed": 0}]
    source = {"kind": "sql", "connection": "postgresql://bob:hunter2@db.example.com/x"}
    settings = {"sources": [source], "seed": 7, "clean": {"filters": filters}}
    shown = without_secrets(settings)
    assert shown["sources"][0]["connection"] == "postgresql://db.example.com/x"
    assert shown["clean"]["filters"] == [{"kind": "personal_data"}, {"kind": "personal_data", "seed": 0}]
    assert shown["seed"] == 7
    assert settings["clean"]["filters"][0]["seed"] == 12345
