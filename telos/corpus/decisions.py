"""What each rule over all documents decides after a pass, written down bucket by bucket; and pairs of copies to look at."""

import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from telos.corpus.account import SAMPLES, SNIPPET_CHARACTERS, Account, first_difference, snippet
from telos.corpus.dedup import DROP
from telos.corpus.work import Seen, Work
from telos.foundation import files
from telos.foundation.progress import progress

PAIRS, SECONDS = "pairs.json", "seconds.json"
_LEAD_CHARACTERS = 80
"""Pairs are shown from here before their first difference, where that stands far behind their beginning."""


def decide(work: Work, number: int) -> None:
    """Let every rule that observed in pass ``number`` decide, in their order; what is there already stays."""
    for place, rule in enumerate(work.groups.observing(number)):
        folder = work.decisions(number, place)
        if folder.exists():
            continue
        began, seen = time.perf_counter(), Seen(work, number, place)
        own = work.buckets - work.earlier
        with files.commit_folder(folder) as temporary, progress(f"corpus: {rule.kind()}", own, "buckets") as advance:
            done = 0
            for decision in rule.decide(seen):
                file = temporary / work.decision(number, place, decision.bucket).name
                pq.write_table(_by_row(decision.table), file, compression="none", use_dictionary=False)
                if decision.clusters is not None:
                    np.save(file.with_suffix(".npy"), decision.clusters, allow_pickle=False)
                done += 1
                advance()
            assert done == own, f"{rule.kind()} decided on {done} buckets"
            files.write_json(temporary / PAIRS, _pairs(seen, temporary))
            files.write_json(temporary / SECONDS, time.perf_counter() - began)


def _by_row(table: pa.Table) -> pa.Table:
    """In the order of documents, so that a batch finds its part; as it is where it holds for every document of the bucket."""
    if "row" not in table.column_names:
        return table
    if "row" not in table.column_names:
        return table
    rows = table["row"].to_numpy()
    return table if (rows[1:] >= rows[:-1]).all() else table.take(pa.array(np.argsort(rows, kind="stable")))


def add_seconds(work: Work, account: Account) -> None:
    """What deciding took, to the work of each rule."""
    names = iter(work.dedup_names)
    for number, rules in enumerate(work.groups.groups):
        for place in range(len(rules)):
            account.spend(next(names), files.read_json(work.decisions(number, place) / SECONDS))


def pairs_of(work: Work) -> list[dict[str, Any]]:
    """Copies beside what is kept in their place, of each rule: a sample to look at."""
    found = []
    for number, rules in enumerate(work.groups.groups):
        for place, rule in enumerate(rules):
            pairs = files.read_json(work.decisions(number, place) / PAIRS)
            if pairs:
                found.append({"rule": rule.kind(), "pairs": pairs})
    return found


def _pairs(seen: Seen, folder: Any) -> list[dict[str, Any]]:
    """Of all documents that go for one that is named, those with the smallest ids, with both texts."""
    chosen: list[dict[str, Any]] = []
    for bucket in seen.buckets:
        if bucket.fixed:
            continue
        table = pq.read_table(folder / seen.work.decision(seen.number, seen.rule, bucket.number).name)
        if table.schema != DROP or not table.num_rows:
            continue
        table = table.filter(table["keeper"].is_valid())
        facts = seen.facts(bucket, ["id", "source"]).take(table["row"])
        ids = facts["id"].to_pylist()
        for place in sorted(range(len(ids)), key=ids.__getitem__)[:SAMPLES]:
            row = table.slice(place, 1).to_pylist()[0]
            chosen.append({"id": ids[place], "source": facts["source"][place].as_py(), "bucket": bucket, **row})
        chosen = sorted(chosen, key=lambda pair: pair["id"])[:SAMPLES]
    kept = _texts_of(seen, {pair["keeper"] for pair in chosen})
    made = []
    for pair in chosen:
        text = seen.texts(pair["bucket"], np.array([pair["row"]]))[0].as_py()
        kept_text = kept.get(pair["keeper"], "")
        differs = first_difference(text, kept_text)
        start = max(0, differs - _LEAD_CHARACTERS) if differs > SNIPPET_CHARACTERS // 2 else 0
        start = min(start, max(0, min(len(text), len(kept_text)) - _LEAD_CHARACTERS))
        end = start + SNIPPET_CHARACTERS
        made.append({"source": pair["source"], "keeper": pair["keeper"], "similarity": pair["similarity"],
                     "from_character": start, "text": snippet(text, start, end),
                     "kept_text": snippet(kept_text, start, end)})  # fmt: skip
    return made


def _texts_of(seen: Seen, sources: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    wanted = pa.array(sorted(sources), pa.string())
    for bucket in seen.buckets if sources else []:
        names = seen.facts(bucket, ["source"])["source"]
        rows = np.flatnonzero(np.asarray(pc.is_in(names, wanted)))
        if len(rows):
            texts = seen.texts(bucket, rows).to_pylist()
            found |= dict(zip(names.take(pa.array(rows)).to_pylist(), texts, strict=True))
    return found
