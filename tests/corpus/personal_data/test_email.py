"""E-mail addresses: forms that are found whole, and what is none."""

import gzip

import orjson
import pytest


@pytest.mark.parametrize(("text", "address"), [
    ("write to first.last+tag@mail.corp.co.uk.", "first.last+tag@mail.corp.co.uk"),
    ("<o'brien@corp.ie>", "o'brien@corp.ie"),
    ("邮箱zhang_san@163.com，谢谢", "zhang_san@163.com"),
    ("邮箱：ｚｈａｎｇ＠ｃｏｒｐ．ｃｎ。", "ｚｈａｎｇ＠ｃｏｒｐ．ｃｎ"),
    ("li＠qq.com", "li＠qq.com"),
    ("jürgen@müller.de jürgen@mueller.de", "jürgen@mueller.de"),
    ("mailto:a@b.io?subject=x", "a@b.io"),
    ("'bob@corp.com'", "bob@corp.com"),
    ("x@xn--fiqs8s.xn--fiqs8s", "x@xn--fiqs8s.xn--fiqs8s"),
])  # fmt: skip
def test_addresses_are_found_whole(values, text, address):
    assert values(text) == [("email", address)]


def test_the_longest_local_part(values):
    assert values("x" * 64 + "@corp.com") == [("email", "x" * 64 + "@corp.com")]


@pytest.mark.parametrize("text", [
    "a@b", "@handle", "user@example.com", "a@mail.example.org", "x@y.test", "logo@2x.png", "git@github.com:a/b.git", "a @ b.com",
    "5@3.14", "a@-b.com", "dot.@b.com", "\\n@abc.abstractmethod", "x" * 65 + "@b.com",
])  # fmt: skip
def test_what_is_none(values, text):
    assert values(text) == []


@pytest.mark.data
def test_dolmas_spans_on_web_text(values, shared_data):
    """Its three spans of score 0.8 are ours; its fourth, of 0.1, is a handle and a line end."""
    with gzip.open(shared_data / "dolma-web-sample" / "expected" / "email-spans.json.gz") as file:
        expected = [orjson.loads(line) for line in file]
    with gzip.open(shared_data / "dolma-web-sample" / "provided" / "documents" / "000.json.gz") as file:
        texts = {document["id"]: document["text"] for document in map(orjson.loads, file)}
    theirs, ours = [], []
    for document in expected:
        text = texts[document["id"]]
        theirs += [(text[a:b], score) for a, b, score in document["attributes"].get("pii", {}).get("email", [])]
        ours += [value for _, value in values(text, "email")]
    assert ours == [span for span, score in theirs if score > 0.5] == ["ask@bufvc.ac.uk", "info@claihr.ca", "info@eun.org"]
