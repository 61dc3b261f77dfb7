"""A corpus job killed at any moment and started again gives the bytes of one that was not killed; so does a chain of kills.

Prints the seed of its moments; TELOS_FAULT_SEED=… replays them.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time

import pytest

SEED = int(os.environ.get("TELOS_FAULT_SEED", secrets.randbelow(10**6)))
PROGRAM = """
import sys
from telos.corpus import inputs
from telos.corpus.clean import Clean
from telos.corpus.engines.native import Native
from telos.corpus.pipeline import build_corpus
from telos.corpus.sources.files import Files

inputs.BUCKET_BYTES = 12_000
if __name__ == "__main__":
    filters = ["language", "gopher_repetition", "chinese_repetition", "personal_data"]
    clean = Clean.parse({"filters": filters, "dedup": ["exact", "line", "near"], "afterwards": ["words"], "min_characters": 40})
    build_corpus(Files(sys.argv[1]), clean, out=sys.argv[2], engine=Native(workers=int(sys.argv[3])))
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """120 files, some alike, some too short."""
    folder = tmp_path_factory.mktemp("texts")
    rng = random.Random(1)
    words = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "nobody", "is", "looking", "at", "it"]
    for n in range(120):
        zh, en = "春眠不觉晓，处处闻啼鸟。" * rng.randrange(1, 20), " ".join(rng.choices(words, k=rng.randrange(1, 200)))
        (folder / f"{n:03}.txt").write_text(f"{zh if n % 2 else en} {n % 100 if n % 3 else 0}\n", encoding="utf-8")
    return folder


def start(texts, out, workers):
    """A job in a process group of its own."""
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(texts), str(out), str(workers)], start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # fmt: skip


def finish(job):
    _, stderr = job.communicate(timeout=120)
    assert job.returncode == 0, stderr.decode()


def files_in(folder):
    return sum(len(names) for _, _, names in os.walk(folder))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def unbroken(texts, tmp_path_factory):
    """(contents, most files that lay in the work folder) of a job that nobody disturbs."""
    out = tmp_path_factory.mktemp("unbroken") / "corpus"
    job, most = start(texts, out, 1), 0
    while job.poll() is None:
        most = max(most, files_in(out.parent / ".corpus.work"))
        time.sleep(0.002)
    finish(job)
    assert most > 20
    return contents(out), most


def kill_when(job, work, files, delay):
    """SIGKILL to the job (its workers are left to themselves) once so many files lie in its work folder."""
    while job.poll() is None and files_in(work) < files:
        time.sleep(0.001)
    time.sleep(delay)
    alive = job.poll() is None
    os.killpg(job.pid, signal.SIGKILL) if alive else None
    job.communicate()
    return alive


def check(texts, unbroken, out, rng, kills, *, workers):
    expected, most = unbroken
    killed = 0
    for moment in sorted(rng.uniform(0, most) for _ in range(kills)):
        killed += kill_when(start(texts, out, workers), out.parent / f".{out.name}.work", moment, rng.uniform(0, 0.03))
    finish(start(texts, out, workers))
    assert contents(out) == expected, f"seed {SEED}"
    assert [p.name for p in out.parent.iterdir()] == [out.name], "nothing is left behind"
    return killed


def test_killed_and_started_again(texts, unbroken, tmp_path):
    rng = random.Random(SEED)
    print("TELOS_FAULT_SEED", SEED)
    killed = check(texts, unbroken, tmp_path / "alone", rng, 3, workers=1)
    (tmp_path / "alone").rename(tmp_path.parent / f"{tmp_path.name}-alone")
    killed += check(texts, unbroken, tmp_path / "two", rng, 2, workers=2)
    assert killed >= 3


@pytest.mark.long
@pytest.mark.parametrize("moment", range(20))
def test_killed_at_twenty_moments(texts, unbroken, tmp_path, moment):
    rng = random.Random(SEED * 100 + moment)
    assert check(texts, unbroken, tmp_path / "corpus", rng, 1, workers=1 + moment % 2) == 1, f"seed {SEED}: it was not killed"
