"""The extraction process: reads a document from its standard input, answers with its text, and so on until the pipe closes.

It is made to be killed.  Processor time of a document is limited by a timer whose signal ends the process, memory by the
operating system's limit on its address space, and it can neither write files nor leave a core dump.  It ends when its
reader ends, since its standard input closes then.
"""

import importlib
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from telos.corpus.extractors import Refused, Request
from telos.corpus.extractors.frames import pack, read_frame

OUT_OF_MEMORY = 77
"""Exit status where there was not even memory for an answer."""
_STANDING_FRACTION = 0.5
"""A process that holds more than this share of its limit between documents is replaced; a document may take the rest."""
_STARVED_FRACTION = 0.95
_LONGEST_METADATA = 2000


def main() -> None:
    """Serve until standard input ends."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):  # whatever a library prints must not end up between our frames
        os.dup2(nothing, handle)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    while (frame := read_frame(requests)) is not None:
        try:
            head, body = _answer(*frame)
            request, frame = frame[0], None  # the document's bytes are free before memory is looked at
            head["worn"] = _address_space("VmSize") > _STANDING_FRACTION * request["memory_bytes"]
            _send(answers, head, body)
            del body
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except (BrokenPipeError, KeyboardInterrupt):
            os._exit(0)


def _answer(request: Request, data: bytes) -> tuple[dict[str, Any], bytes]:
    """The head and the body of the answer to one request."""
    module = importlib.import_module(f"telos.corpus.extractors.{request['kind']}")
    for library in module.LIBRARIES:  # here, so that an import costs a document neither time nor memory
        try:
            importlib.import_module(library)
        except Exception as error:
            absent = isinstance(error, ModuleNotFoundError) and error.name == library
            return {"status": "missing", "module": library, "why": None if absent else " ".join(str(error).split())[:300]}, b""
    try:
        text, metadata = _within_limits(module.extract, data, request)
        return {"status": "ok", "metadata": {name: value[:_LONGEST_METADATA] for name, value in metadata.items() if value}}, text
    except Refused as refused:
        return {"status": refused.reason}, b""
    except MemoryError:
        return {"status": "extraction_memory"}, b""
    except Exception:
        return {"status": "extraction_failed"}, b""


def _within_limits(extract: Any, data: bytes, request: Request) -> tuple[bytes, dict[str, str]]:
    """The text in UTF-8, and metadata; `Refused` where there is none, or too much."""
    limit = _limit(request["memory_bytes"], len(data))
    signal.setitimer(signal.ITIMER_PROF, request["deadline_seconds"])
    try:
        text, metadata = extract(data, request)
        if not text.strip():
            raise Refused("no_text_found")
        found = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    except Refused as refused:
        if refused.reason == "no_text_found" and _address_space("VmPeak") > _STARVED_FRACTION * limit:
            raise MemoryError from None  # libraries that find nothing where memory ended
        raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    if len(found) > request["output_bytes"]:
        raise Refused("extraction_output")
    return found, metadata


def _limit(memory_bytes: int, document_bytes: int) -> int:
    """Let the address space grow by as much for each document, whatever the process holds; the limit in bytes."""
    held = max(0, _address_space("VmSize") - document_bytes)
    limit = min(memory_bytes, held + int((1 - _STANDING_FRACTION) * memory_bytes)) if held else memory_bytes
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    except (ValueError, OSError):  # macOS has the limit and refuses to set it
        return memory_bytes
    return limit


def _address_space(which: str) -> int:
    """Bytes: "VmSize" now, "VmPeak" at most until now; 0 where the machine does not tell."""
    try:
        with open("/proc/self/status") as file:
            return next((int(line.split()[1]) * 1024 for line in file if line.startswith(f"{which}:")), 0)
    except OSError:
        return 0


def _send(pipe: BinaryIO, head: dict[str, Any], body: bytes) -> None:
    pipe.write(pack(head, len(body)))
    pipe.write(body)
    pipe.flush()
