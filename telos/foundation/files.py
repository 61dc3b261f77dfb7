"""Writing that a crash cannot half finish, and reading that a flipped bit cannot fool.

A folder is committed as: write to a temporary sibling → fsync each file → manifest with SHA-256 → rename → fsync the
parent.  A folder without a valid manifest does not exist for readers.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import orjson

from telos.foundation.errors import TelosError
from telos.foundation.progress import say
from telos.foundation.units import format_bytes

MANIFEST = "manifest.json"


def sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say as a `TelosError` what the machine answers while ``path`` is being written: a full disk, no permission, a file
    where a folder should be."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        barred = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        remedy = "free some room or " if full else "change its permissions or " if barred else ""
        where = f": {error.filename}" if error.filename not in (None, str(path)) else ""
        raise TelosError(f"{path} must be a place that can be written to", f"{error.strerror or error}{where}",
                         f"{remedy}choose another --out") from error  # fmt: skip


def fsync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path`` when the block ends without an error: a reader sees the old content or the
    new, never a part.  `TelosError` for what the machine refuses."""
    path = Path(path)
    with writing(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
            fsync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise


def write_file(path: Path, content: bytes | str) -> None:
    """Replace a file atomically.

    `FileNotFoundError` where its folder is not there; `TelosError` for whatever else the machine refuses.
    """
    path = Path(path)
    if not path.parent.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, data: Any) -> None:
    write_file(path, orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")


def read_json(path: Path) -> Any:
    return orjson.loads(Path(path).read_bytes())


def read_facts(path: Path) -> dict[str, Any]:
    """`read_json` of a file that a run wrote about itself; `TelosError` where it is damaged."""
    try:
        facts = read_json(path)
    except orjson.JSONDecodeError as error:
        facts = str(error)
    if not isinstance(facts, dict):
        raise TelosError(
            f"{path} must be as the run wrote it", f"damaged content: {facts}", "put it back, or choose another --out"
        )
    return facts


@contextlib.contextmanager
def commit_folder(path: Path, **facts: Any) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path`` when the block ends without an error.

    ``facts`` go into the manifest beside the files' sizes and hashes; of them ``editable`` names files that people may change,
    add or remove later: they are not in the manifest, and `verify_folder` passes them over.  An existing ``path`` is
    replaced; were the process killed between the two renames, the old one lies beside it as ``.NAME.old``, and the next
    commit begins by putting it back.  What killed processes left half-written is removed; what a living one writes stays.
    Raises `TelosError` where the machine refuses (no room, no permission, a file of that name); an `OSError` of the block
    itself goes through as it is, for the caller to explain.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        _clear_leftovers(path)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.tmp-"))
        handle = _claim(temporary)
    try:
        os.chmod(temporary, 0o755)
        yield temporary
        with writing(path):
            seal(temporary, **facts)
            _put(temporary, path)
            fsync_folder(path.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if handle is not None:
            os.close(handle)


def _put(temporary: Path, path: Path) -> None:
    """Rename a finished folder to its name; what was there returns if that fails."""
    old = _old(path)
    replaced = path.exists()
    if replaced:
        os.rename(path, old)
    try:
        os.rename(temporary, path)
    except BaseException:
        if replaced:
            os.rename(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _old(path: Path) -> Path:
    return path.parent / f".{path.name}.old"


def _clear_leftovers(path: Path) -> None:
    """Put back what a process killed between two renames had set aside, and remove what dead processes left."""
    if not path.exists() and _old(path).exists():
        os.rename(_old(path), path)
    shutil.rmtree(_old(path), ignore_errors=True)
    prefix = f".{path.name}.tmp-"
    for left in [p for p in path.parent.iterdir() if p.name.startswith(prefix)]:
        handle = _claim(left)
        if handle is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(handle)


def _claim(folder: Path) -> int | None:
    """A lock on a folder that ends with this process; None where another holds it or the file system has no locks."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def seal(folder: Path, **facts: Any) -> None:
    """Fsync every file of a folder and write its manifest, replacing one that is there; anybody may read them."""
    listed = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / MANIFEST):
        file.chmod(0o644)  # some libraries write for the owner alone
        with open(file, "rb") as handle:
            os.fsync(handle.fileno())
        name = str(file.relative_to(folder))
        if name not in facts.get("editable", ()):
            listed[name] = {"bytes": file.stat().st_size, "sha256": sha256(file)}
    write_json(folder / MANIFEST, {"files": listed, **facts})


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a committed folder; `TelosError` where there is none or it cannot be read."""
    try:
        manifest = read_json(folder / MANIFEST)
        if not all(isinstance(file["bytes"], int) and isinstance(file["sha256"], str) for file in manifest["files"].values()):
            raise TypeError
        return manifest
    except FileNotFoundError:
        raise TelosError(
            f"{folder} must have a {MANIFEST}", "none: it was never finished", "remove the folder and run again"
        ) from None
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise TelosError(f"{folder / MANIFEST} must be readable", "damaged content", "remove the folder and run again") from None


def verify_folder(folder: Path, only: Collection[str] | None = None) -> dict[str, Any]:
    """Check every file of a committed folder (or those named in ``only``) against its manifest, which is returned.

    Raises `TelosError` that names the first missing, extra, truncated or altered file.
    """
    manifest = read_manifest(folder)
    listed = manifest["files"]
    present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {MANIFEST, *manifest.get("editable", ())}
    for name in sorted(only if only is not None else set(listed) | present):
        file = folder / name
        if name not in present:
            problem = "it is missing"
        elif name not in listed:
            problem = "it is not in the manifest"
        elif file.stat().st_size != listed[name]["bytes"]:
            problem = f"it has {file.stat().st_size} bytes, the manifest says {listed[name]['bytes']}"
        elif sha256(file) != listed[name]["sha256"]:
            problem = "its SHA-256 differs from the manifest's (a bit flipped, or it was edited)"
        else:
            continue
        raise TelosError(f"{file} must be as it was written", problem, "use an older copy, or remove the folder and run again")
    return manifest


def require_free(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse before starting where the disk lacks the room; names bytes needed and free."""
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < needed_bytes:
        raise TelosError(
            f"{what} needs {format_bytes(needed_bytes)} ({needed_bytes} bytes) of free disk at {place}",
            f"{format_bytes(free)} ({free} bytes) free",
            "free some room or choose another --out",
        )


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; a second process gets an error, a dead one's lock is gone with it.

    `TelosError` also where the folder cannot be made or written to.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise TelosError(f"{folder} must be used by one process at a time", f"process {holder} is using it",
                             "wait for it, stop it, or choose another --out") from None  # fmt: skip
        except OSError as error:
            say(f"{folder} cannot be locked ({error.strerror or error}): do not start another run in it while this one works")
        with writing(folder):
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)
