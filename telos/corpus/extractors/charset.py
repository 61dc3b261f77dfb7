"""The encoding of an HTML page: what its bytes say, what it declares, and what to believe where the two differ.

The order, after the WHATWG standard ("Encoding", section 4, for what labels mean; "HTML", 13.2.3, for where they stand), with
the bytes believed first because declarations are often wrong:

    1. a byte order mark
    2. whole UTF-8 with something beyond ASCII in it is UTF-8
    3. what the server, else the page declares, if the bytes are valid in it; but where it declares a Chinese encoding and the
       bytes look like another one, or a Latin one and the bytes look Chinese, the bytes are believed
    4. the ladder of `telos.corpus.encoding`

Test: tests/corpus/extractors/test_charset.py.
"""

import codecs
import re

from telos.corpus.encoding import chinese_candidates, decode, mark

_HEAD_BYTES = 4096
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,400}?(?:charset|encoding)\s{0,20}=\s{0,20}["']?\s{0,20}([a-zA-Z0-9_.:-]{2,40})""", re.IGNORECASE
)
_LABELS = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "chinese": "gb18030", "cp936": "gb18030",
    "csgb2312": "gb18030", "iso-ir-58": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs", "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs", "cp950": "big5hkscs", "iso-8859-1": "cp1252", "latin1": "cp1252", "ascii": "cp1252",
    "us-ascii": "cp1252", "iso-8859-9": "cp1254", "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932",
    "windows-31j": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "windows-949": "cp949",
    "tis-620": "cp874", "iso-8859-11": "cp874", "utf8": "utf-8", "unicode": "utf-8", "x-user-defined": "cp1252",
}  # fmt: skip
"""Labels that mean another codec of Python's than the one of that name."""
_CHINESE = ("gb18030", "big5hkscs")
_LATIN = frozenset({"cp1252", "latin-1", "iso8859-1", "iso8859-15", "cp1250", "iso8859-2", "cp1254"})
_SEVEN_BIT = frozenset({"hz", "iso2022_jp", "iso2022_kr"})
_BAD_FRACTION = 0.01


def decode_html(data: bytes, declared: str | None = None) -> str:
    """The page as text.  ``declared``: the server's word for its encoding, which counts more than the page's own."""
    if mark(data) is not None:
        return decode(data)[0]
    codec = codec_of(declared) or codec_of(declared_in(data))
    if codec in _SEVEN_BIT:
        return data.decode(codec, errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _believed(data, codec)


def declared_in(data: bytes) -> str | None:
    """The label that stands in the page's own head."""
    found = _DECLARED.search(data[:_HEAD_BYTES])
    return found[1].decode("ascii") if found else None


def codec_of(label: str | None) -> str | None:
    """Python's name of the codec that a label means; None for a label that means none."""
    if not label:
        return None
    name = label.strip().strip("'\"").lower()
    try:
        found = codecs.lookup(_LABELS.get(name, name))
        return found.name if found._is_text_encoding else None  # type: ignore[attr-defined]
    except (LookupError, ValueError):
        return None


def _believed(data: bytes, codec: str | None) -> str:
    """The text of bytes that are not UTF-8."""
    if codec is None or codec.startswith(("utf", "unicode", "idna", "punycode")):
        return decode(data)[0]
    if codec in _CHINESE or codec in _LATIN:
        likely = chinese_candidates(data)
        if likely and codec != likely[0]:
            codec = likely[0]
    text = data.decode(codec, errors="replace")
    strangers = len(text) - len(text.encode("ascii", errors="ignore"))
    return text if text.count("\ufffd") <= max(1, _BAD_FRACTION * strangers) else decode(data)[0]
