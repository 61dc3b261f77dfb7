"""Files from web servers, kept in a folder: whole or not at all, resumed where a transfer broke off, never fetched twice.

A file is written beside its place as ``….part`` and renamed when it has as many bytes as the server said; next to it lies a
``.json`` with its URL, size and SHA-256.  A transfer that breaks off is continued from where it stopped (Range, RFC 9110,
section 14), as long as the server says that it is still the same file (If-Range with its ETag or date).  Errors that may pass
(429, 5xx, broken connections) are tried again after a pause that doubles, or that the server asks for.
Test: tests/corpus/test_download.py, against a server on the loopback address.
"""

import contextlib
import fcntl
import hashlib
import http.client
import os
import re
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from telos import __version__
from telos.foundation.errors import TelosError
from telos.foundation.files import read_json, require_free, sha256, write_json, writing
from telos.foundation.units import format_bytes

USER_AGENT = f"telos/{__version__} (builds text corpora; Python urllib)"
_BLOCK_BYTES = 1 << 18
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_SECONDS = 60.0
_OFFLINE = "check its spelling and the network, or download it yourself and give the file's path"


@dataclass(frozen=True, slots=True)
class Limits:
    """``max_bytes``: a larger file is refused, before or while it comes.  ``attempts``: how often a transfer is begun or
    continued before it is given up.  ``timeout_seconds``: of silence.  ``pause_seconds``: before the second attempt."""

    max_bytes: int = 1 << 34
    attempts: int = 5
    timeout_seconds: float = 60.0
    pause_seconds: float = 1.0


def cache_folder() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/telos/downloads``, by default in ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "telos" / "downloads"


def is_url(text: str) -> bool:
    return re.match(r"https?://", text, re.IGNORECASE) is not None


def kept_path(url: str, folder: Path) -> Path:
    """Where the file of a URL lies, or would: its name in a folder named by the URL's hash."""
    name = re.sub(r"[^\w.-]", "_", re.split("[?#]", url)[0].rpartition("/")[2])[-120:].lstrip(".")
    return folder / hashlib.sha256(url.encode()).hexdigest()[:16] / (name or "index")


def is_kept(url: str, folder: Path) -> bool:
    path = kept_path(url, folder)
    return path.exists() and _facts_path(path).exists()


def download(url: str, folder: Path, limits: Limits | None = None, *, expected_sha256: str | None = None) -> Path:
    """The path of a URL's file in ``folder``, fetched unless it is there.

    `TelosError` where the name does not resolve, the server forbids (403), has no such file (404), is silent, sends less than
    it said or more than ``max_bytes``, or where the content is not the expected one."""
    limits = limits or Limits()
    path = kept_path(url, folder)
    with writing(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent / ".lock"):
            if not is_kept(url, folder):
                _fetch(url, path, limits)
    facts = read_json(_facts_path(path))
    if expected_sha256 is not None and facts["sha256"] != expected_sha256:
        raise TelosError(f"{url} must have the SHA-256 {expected_sha256}", facts["sha256"],
                         f"ask who publishes it; remove {path} to fetch it again")  # fmt: skip
    return path


def size_of(url: str, limits: Limits | None = None) -> int:
    """Bytes of a URL's file as the server tells them without sending it; 0 where it does not tell."""
    limits = limits or Limits()
    for attempt in range(limits.attempts):
        try:
            with _opened(url, limits, method="HEAD") as answer:
                return _length(answer) or 0
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code in (405, 501):
                return 0
            _pause_or_raise(url, error, attempt, limits)
    raise AssertionError("the last attempt returns or raises")


# -- one transfer -------------------------------------------------------------------------------------------------------


class _BrokeOff(OSError):
    """The connection ended before the file did."""


class _Other(OSError):
    """The server does not continue the file; it must be fetched from its beginning."""


def _fetch(url: str, path: Path, limits: Limits) -> None:
    part = path.with_name(f"{path.name}.part")
    for attempt in range(limits.attempts):
        try:
            _continue(url, part, limits)
            break
        except _Other:
            part.unlink(missing_ok=True)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, OSError) and error.filename == str(part):
                raise  # the disk's, not the network's: `writing` explains it
            _pause_or_raise(url, error, attempt, limits)
    else:
        raise TelosError(f"{url} must be one file", "the server's answers do not fit together", "try again later")
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    write_json(_facts_path(path), {"url": url, "bytes": part.stat().st_size, "sha256": sha256(part)})
    os.replace(part, path)
    _validator_path(part).unlink(missing_ok=True)


