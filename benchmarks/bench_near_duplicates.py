"""Near deduplication of 40,000 web-like documents (112 hashes of 5-grams): speed, recall and precision, beside datatrove.

    python benchmarks/bench_near_duplicates.py            # prints one JSON line; some ten minutes on two cores

Both read the same eight Parquet files, work with two processes and write what is left to Parquet.  Process start, imports and
first compilation are excluded: each has its processes ready (datatrove forks them) and has done a small set before.  Three
runs each, in turn; the median counts.  datatrove (its four MinHash stages, 14 buckets × 8 hashes as it comes) runs in a
virtual environment of its own, made in a temporary folder; ``TELOS_BENCH_DATATROVE=PYTHON`` names one that exists.  Our side
runs through `drive`, a small stand-in for the pipeline.

Recall: of the planted pairs with an exact Jaccard similarity of 0.9 or more (word 5-grams, plain Python), how many lost one of
the two.  Precision: of the documents dropped, how many have a similarity of 0.8 or more with the one kept in their place (ours
names it; for datatrove it is the one that stays of the cluster).  ``limit_seconds``: reading and writing the files alone.
``cpu_seconds`` sums over all processes; it suffers less than ``seconds`` where the machine has other work.
"""

import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import web_like

from telos.corpus.clean import document_id, fingerprint
from telos.corpus.dedup import FACTS, Bucket
from telos.corpus.dedup.near import Near
from telos.corpus.texts import Texts
from telos.foundation import machine
from telos.foundation.progress import say

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
DOCUMENTS, FILES, WORKERS, RUNS = 40_000, 8, 2, 3
TARGET_RATIO = 30
PEER_PACKAGES = ("datatrove", "spacy", "tokenizers", "xxhash<4", "pyarrow", "orjson", "regex")
"""What its four stages import; newer versions of xxhash refuse the strings that datatrove gives them."""
RULE = Near(bands=28, rows=4)


# -- ours: what the pipeline will do ----------------------------------------------------------------------------------


def observe(job: tuple[int, Path, Path]) -> tuple[float, Bucket]:
    """In a worker: observations and facts of one file; CPU seconds."""
    began = time.process_time()
    number, path, folder = job
    table = pq.read_table(path, columns=["id", "text"])
    texts = Texts(pa.table({"text": table["text"].cast(pa.large_string())}))
    pq.write_table(RULE.observe(texts), folder / f"seen-{number}.parquet", use_dictionary=False, compression="none")
    sources, strings = table["id"].to_pylist(), texts.text.to_pylist()
    ids = [document_id(source, text) for source, text in zip(sources, strings, strict=True)]
    keys = [int(fingerprint(text)[:16], 16) for text in strings]
    columns = [ids, sources, pa.array(keys, pa.uint64()), texts.sizes, pa.nulls(len(ids), pa.string())]
    pq.write_table(pa.table(columns, schema=FACTS), folder / f"facts-{number}.parquet", use_dictionary=False, compression="none")
    return time.process_time() - began, Bucket(number, len(texts), np.ones(len(texts), bool))


def apply(job: tuple[int, Path, Path, pa.Table]) -> float:
    """In a worker: one file without what is dropped; CPU seconds."""
    began = time.process_time()
    number, path, folder, decision = job
    table = pq.read_table(path)
    texts = Texts(pa.table({"text": table["text"].cast(pa.large_string())}))
    left = table.filter(pa.array(RULE.apply(texts, decision).reasons == 0))
    pq.write_table(left, folder / f"left-{number}.parquet", use_dictionary=False)
    return time.process_time() - began


class OnDisk:
    """`Observed` over the files that `observe` wrote."""

    def __init__(self, paths: list[Path], folder: Path, buckets: list[Bucket]):
        self.paths, self.folder, self.buckets = paths, folder, buckets

    def table(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self.folder / f"seen-{bucket.number}.parquet", columns=columns)

    def facts(self, bucket: Bucket, columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self.folder / f"facts-{bucket.number}.parquet", columns=columns)

    def texts(self, bucket: Bucket, rows: np.ndarray) -> pa.LargeStringArray:
        text = pq.read_table(self.paths[bucket.number], columns=["text"])["text"].cast(pa.large_string()).combine_chunks()
        return text.take(pa.array(rows))


def drive(pool: Any, paths: list[Path], folder: Path) -> tuple[dict[str, float], float, list[tuple[int, pa.Table]]]:
    """Read, observe, decide, drop, write: seconds of each step, CPU seconds of all, and the decisions."""
    times, own = [time.perf_counter()], time.process_time()
    observed = pool.map(observe, [(n, path, folder) for n, path in enumerate(paths)], chunksize=1)
    times.append(time.perf_counter())
    buckets = [bucket for _, bucket in observed]
    decisions = [(d.bucket, d.table) for d in RULE.decide(OnDisk(paths, folder, buckets))]
    times.append(time.perf_counter())
    applied = pool.map(apply, [(n, paths[n], folder, table) for n, table in decisions], chunksize=1)
    times.append(time.perf_counter())
    cpu = time.process_time() - own + sum(seconds for seconds, _ in observed) + sum(applied)
    return dict(zip(("observe", "decide", "apply"), np.diff(times).tolist(), strict=True)), cpu, decisions


