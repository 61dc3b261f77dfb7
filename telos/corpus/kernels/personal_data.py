"""One pass over the bytes of a batch that finds where personal data could be, so that nothing else reads whole texts.

`scan` gives candidates: (kind, text, first byte, byte after the last).  What becomes of them is for the recognisers in
`telos.corpus.personal_data`, which read a candidate's bytes and a few around it.  Every walk away from an anchor has a fixed
most length, so that time is linear in the bytes whatever they are.  Test: tests/corpus/personal_data/test_scan.py.
"""

import numpy as np

from telos.corpus.personal_data._anchors import COLONS, DOTTED, EMAIL, IBAN, KEY, NUMBER, PASSPORT, PEM, URL
from telos.foundation.compiled import compiled

LEAST_DIGITS = 7
MOST_DIGITS = 60  # a candidate is cut at the next sign after that many
MOST_RUN = 32  # a run of more digits is no number that anybody has
MOST_LOCAL, MOST_DOMAIN = 64, 255  # RFC 5321, section 4.5.3.1
MOST_URL = 2048
LEAST_KEY = 16

DIGIT, UPPER, LOWER, LOCAL, SIGN, HEX, URL_END = 1, 2, 4, 8, 16, 32, 64


def _classes() -> np.ndarray:
    """uint8 of flags for each byte."""
    table = np.zeros(256, np.uint8)
    table[48:58] |= DIGIT | LOCAL | HEX
    table[65:91] |= UPPER | LOCAL
    table[97:123] |= LOWER | LOCAL
    table[list(b"ABCDEFabcdef")] |= HEX
    table[list(b"._%+'-")] |= LOCAL
    table[list(b" -.()/")] |= SIGN
    table[list(range(33)) + list(b"\"<>\\^`{|}'\x7f") + list(range(128, 256))] |= URL_END
    return table


CLASS = _classes()
ALNUM = DIGIT | UPPER | LOWER

KEY_STARTS = (
    b"AK", b"AS", b"AB", b"AC", b"gh", b"gi", b"gl", b"xo", b"xa", b"AI", b"ya", b"sk", b"rk", b"SG", b"np", b"py", b"hf", b"ey",
    b"do", b"sh", b"sq", b"LT", b"wh", b"SK", b"EA", b"nv", b"gs",
)  # fmt: skip
"""The first two bytes of every key that `telos.corpus.personal_data.secret` knows."""


def _key_starts() -> np.ndarray:
    table = np.zeros(65536, np.bool_)
    for first, second in KEY_STARTS:
        table[first * 256 + second] = True
    return table


STARTS_KEY = _key_starts()
ASSPORT = np.frombuffer(b"assport", np.uint8)
HU_ZHAO = np.frombuffer("护照".encode(), np.uint8)
BEGIN = np.frombuffer(b"-----BEGIN ", np.uint8)


@compiled
def matches(data: np.ndarray, at: int, end: int, word: np.ndarray, fold: int) -> bool:
    """Whether ``word`` stands there; ``fold`` 0x20: capitals count as small letters."""
    if at + len(word) > end:
        return False
    same = 0
    while same < len(word) and data[at + same] | fold == word[same]:
        same += 1
    return same == len(word)


@compiled
def email_start(data: np.ndarray, at: int, begin: int) -> int:
    """The first byte of the local part that ends before ``at``; ``at`` where there is none."""
    first, most = at, max(begin, at - MOST_LOCAL - 1)
    while first > most:
        b = data[first - 1]
        if CLASS[b] & LOCAL:
            first -= 1
        elif 0x80 <= b < 0xC0 and first - 2 >= most and 0xC3 <= data[first - 2] <= 0xC9:  # Latin letters with accents
            first -= 2
        else:
            break
    if at - first > MOST_LOCAL:
        return at
    while first < at and data[first] < 0x80 and not CLASS[data[first]] & ALNUM and data[first] != 95:
        first += 1
    return at if first == at or data[at - 1] == 46 else first


@compiled
def email_end(data: np.ndarray, at: int, end: int) -> int:
    """The byte after the domain that begins at ``at``: labels with dots, the last of two or more letters; else ``at``."""
    good, label, labels = at, at, 0
    letters = True
    stop = min(end, at + MOST_DOMAIN)
    i = at
    while i <= stop:
        b = data[i] if i < stop else 0
        c = CLASS[b]
        if c & ALNUM or b == 45:
            if not c & (UPPER | LOWER):
                letters = False
        else:
            size = i - label
            if size == 0 or size > 63 or data[label] == 45:
                break
            hyphen = data[i - 1] == 45
            puny = (
                size > 4
                and data[label] | 0x20 == 120
                and data[label + 1] | 0x20 == 110
                and data[label + 2] == data[label + 3] == 45
            )
            if labels and size >= 2 and (letters or puny):
                good = i
            labels += 1
            if b != 46 or hyphen:
                break
            label, letters = i + 1, True
        i += 1
    return good