def _continue(url: str, part: Path, limits: Limits) -> None:
    """Fetch what is missing of a file, until it is whole."""
    done = part.stat().st_size if part.exists() else 0
    validator = _validator_path(part).read_text() if done and _validator_path(part).exists() else ""
    done = done if validator else 0
    headers = {"Range": f"bytes={done}-", "If-Range": validator} if done else {}
    try:
        answer = _opened(url, limits, headers=headers)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and done:
            raise _Other from None
        raise
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            done = 0
        elif not (answer.headers.get("Content-Range") or "").startswith(f"bytes {done}-"):
            raise _Other
        length = _length(answer)
        total = None if length is None else done + length
        _refuse_more_than(limits.max_bytes, url, total or 0)
        require_free(part.parent, length or 0, f"downloading {url}")
        _validator_path(part).write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        with open(part, "r+b" if done else "wb") as file:
            file.seek(done)
            file.truncate()
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                _refuse_more_than(limits.max_bytes, url, done)
    if total is not None and done < total:
        raise _BrokeOff(f"{done} of {total} bytes")


def _opened(url: str, limits: Limits, *, method: str = "GET", headers: dict[str, str] | None = None) -> Any:
    address = quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    request = urllib.request.Request(address, headers={"User-Agent": USER_AGENT} | (headers or {}), method=method)
    return urllib.request.urlopen(request, timeout=limits.timeout_seconds)


def _length(answer: Any) -> int | None:
    value = answer.headers.get("Content-Length")
    return int(value) if value is not None and value.isdigit() else None


def _facts_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _validator_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.validator")


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time fetches a file; the others wait for it."""
    with open(path, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# -- errors -------------------------------------------------------------------------------------------------------------


def _pause_or_raise(url: str, error: Exception, attempt: int, limits: Limits) -> None:
    """Wait before the next attempt, or raise what a user can mend: at once where another attempt would bring the same."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    may_pass = error.code in _PASSING if isinstance(error, urllib.error.HTTPError) else not _is_final(error)
    if not may_pass or attempt + 1 == limits.attempts:
        raise _explained(url, error) from None
    asked = error.headers.get("Retry-After", "") if isinstance(error, urllib.error.HTTPError) and error.headers else ""
    pause = float(asked) if asked.isdigit() else limits.pause_seconds * 2**attempt
    time.sleep(min(pause, _LONGEST_PAUSE_SECONDS))


def _is_final(error: Exception) -> bool:
    """A name that nobody knows, a certificate that is not trusted, a URL that is none: nothing that passes."""
    reason = getattr(error, "reason", error)
    unknown = isinstance(reason, socket.gaierror) and reason.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
    return unknown or isinstance(reason, (http.client.InvalidURL, ValueError)) or "CERTIFICATE" in str(reason)


def _explained(url: str, error: Exception) -> TelosError:
    if isinstance(error, urllib.error.HTTPError):
        fix = {401: "it wants a login: download it yourself and give the file's path",
               403: "the server forbids it: ask who runs it, or leave it out",
               404: "check its spelling, or leave it out", 410: "it was removed: leave it out",
               429: "the server asks for fewer requests: try again later"}.get(error.code, "try again later")  # fmt: skip
        return TelosError(f"{url} must be there for everyone to read", f"HTTP status {error.code} ({error.reason})", fix)
    if isinstance(error, (_BrokeOff, http.client.IncompleteRead)):
        return TelosError(f"{url} must come whole", f"the connection ended after {error}",
                          "run the same command again: it goes on where it stopped")  # fmt: skip
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return TelosError(f"{url} must be reachable", "the server is silent", "try again later")
    what = f"the name of its host does not resolve ({reason.strerror})" if isinstance(reason, socket.gaierror) else str(reason)
    return TelosError(f"{url} must be reachable", " ".join(what.split()) or type(error).__name__, _OFFLINE)


def _refuse_more_than(most: int, url: str, size: int) -> None:
    if size > most:
        raise TelosError(f"{url} must have at most {format_bytes(most)}", f"{format_bytes(size)} or more",
                         "raise corpus.max_download_mb, or leave it out")  # fmt: skip
