"""From sources to a corpus: read → clean → filter → deduplicate → split → sample or mix → Parquet.

Work is shared out in buckets of inputs and done in passes (`telos.corpus.passes`) by an engine's workers; between passes each
rule that compares documents decides from hashes alone.  Text never enters a sort, a join or a group-by.  All that is done lies in
a work folder beside the corpus, so that a job that was killed goes on, and the corpus is committed as a whole or not at all.

Deterministic: inputs are sorted by path, documents keep their order in them, ids are hashes, ties are broken by content and
id, parts have our own names.  The same inputs and settings give the same bytes, whatever the engine and its workers.
Tests: tests/corpus/test_pipeline.py, tests/faults/test_corpus.py.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from telos import __version__
from telos.corpus import shards
from telos.corpus.about import About
from telos.corpus.account import LISTED, Account
from telos.corpus.card import write_card
from telos.corpus.clean import Clean
from telos.corpus.conceal import concealed, without_secrets
from telos.corpus.corpus import EDITABLE, FACTS, FORMAT, Corpus
from telos.corpus.decisions import add_seconds, decide, pairs_of
from telos.corpus.engines import Engine
from telos.corpus.inputs import Job, buckets, gather, within_reach
from telos.corpus.mixing import copies_of
from telos.corpus.prepare import prepare
from telos.corpus.report import write_page
from telos.corpus.running import run_pass
from telos.corpus.sample import byte_limits
from telos.corpus.sources import ADD_TEXT, Source
from telos.corpus.split import SPLITS, Split
from telos.corpus.survivors import DROPPED_FILE, DropLog, Survivors
from telos.corpus.work import Work
from telos.corpus.writing import Writer, write_routed
from telos.foundation.errors import TelosError
from telos.foundation.files import commit_folder, lock_folder, require_free, sha256, write_json, writing
from telos.foundation.progress import progress
from telos.foundation.spec import stable_hash

WRITING = "write"
"""Under this name stand the seconds that go into writing the splits."""


def build_corpus(
    sources: Sequence[Source] | Source, clean: Clean | None = None, split: Split | None = None, out: str | Path = "corpus", *,
    max_bytes: int | None = None, seed: int = 1, engine: Engine | None = None, about: About | None = None,
) -> Corpus:  # fmt: skip
    """Build the corpus of one or more sources in the folder ``out`` (replaced as a whole, or not at all).

    ``max_bytes``: keep about that much training text, chosen by content hash (see `telos.corpus.sample`); validation and
    test stay as they are.  Where many files hold far more, only some are read (`inputs.within_reach`), and ``unread`` in
    corpus.json says how many were not.  ``seed`` keys split and sample.  ``about``: what the data card says beside facts.  The
    result's ``seconds`` say what each stage took.  Killed, the same call goes on where it stood.
    `TelosError` for what a user can mend.
    """
    sources = [sources] if isinstance(sources, Source) else list(sources)
    clean, split, out = clean or Clean(), split or Split.parse({}), Path(out)
    _refuse_to_replace(out)
    earlier = [Corpus.open(folder) for folder in clean.earlier]
    everything = gather(sources)
    jobs = within_reach(everything, max_bytes, seed)
    settings = {"sources": [s.dump() for s in sources], "clean": clean.dump(), "split": split.dump(),
                "max_bytes": max_bytes, "seed": seed, "about": (about or About()).dump()}  # fmt: skip
    unread = {"files": len(everything) - len(jobs),
              "bytes": sum(j.item.size_bytes for j in everything) - sum(j.item.size_bytes for j in jobs)}  # fmt: skip
    with writing(out), _work_folder(out) as folder:
        work = _open_work(folder, sources, clean, split, jobs, earlier, settings)
        require_free(out.parent, 2 * sum(job.estimated_bytes for job in jobs), "building the corpus")
        spent = prepare(work, jobs, seed)
        _run_passes(work, engine or Engine.parse("native"), jobs)
        with commit_folder(out, editable=EDITABLE) as made:
            account = work.accounts()
            found = _finish(work, made, split, sources, account, max_bytes=max_bytes, seed=seed)
            facts = {"format": FORMAT, "settings": without_secrets(settings), "unread": unread} | concealed(work, found)
            write_json(made / FACTS, facts)
            write_page(made, facts)
            write_card(made, facts)
        account.join(Account(seconds=spent))
        add_seconds(work, account)
    corpus = Corpus.open(out)
    corpus.seconds = account.seconds
    return corpus


@contextlib.contextmanager
def _work_folder(out: Path) -> Iterator[Path]:
    """The folder that outlives a killed process; removed when the corpus is there, or when an error says why it cannot be."""
    folder = out.parent / f".{out.name}.work"
    with lock_folder(folder):
        try:
            yield folder
        except (TelosError, OSError, MemoryError):
            shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _open_work(  # noqa: PLR0917
    folder: Path, sources: list[Source], clean: Clean, split: Split, jobs: list[Job], earlier: list[Corpus], settings: Any
) -> Work:  # fmt: skip
    """The work folder as an earlier process left it, if that did the very same; else a new one."""
    known = [[job.path, job.item.location, job.item.size_bytes, job.item.modified_ns] for job in jobs]
    read = [
        [name, sha256(Path(name)) if Path(name).is_file() else None]
        for rule in (*clean.filters, *clean.afterwards)
        for name in rule.files()
    ]
    key = stable_hash([__version__, settings, known, read, [corpus.hash for corpus in earlier]])
    if Work.key_of(folder) == key:
        return Work.open(folder)
    for left in folder.iterdir():
        if left.name != ".lock":
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    parts = [part for corpus in earlier for name in SPLITS for part in shards.parts(corpus.folder / name)]
    return Work.create(folder, key, sources, clean, getattr(split, "field", None), buckets(jobs), parts)


def _run_passes(work: Work, engine: Engine, jobs: list[Job]) -> None:
    total = sum(job.item.size_bytes for job in jobs)
    sizes = [sum(job.item.size_bytes for job in work.jobs(bucket)) for bucket in range(work.buckets - work.earlier)]
    sizes += [0] * work.earlier
    with progress("corpus", total * (work.last_pass + 1), "B") as advance:
        for number in range(work.last_pass + 1):
            run_pass(work, engine, number, lambda bucket: advance(sizes[bucket]))
            if number < len(work.groups.groups):
                decide(work, number)
            if number:
                work.forget_texts(number - 1)


def _finish(
    work: Work, folder: Path, split: Split, sources: list[Source], account: Account, *, max_bytes: int | None, seed: int
) -> dict[str, Any]:  # fmt: skip
    """Decide from hashes and sizes what goes where, write the splits, and return the facts for corpus.json."""
    survivors = Survivors.of(work)
    dropped = DropLog(folder / DROPPED_FILE)
    dropped.copy(work)
    routed = write_routed(work, folder)
    if not survivors.keep.any():
        raise _nothing_left(account)
    documents = survivors.documents()
    assignment = survivors.assign(split, documents, seed)
    target = np.full(len(survivors.keep), len(SPLITS), np.uint8)
    target[survivors.keep] = 0 if assignment.split is None else assignment.split
    copies = copies_of(sources, survivors, documents, assignment, max_bytes, seed)
    limit = survivors.spread(byte_limits(documents, split, assignment, None if copies is not None else max_bytes, seed))
    repeats = None if copies is None else survivors.spread(copies)
    writer = Writer(folder, split if assignment.split is None else None, len(documents))
    before = sum(account.seconds.values())
    began = time.perf_counter()
    for rows, table in survivors.tables(work, account, dropped):
        writer.take(table, target[rows], limit[rows], None if repeats is None else repeats[rows])
    writer.close()
    dropped.close()
    account.spend(WRITING, time.perf_counter() - began - (sum(account.seconds.values()) - before))
    stages = [*account.stages.values(), *([writer.sampled] if max_bytes is not None or copies is not None else [])]
    assert stages[-1].bytes_out == sum(s["bytes"] for s in writer.splits.values()), "bytes were lost between stages"
    facts = account.as_dict()
    return {
        "hash": writer.hash(), "split_note": assignment.note, "splits": writer.splits, "funnel": [s.as_dict() for s in stages],
        "counts": facts["counts"], "described": writer.described.as_dict(),
        "dropped": facts["dropped"], "changed": facts["changed"], "pairs": pairs_of(work), "routed": routed,
        "kept": writer.described.samples,
        **{name: facts[name][:LISTED] for name in ("repaired", "skipped", "quarantined")},
    }  # fmt: skip


def _refuse_to_replace(out: Path) -> None:
    """What is replaced must be a corpus: never a folder that holds somebody's texts."""
    if not out.exists() or (out / FACTS).exists():
        return
    names = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    if names or not out.is_dir():
        found = f"a folder with {', '.join(names[:3])}{' …' if len(names) > 3 else ''}" if names else "a file"
        raise TelosError(f"{out} must be a new folder, an empty one, or an earlier corpus", found, "choose another --out")


def _nothing_left(account: Account) -> TelosError:
    reasons = [item for stage in account.stages.values() for item in sorted(stage.dropped.items())]
    counts = ", ".join(f"{n} {reason}" for reason, n in reasons) or "no documents in the files"
    names = ", ".join(s["source"] for s in account.skipped[:3])
    fix = "relax those rules, or add text" if sum(len(s.dropped) for s in account.stages.values()) > 2 else ADD_TEXT
    return TelosError("the corpus must hold text", f"no document with any: {counts}{f' ({names})' if names else ''}", fix)