def copy(job: tuple[int, Path, Path]) -> None:
    number, path, folder = job
    pq.write_table(pq.read_table(path), folder / f"copy-{number}.parquet", use_dictionary=False)


# -- the peer ---------------------------------------------------------------------------------------------------------

PEER = '''
import json, os, sys, time, shutil, struct
from pathlib import Path

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.hashing import HashConfig

WORKERS = int(sys.argv[1])  # also the tasks: a task loads spaCy and fills its vocabulary anew
config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64))


def clusters(folder):
    """Clusters beside what is removed: once more the third stage, for quality only."""
    step = MinhashDedupCluster(str(folder / "buckets"), str(folder / "clusters"), config=config, save_cluster_id=True)
    LocalPipelineExecutor([step],
                          tasks=1, logging_dir=str(folder / "log5")).run()
    found = {}
    for file in range(WORKERS):
        path, gone = folder / "clusters" / f"{file:06d}.clusters", folder / "clusters" / f"{file:06d}.remove"
        removed = {row for row, in struct.iter_unpack("<I", gone.read_bytes())} if gone.exists() else set()
        if path.exists():
            for row, cluster in struct.iter_unpack("<II", path.read_bytes()):
                found.setdefault(cluster, []).append((file, row, row in removed))
    return list(found.values())


def go(texts, folder, quality=False):
    shutil.rmtree(folder, ignore_errors=True)
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    common = dict(workers=WORKERS, start_method="fork", skip_completed=False)
    LocalPipelineExecutor([ParquetReader(str(texts)), MinhashDedupSignature(str(folder / "sigs"), config=config)],
                          tasks=WORKERS, logging_dir=str(folder / "log1"), **common).run()
    LocalPipelineExecutor([MinhashDedupBuckets(str(folder / "sigs"), str(folder / "buckets"), config=config)],
                          tasks=14, logging_dir=str(folder / "log2"), **common).run()
    LocalPipelineExecutor([MinhashDedupCluster(str(folder / "buckets"), str(folder / "remove"), config=config)],
                          tasks=1, logging_dir=str(folder / "log3"), **common).run()
    LocalPipelineExecutor([ParquetReader(str(texts)), MinhashDedupFilter(str(folder / "remove")),
                           ParquetWriter(str(folder / "left"))],
                          tasks=WORKERS, logging_dir=str(folder / "log4"), **common).run()
    seconds, cpu = time.perf_counter() - began, sum(os.times()[:4]) - cpu
    return {"seconds": seconds, "cpu_seconds": cpu, "clusters": clusters(folder) if quality else None}


for line in sys.stdin:
    print("RESULT " + json.dumps(go(*(Path(p) for p in json.loads(line)[:2]), quality=json.loads(line)[2])), flush=True)
'''