@compiled
def is_dotted(data: np.ndarray, at: int, begin: int, end: int) -> int:  # noqa: PLR0911
    """The byte after four numbers of one to three digits with dots that begin at ``at``; ``at`` where there are none, or five."""
    if at > begin and (CLASS[data[at - 1]] & ALNUM or data[at - 1] == 95):
        return at
    if at - 1 > begin and data[at - 1] == 46 and CLASS[data[at - 2]] & DIGIT:
        return at
    i = at
    for group in range(4):
        first = i
        while i < end and CLASS[data[i]] & DIGIT and i - first < 4:
            i += 1
        if i == first or i - first > 3:
            return at
        if group < 3:
            if i >= end or data[i] != 46:
                return at
            i += 1
    if i < end and (CLASS[data[i]] & ALNUM or data[i] == 95):
        return at
    if i + 1 < end and data[i] == 46 and CLASS[data[i + 1]] & DIGIT:
        return at
    return i


@compiled
def number_end(data: np.ndarray, at: int, end: int) -> tuple[int, int, int, int]:
    """(first, end, digits, next place to look from) of the digits that begin at ``at``, with at most three signs between groups
    and no two spaces; a date at their head is left out, and so is what follows a run that is too long."""
    first, last, digits, groups, i = at, at, 0, 0, at
    second_size = first_size = 0
    year_first = False
    first_sign = 0
    while i < end:
        run = i
        while i < end and CLASS[data[i]] & DIGIT:
            i += 1
        size = i - run
        if size > MOST_RUN:
            return first, last, digits, i
        groups += 1
        digits += size
        last = i
        century = size == 4 and ((data[run] == 49 and data[run + 1] == 57) or (data[run] == 50 and data[run + 1] == 48))
        date = False
        if groups == 1:
            first_size, year_first = size, century
        elif groups == 2:
            second_size, first_sign = size, data[run - 1]
        elif groups == 3 and second_size <= 2 and data[run - 1] == first_sign and first_sign in (45, 46, 47):
            date = (year_first and size <= 2) or (first_size <= 2 and century)
        sign = i
        while sign < end and CLASS[data[sign]] & SIGN and sign - i < 4:
            if data[sign] == 32 and sign > i and data[sign - 1] == 32:
                return (last, last, 0, i) if date else (first, last, digits, i)
            sign += 1
        joined = i < sign < end and sign - i < 4 and CLASS[data[sign]] & DIGIT
        if date:
            return last, last, 0, i
        if not joined or digits > MOST_DIGITS:
            return first, last, digits, i
        i = sign
    return first, last, digits, i


@compiled
def colons(data: np.ndarray, at: int, begin: int, end: int) -> tuple[int, int, bool]:
    """(first, end, whether it can be an IPv6 address) of the run of hexadecimal digits and colons around the colon at ``at``."""
    first, most = at, max(begin, at - 5)
    while first > most and CLASS[data[first - 1]] & HEX:
        first -= 1
    if first > begin and (CLASS[data[first - 1]] & ALNUM or data[first - 1] in (58, 95)):
        return first, at + 1, False
    count, double, last = 0, False, at
    most = min(end, first + 46)
    while last < most and (CLASS[data[last]] & HEX or data[last] == 58 or (data[last] == 46 and count >= 2)):
        if data[last] == 58:
            count += 1
            double = double or (last > first and data[last - 1] == 58)
        last += 1
    while last > at + 1 and (data[last - 1] == 46 or (data[last - 1] == 58 and data[last - 2] != 58)):
        last -= 1
    if last < end and (CLASS[data[last]] & ALNUM or data[last] == 95):
        return first, last, False
    return first, last, last - first > 2 and (double or count >= 6)


@compiled
def url_span(data: np.ndarray, at: int, begin: int, end: int) -> tuple[int, int, bool]:
    """(first, end, whether there is an @ in its authority) of the URL whose ``://`` is at ``at``; first = at where there is
    none."""
    first, most = at, max(begin, at - 20)
    while first > most and (CLASS[data[first - 1]] & ALNUM or data[first - 1] in (43, 45, 46)):
        first -= 1
    while first < at and not CLASS[data[first]] & (UPPER | LOWER):
        first += 1
    if at - first < 2:
        return at, at + 3, False
    i, authority, user = at + 3, True, False
    most = min(end, at + MOST_URL)
    while i < most and not CLASS[data[i]] & URL_END:
        if authority:
            user = user or data[i] == 64
            authority = data[i] not in (47, 63, 35)
        i += 1
    while i > at + 3 and data[i - 1] in (33, 41, 44, 46, 58, 59, 63, 93, 42):  # signs that end a sentence, not a URL
        i -= 1
    return first, i, user


