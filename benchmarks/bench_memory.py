"""A corpus larger than memory: ten gigabytes of text built within four.

    python benchmarks/bench_memory.py [GIGABYTES]         # prints one JSON line; about half an hour on two cores

The text is the 110 MB of web_documents.py again and again, each time with the words of every document in another order (every
m-th word, for another m), so that no copy is near another; every hundredth document is one that stood before, so that there is
something to find.  `telos corpus build` then cleans it, judges it by Gopher's rules, masks personal data, and takes out exact and
near copies, in a control group (cgroup v1) whose memory is limited, file cache included; the kernel would kill what needs more.
Where no control group can be made the limit is left out, and the line says so.  ``peak_anonymous_bytes``: of all processes
together, sampled each half second, without file cache.  ``limit_bytes`` is null where there was none.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import web_documents

from telos.foundation.progress import progress, say

GIGABYTES, LIMIT_BYTES, FILE_BYTES = 10.0, 4 << 30, 100_000_000
GROUPS = Path("/sys/fs/cgroup/memory")
WORDS_A_LINE = 14
REPEAT_EVERY = 100
SETTINGS = ("clean.filters=[gopher_quality, personal_data]", "clean.dedup=[exact, near]")


def documents(base: list[str]) -> Iterator[str]:
    """Without end: the base documents, their words in another order each time; every hundredth is one from before."""
    number = 0
    for stride in range(2, sys.maxsize):
        for text in base:
            number += 1
            again = number % REPEAT_EVERY == 0 and stride > 2
            yield reordered(text, stride - 1 if again else stride)


def reordered(text: str, stride: int) -> str:
    """Every ``stride``-th word from the first on, then from the second on …, in lines that end as sentences do."""
    words = text.split()
    mixed = [word for start in range(stride) for word in words[start::stride]]
    lines = [" ".join(mixed[at : at + WORDS_A_LINE]) for at in range(0, len(mixed), WORDS_A_LINE)]
    return ".\n".join(lines) + "."


def write(folder: Path, total: float) -> int:
    """Files of 100 MB with ``total`` bytes of text in all; how many documents."""
    small = folder / "small"
    small.mkdir()
    subprocess.run([sys.executable, web_documents.__file__, str(small)], check=True, stdout=subprocess.DEVNULL)
    base = [orjson.loads(line)["text"] for path in sorted(small.glob("*.jsonl")) for line in path.open("rb")]
    count, done, texts = 0, 0.0, documents(base)
    (folder / "texts").mkdir()
    with progress("writing text", int(total), "bytes") as advance:
        while done < total:
            size = 0
            with (folder / "texts" / f"{int(done / FILE_BYTES):05d}.jsonl").open("wb") as file:
                while size < FILE_BYTES:
                    text = next(texts)
                    size += len(text.encode())
                    count += 1
                    file.write(orjson.dumps({"text": text}) + b"\n")
            advance(size)
            done += size
    return count


def limited_group() -> Path | None:
    """A control group with the memory limit; None where this process may not make one."""
    group = GROUPS / f"telos-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT_BYTES))
    except OSError as error:
        say(f"no control group with a memory limit: {error.strerror}")
        return None
    return group


def anonymous_bytes(pid: int) -> int:
    """Memory without file cache of a process and of all that it started."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            waiting += [
                int(child) for task in Path(f"/proc/{one}/task").iterdir() for child in (task / "children").read_text().split()
            ]
        except (OSError, ValueError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss_Anon:"))
    return total


def build(folder: Path, group: Path | None) -> dict[str, Any]:
    """Build the corpus in the group, watching it."""
    command = [
        sys.executable,
        "-m",
        "telos.cli",
        "corpus",
        "build",
        str(folder / "texts"),
        "--out",
        str(folder / "corpus"),
        "--json",
        *SETTINGS,
    ]

    if group is not None:  # a shell enters the group and becomes the job, so that all it allocates counts
        command = ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *command]
    began, peaks = time.perf_counter(), [0]
    job = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def watch() -> None:
        while job.poll() is None:
            peaks.append(anonymous_bytes(job.pid))
            time.sleep(0.5)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed = job.communicate()[0]
    watcher.join()
    assert job.returncode == 0, f"the build ended with {job.returncode}"
    return {
        "seconds": time.perf_counter() - began,
        "peak_anonymous_bytes": max(peaks),
        "told": json.loads(printed.splitlines()[-1]),
    }


def main() -> None:
    gigabytes = float(sys.argv[1]) if len(sys.argv) > 1 else GIGABYTES
    group = limited_group()
    folder = Path(tempfile.mkdtemp(prefix="telos-memory-"))
    try:
        count = write(folder, gigabytes * 1e9)
        size = sum(path.stat().st_size for path in (folder / "texts").iterdir())
        done = build(folder, group)
        facts = json.loads((folder / "corpus" / "corpus.json").read_text())
        kept = sum(split["documents"] for split in facts["splits"].values())
        line = {"benchmark": "memory", "text_bytes": size, "documents": count, "documents_kept": kept,
                "limit_bytes": LIMIT_BYTES if group is not None else None, "peak_anonymous_bytes": done["peak_anonymous_bytes"],
                "text_bytes_per_byte_of_memory": size / done["peak_anonymous_bytes"], "seconds": done["seconds"],
                "bytes_per_second": size / done["seconds"]}  # fmt: skip
        print(json.dumps(line))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if group is not None:
            group.rmdir()


if __name__ == "__main__":
    main()
