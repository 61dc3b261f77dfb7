"""ZIP archives: each member is read by its own name, as if it lay in a folder.

Nothing is written to disk, so a member's name is no more than a name.  Names that do not say that they are UTF-8 are read as
the encoding they look like, since Chinese Windows writes GBK there.  An archive within an archive is skipped
("nested_archive"), an encrypted member ("encrypted") and one whose bytes are damaged ("damaged") too.  What members unpack to
is limited one by one (`telos.corpus.compression`) and together: a member is skipped ("too_large") once its archive has given
more than 250 times its size.  Test: tests/corpus/formats/test_zip.py.
"""

import contextlib
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from telos.corpus.compression import Damaged, Stream, TooLarge, inner_name, one_line
from telos.corpus.encoding import decode
from telos.corpus.sources import Fields, RawDocument
from telos.foundation.errors import TelosError

SUFFIXES = (".zip",)
_PASSED_OVER = frozenset({"__MACOSX", "__pycache__", "node_modules"})
_MOST_RATIO = 250
_HARMLESS_BYTES = 1 << 28
_UTF8_NAME, _ENCRYPTED = 1 << 11, 1


def read(stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    """The documents of all members in their order; ``place`` is the member's name, with ``:place`` where it holds several."""
    if stream.compression is not None:  # an archive in a compressed file or in another archive
        yield RawDocument("", skipped="nested_archive")
        return
    try:
        archive = zipfile.ZipFile(stream.path or io.BytesIO(stream.read()))
    except (zipfile.BadZipFile, struct.error, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise TelosError(f"{name} must be a whole ZIP file", one_line(error),
                         "copy or download it again, or leave it out with corpus.exclude") from None  # fmt: skip
    with archive:
        yield from _members(archive, stream, name, fields)


def _members(archive: zipfile.ZipFile, stream: Stream, name: str, fields: Fields) -> Iterator[RawDocument]:
    members = archive.infolist()
    room = max(_HARMLESS_BYTES, _MOST_RATIO * stream.stored_bytes)  # members may overlap
    names: set[str] = set()
    for member in members:
        inside = _unique(_readable(member), names)
        if inside.endswith("/") or _is_passed_over(inside):
            continue
        room -= member.file_size
        if room < 0:
            yield RawDocument("", inside, skipped="too_large", size_bytes=member.compress_size)
            continue
        for document in _documents(archive, member, f"{name}/{inside}", stream.document_bytes, fields):
            place = inside if document.place is None else f"{inside}:{document.place}"
            yield RawDocument(document.text, place, document.repaired, document.skipped, document.size_bytes, document.metadata)


def _documents(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, location: str, document_bytes: int, fields: Fields
) -> Iterator[RawDocument]:
    from telos.corpus.formats import format_of

    form = format_of(location)
    skipped = None
    if member.flag_bits & _ENCRYPTED:
        skipped = "encrypted"
    elif form is None:
        skipped = "unsupported_format"
    elif PurePosixPath(inner_name(location)).suffix.lower() in SUFFIXES:
        skipped = "nested_archive"
    if form is None or skipped is not None:
        yield RawDocument("", skipped=skipped, size_bytes=member.compress_size)
        return
    try:
        with Stream.of_member(archive, member, location, document_bytes) as stream:
            empty = True
            for document in form.read(stream, location, fields):
                empty = False
                yield document
            if empty:
                yield RawDocument("", skipped="empty", size_bytes=member.compress_size)
    except Damaged:
        yield RawDocument("", skipped="damaged", size_bytes=member.compress_size)
    except TooLarge:
        yield RawDocument("", skipped="too_large", size_bytes=member.compress_size)


def _readable(member: zipfile.ZipInfo) -> str:
    """The member's name on one line; without the flag, Python reads it as code page 437."""
    name = member.orig_filename.partition("\0")[0]
    if not member.flag_bits & _UTF8_NAME:
        with contextlib.suppress(UnicodeEncodeError):
            name = decode(name.encode("cp437"))[0]
    return "".join(c if c.isprintable() else "\ufffd" for c in name.replace("\\", "/")) or "\ufffd"


def _unique(name: str, taken: set[str]) -> str:
    """Two members may have one name, two documents may not have one source."""
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}#{number}"
    taken.add(unique)
    return unique


def _is_passed_over(name: str) -> bool:
    """What a folder's listing passes over as well."""
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return not parts or parts[-1].startswith(".") or any(p in _PASSED_OVER or p.startswith(".") for p in parts[:-1])