def peer_python(folder: Path) -> str:
    """A Python that has datatrove; made where none is named."""
    named = os.environ.get("TELOS_BENCH_DATATROVE")
    if named:
        return named
    say("installing datatrove into a temporary virtual environment …")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "peer")], check=True)
    python = str(folder / "peer" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", *PEER_PACKAGES]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    return python


class Peer:
    """datatrove in a process that waits for folders to work on."""

    def __init__(self, folder: Path):
        (folder / "peer.py").write_text(PEER)
        self.folder = folder
        self.log = (folder / "peer.log").open("w")
        self.process = subprocess.Popen(
            [peer_python(folder), str(folder / "peer.py"), str(WORKERS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )  # fmt: skip

    def go(self, texts: Path, quality: bool = False) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps([str(texts), str(self.folder / "peer-out"), quality]) + "\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("RESULT "):
                return json.loads(line.removeprefix("RESULT "))
        raise SystemExit(f"datatrove ended:\n{(self.folder / 'peer.log').read_text()[-3000:]}")


# -- quality ----------------------------------------------------------------------------------------------------------


def shingles(text: str) -> set[tuple[str, ...]]:
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return {tuple(words[i : i + 5]) for i in range(max(1, len(words) - 4))}


def jaccard(a: str, b: str) -> float:
    one, other = shingles(a), shingles(b)
    return len(one & other) / len(one | other)


def quality(texts: list[str], pairs: list[tuple[int, int, float]], dropped: dict[int, int]) -> dict[str, float | int]:
    """Recall over planted pairs at 0.9 and 0.8, precision over (dropped, kept)."""
    found: dict[str, float | int] = {"dropped": len(dropped)}
    for least in (0.9, 0.8):
        near = [(a, b) for a, b, alike in pairs if alike >= least]
        found[f"recall_{least}"] = round(sum(a in dropped or b in dropped for a, b in near) / len(near), 5)
        found[f"planted_pairs_{least}"] = len(near)
    right = sum(jaccard(texts[a], texts[b]) >= 0.8 for a, b in dropped.items())
    return found | {"precision_0.8": round(right / max(1, len(dropped)), 5)}


def ours_dropped(decisions: list[tuple[int, pa.Table]], starts: list[int]) -> dict[int, int]:
    return {starts[n] + row["row"]: int(row["keeper"]) for n, table in decisions for row in table.to_pylist()}


def peer_dropped(clusters: list[list[tuple[int, int, bool]]], bounds: list[int]) -> dict[int, int]:
    """A task reads every second file."""
    read = [[i for n in range(task, FILES, WORKERS) for i in range(bounds[n], bounds[n + 1])] for task in range(WORKERS)]
    dropped = {}
    for cluster in clusters:
        (keeper,) = (read[task][row] for task, row, gone in cluster if not gone)
        dropped |= {read[task][row]: keeper for task, row, gone in cluster if gone}
    return dropped


# -- all of it --------------------------------------------------------------------------------------------------------


def write(texts: list[str], folder: Path) -> tuple[list[Path], list[int]]:
    """Eight files, and the place of the first document of each and after the last."""
    folder.mkdir()
    bounds = np.linspace(0, len(texts), FILES + 1).astype(int).tolist()
    paths = []
    for n, (start, end) in enumerate(itertools.pairwise(bounds)):
        paths.append(folder / f"{n:03d}.parquet")
        pq.write_table(
            pa.table({"id": [str(i) for i in range(start, end)], "text": texts[start:end]}), paths[-1], use_dictionary=False
        )
    return paths, bounds


def main(documents: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="telos-bench-"))
    try:
        print(json.dumps(measure(documents, folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(documents: int, folder: Path) -> dict[str, Any]:
    say(f"making {documents} documents …")
    texts, planted = web_like.make(DATA, documents)
    paths, starts = write(texts, folder / "texts")
    small, _ = write(texts[:800], folder / "small")
    out = folder / "ours"
    out.mkdir()
    peer = Peer(folder)
    ours, cpus, peers, limits = [], [], [], []
    with get_context("spawn").Pool(WORKERS) as pool:
        drive(pool, small, out)
        peer.go(folder / "small")
        for run in range(RUNS):
            say(f"run {run + 1} of {RUNS} …")
            began = time.perf_counter()
            pool.map(copy, [(n, path, out) for n, path in enumerate(paths)], chunksize=1)
            limits.append(time.perf_counter() - began)
            steps, cpu, decisions = drive(pool, paths, out)
            ours.append(steps)
            cpus.append(cpu)
            peers.append(peer.go(folder / "texts", quality=run == RUNS - 1))
            say(f"  ours {sum(steps.values()):.2f} s, datatrove {peers[-1]['seconds']:.1f} s")
    assert peer.process.stdin is not None
    peer.process.stdin.close()
    peer.process.wait()
    pairs = [(a, b, jaccard(texts[a], texts[b])) for a, b in planted]
    seconds = statistics.median(sum(steps.values()) for steps in ours)
    peer_seconds = statistics.median(result["seconds"] for result in peers)
    cpu, peer_cpu = statistics.median(cpus), statistics.median(result["cpu_seconds"] for result in peers)
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    return {
        "benchmark": "near_duplicates", "documents": documents, "text_bytes": sum(len(text.encode()) for text in texts),
        "hashes": RULE.bands * RULE.rows, "workers": WORKERS, "runs": RUNS,
        "seconds": round(seconds, 3), "documents_per_second": round(documents / seconds),
        "step_seconds": {name: round(statistics.median(steps[name] for steps in ours), 3) for name in ours[0]},
        "peer": "datatrove", "peer_seconds": round(peer_seconds, 2),
        "peer_documents_per_second": round(documents / peer_seconds),
        "ratio": round(peer_seconds / seconds, 1), "cpu_seconds": round(cpu, 3), "peer_cpu_seconds": round(peer_cpu, 2),
        "ratio_cpu_seconds": round(peer_cpu / cpu, 1), "all_seconds": [round(sum(steps.values()), 3) for steps in ours],
        "peer_all_seconds": [round(result["seconds"], 2) for result in peers],
        "limit_seconds": round(statistics.median(limits), 3),
        "quality": quality(texts, pairs, ours_dropped(decisions, starts)),
        "peer_quality": quality(texts, pairs, peer_dropped(peers[-1]["clusters"], starts)),
        "within_target": peer_seconds / seconds >= TARGET_RATIO, "machine": about,
    }  # fmt: skip


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the real text must be in {DATA}: there is none")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)