@compiled
def key_end(data: np.ndarray, at: int, end: int) -> int:
    """The byte after a token of letters, digits, ``_-.`` with a digit or capital after its first 4; ``at`` where it is too
    short."""
    i, mixed = at, False
    while i < end and i - at < MOST_URL and (CLASS[data[i]] & ALNUM or data[i] in (95, 45, 46)):
        mixed = mixed or (i - at >= 4 and CLASS[data[i]] & (DIGIT | UPPER) != 0)
        i += 1
    return i if mixed and i - at >= LEAST_KEY else at


@compiled
def looks_like_iban(data: np.ndarray, at: int, end: int) -> bool:
    """Two letters, two digits, then at least eleven letters or digits, single spaces or hyphens between them allowed."""
    if at + 15 > end or not CLASS[data[at + 1]] & (UPPER | LOWER):
        return False
    if not (CLASS[data[at + 2]] & DIGIT and CLASS[data[at + 3]] & DIGIT):
        return False
    count, i = 4, at + 4
    while i < end and count < 15:
        if CLASS[data[i]] & ALNUM:
            count += 1
        elif data[i] not in (32, 45) or data[i - 1] in (32, 45):
            return False
        i += 1
    return count == 15


@compiled
def digit_near(data: np.ndarray, at: int, end: int) -> bool:
    """Whether a digit stands among the next 48 bytes."""
    stop = min(end, at + 48)
    while at < stop and not CLASS[data[at]] & DIGIT:
        at += 1
    return at < stop


@compiled
def scan(data: np.ndarray, offsets: np.ndarray, passed: np.ndarray, urls: bool) -> np.ndarray:
    """(candidates, 4) int64, in the order of the texts: kind, text, first byte, byte after the last.

    ``passed``: bool, texts that are not looked at.  ``urls``: every URL, instead of those alone whose authority holds an
    ``@``."""
    out = np.empty((64, 4), np.int64)
    n = 0
    for text in range(len(offsets) - 1):
        if passed[text]:
            continue
        begin, end = offsets[text], offsets[text + 1]
        mail_end = number_done = colons_done = key_done = url_done = begin
        at = begin
        while at < end:
            b = data[at]
            c = CLASS[b]
            if n + 3 >= len(out):
                grown = np.empty((2 * len(out), 4), np.int64)
                grown[:n] = out[:n]
                out = grown
            if c & (UPPER | LOWER):
                if at > begin and CLASS[data[at - 1]] & ALNUM:
                    at += 1
                    continue
                if at + 1 < end and at >= key_done and STARTS_KEY[np.int64(b) * 256 + data[at + 1]]:
                    stop = key_end(data, at, end)
                    if stop > at:
                        out[n] = (KEY, text, at, stop)
                        n += 1
                        key_done = stop
                if at + 3 < end and CLASS[data[at + 2]] & DIGIT and looks_like_iban(data, at, end):
                    out[n] = (IBAN, text, at, min(end, at + 48))
                    n += 1
                if b | 0x20 == 112 and matches(data, at + 1, end, ASSPORT, 0x20) and digit_near(data, at + 8, end):
                    out[n] = (PASSPORT, text, at, at + 8)
                    n += 1
                while at < end and CLASS[data[at]] & (UPPER | LOWER):
                    at += 1
            elif c & DIGIT:
                stop = is_dotted(data, at, begin, end)
                if stop > at:
                    out[n] = (DOTTED, text, at, stop)
                    n += 1
                if at >= number_done:
                    first, last, digits, number_done = number_end(data, at, end)
                    if digits >= LEAST_DIGITS:
                        out[n] = (NUMBER, text, first, last)
                        n += 1
                while at < end and CLASS[data[at]] & DIGIT:
                    at += 1
            elif b == 64:
                first = email_start(data, at, max(begin, mail_end))
                if first < at:
                    stop = email_end(data, at + 1, end)
                    if stop > at + 1:
                        out[n] = (EMAIL, text, first, stop)
                        n += 1
                        mail_end = stop
                at += 1
            elif b == 58:
                if at + 2 < end and data[at + 1] == 47 and data[at + 2] == 47:
                    if at >= url_done:
                        first, stop, user = url_span(data, at, begin, end)
                        if first < at and (urls or user) and stop > at + 3:
                            out[n] = (URL, text, first, stop)
                            n += 1
                            url_done = stop
                elif at >= colons_done:
                    first, colons_done, good = colons(data, at, begin, end)
                    if good:
                        out[n] = (COLONS, text, first, colons_done)
                        n += 1
                at += 1
            elif b == 45:
                if (at == begin or data[at - 1] != 45) and matches(data, at, end, BEGIN, 0):
                    out[n] = (PEM, text, at, at + len(BEGIN))
                    n += 1
                at += 1
            elif b == HU_ZHAO[0]:
                if matches(data, at, end, HU_ZHAO, 0) and digit_near(data, at + 6, end):
                    out[n] = (PASSPORT, text, at, at + 6)
                    n += 1
                at += 3
            else:
                at += 1
    return out[:n]
