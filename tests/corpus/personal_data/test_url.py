"""URLs and the credentials in them."""

import pytest


@pytest.mark.parametrize(("text", "credentials"), [
    ("https://bob:s3cret@db.corp.com/x", "bob:s3cret"), ("postgres://u:p%40ss@10.0.0.1:5432/d", "u:p%40ss"),
    ("数据库mysql://root:密@h", None),
    ("ftp://a:b@c@host/", "a:b@c"), ("redis://:only@cache:6379", ":only"),
    ("连接https://管:x@h https://gu:li@corp.cn。", "gu:li"),
])  # fmt: skip
def test_credentials(values, text, credentials):
    assert values(text, "url_credentials") == ([("url_credentials", credentials)] if credentials else [])


@pytest.mark.parametrize(
    "text",
    ["https://corp.com/a@b:c", "https://bob@corp.com/", "https://corp.com:80/@x", "://a:b@c", "https://example-1:example@h"],
)
def test_no_credentials(values, text):
    assert values(text, "url_credentials") == []


@pytest.mark.parametrize(("text", "url"), [
    ("see http://www.DialForum.co.uk/.", "http://www.DialForum.co.uk/"), ("网址https://a.cn/b?c=1，请", "https://a.cn/b?c=1"),
    ("(https://corp.com/x_y)", "https://corp.com/x_y"), ('<a href="https://corp.com/">', "https://corp.com/"),
    ("https://u:p@corp.com/", "https://u:p@corp.com/"), ("git+ssh://git@corp.com/r.git;", "git+ssh://git@corp.com/r.git"),
])  # fmt: skip
def test_urls_if_asked_for(values, text, url):
    assert values(text, "url") == [("url", url)]
    assert values(text, "email") == []


def test_urls_are_left_alone_unless_asked_for(values):
    assert values("https://corp.com/page") == []
    assert values("https://example.com/page", "url") == []
