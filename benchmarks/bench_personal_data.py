"""Personal data: recall and precision per type on labelled text, and documents a second on web text, beside Presidio's patterns.

    python benchmarks/bench_personal_data.py [--table]     # one JSON line; --table: the figures as a table before it; two minutes

Labelled: ../shared/data/pii (1,600 English texts of presidio-research); a label is found where a span of its type overlaps it, a
span is right where it overlaps a label of its type.  Chinese: 2,000 sentences made here with identity numbers and cards, half of
them with a wrong check character.  The peer is Presidio's own pattern recognisers over a blank spaCy pipeline: no names on either
side.  Speed: one core, CPU seconds, ours and the peer's in turn, three times, the median; ours on 330 web documents with empty
caches of numbers, the peer's on the first 60.  ``limit``: the pass over the bytes alone.
"""

import gzip
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from telos.corpus.filters.personal_data import PersonalData
from telos.corpus.personal_data import PRECEDENCE, find, phone
from telos.corpus.personal_data._checksums import luhn_digit, mod_11_2
from telos.corpus.texts import Texts
from telos.foundation import machine
from telos.foundation.progress import say

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
TYPES = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "payment_card", "IP_ADDRESS": "ip_address",
         "IBAN_CODE": "iban", "DOMAIN_NAME": "url", "US_SSN": "us_ssn"}  # fmt: skip
PRESIDIO = {"EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "CREDIT_CARD": "payment_card", "IP_ADDRESS": "ip_address",
            "IBAN_CODE": "iban", "URL": "url", "US_SSN": "us_ssn"}  # fmt: skip
PEER_DOCUMENTS, REPEATS = 60, 3
Found = list[tuple[int, int, int, str]]


def web() -> list[str]:
    texts = []
    for path in sorted((DATA / "dolma-web-sample" / "multiple_files").glob("*.jsonl")):
        texts += [orjson.loads(line)["text"] for line in path.read_bytes().splitlines()]
    with gzip.open(DATA / "dolma-web-sample" / "provided" / "documents" / "000.json.gz") as file:
        texts += [orjson.loads(line)["text"] for line in file]
    return texts + [
        orjson.loads(line)["text"] for line in (DATA / "llama-factory-demos" / "c4_demo.jsonl").read_bytes().splitlines()
    ]


def ours(texts: list[str]) -> Found:
    return [tuple(span) for span in find(texts, PRECEDENCE)]


def presidio() -> Callable[[list[str]], Found]:
    """Presidio's pattern recognisers for the same types."""
    import spacy
    import tldextract.tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())  # its own copy of the list, no download
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    engine = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])

    def analyze(texts: list[str]) -> Found:
        found = []
        for row, text in enumerate(texts):
            for one in engine.analyze(text, language="en", entities=list(PRESIDIO)):
                found.append((row, one.start, one.end, PRESIDIO[one.entity_type]))
        return found

    return analyze


def scored(labels: list[list[tuple[int, int, str]]], spans: Iterable[tuple[int, int, int, str]]) -> dict[str, dict[str, Any]]:
    """type → labels, recall, precision (null where nothing was found)."""
    by_row: dict[int, list] = {}
    for row, start, end, kind in spans:
        by_row.setdefault(row, []).append((start, end, kind))
    count, hit, found, right = Counter(), Counter(), Counter(), Counter()
    for row, given in enumerate(labels):
        mine = by_row.get(row, [])
        for start, end, kind in given:
            count[kind] += 1
            hit[kind] += any(k == kind and s < end and start < e for s, e, k in mine)
        for s, e, kind in mine:
            found[kind] += 1
            right[kind] += any(k == kind and s < end and start < e for start, end, k in given)
    return {
        kind: {"labels": count[kind], "recall": round(hit[kind] / count[kind], 4),
               "precision": round(right[kind] / found[kind], 4) if found[kind] else None}
        for kind in count
    }  # fmt: skip


def labelled() -> tuple[list[str], list[list[tuple[int, int, str]]]]:
    records = [
        r for name in ("generated_small", "synth_dataset_v2") for r in orjson.loads((DATA / "pii" / f"{name}.json").read_bytes())
    ]
    labels = [
        [(s["start_position"], s["end_position"], TYPES[s["entity_type"]]) for s in record["spans"] if s["entity_type"] in TYPES]
        for record in records
    ]
    return [record["full_text"] for record in records], labels


def chinese(seed: int = 1) -> tuple[list[str], list[list[tuple[int, int, str]]]]:
    """Sentences with an identity number or a card; every second one has a wrong check character and no label."""
    draw = random.Random(seed)
    forms = ("我的{}请查收", "证件：{}。", "{}", "持有人{}已核验，金额300元", "（{}）", "银行卡{}尾号")
    texts, labels = [], []
    for n in range(2000):
        if n % 4 < 2:
            kind = "resident_id"
            body = f"{draw.choice(('11', '31', '44', '51', '65'))}{draw.randrange(10000):04}{draw.randrange(1940, 2020)}"
            body += f"{draw.randrange(1, 13):02}{draw.randrange(1, 29):02}{draw.randrange(1000):03}"
            check, others = mod_11_2(body), "0123456789X"
        else:
            kind = "payment_card"
            first, size = draw.choice(
                (("62", 16), ("62", 19), ("4", 16), ("5" + draw.choice("12345"), 16), ("37", 15), ("3530", 16))
            )
            body = first + "".join(draw.choice("0123456789") for _ in range(size - 1 - len(first)))
            check, others = luhn_digit(body), "0123456789"
        wrong = n % 2 == 1
        number = body + (draw.choice(others.replace(check, "")) if wrong else check)
        form = draw.choice(forms)
        start = form.index("{")
        texts.append(form.format(number))
        labels.append([] if wrong else [(start, start + len(number), kind)])
    return texts, labels


def seconds(work: Callable[[], Any]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def speed(peer: Callable[[list[str]], Found]) -> dict[str, Any]:
    from telos.corpus.kernels.folding import unusual_texts
    from telos.corpus.kernels.personal_data import scan

    documents = web()
    texts, few, mask = Texts.of(documents), documents[:PEER_DOCUMENTS], PersonalData()
    nothing = np.zeros(len(texts), bool)

    def one_pass() -> None:
        phone.valid.cache_clear()
        phone.possible.cache_clear()
        mask.judge(texts, {})

    def limit() -> None:
        unusual_texts(texts.data, texts.offsets)
        scan(texts.data, texts.offsets, nothing, False)

    for warm in (one_pass, limit, lambda: peer(few[:2])):
        warm()
    measured: dict[str, list[float]] = {"ours": [], "peer": [], "limit": []}
    for _ in range(REPEATS):
        measured["ours"].append(len(documents) * 10 / seconds(lambda: [one_pass() for _ in range(10)]))
        measured["peer"].append(len(few) / seconds(lambda: peer(few)))
        measured["limit"].append(len(documents) * 10 / seconds(lambda: [limit() for _ in range(10)]))
    rates = {name: statistics.median(values) for name, values in measured.items()}
    return {
        "documents": len(documents), "bytes_per_document": round(float(texts.sizes.mean())),
        "documents_per_second": round(rates["ours"]), "spread": [round(min(measured["ours"])), round(max(measured["ours"]))],
        "peer_documents_per_second": round(rates["peer"], 1), "ratio": round(rates["ours"] / rates["peer"]),
        "limit_documents_per_second": round(rates["limit"]),
    }  # fmt: skip


def main(table: bool) -> None:
    say("labelled texts …")
    peer = presidio()
    texts, labels = labelled()
    english = {"ours": scored(labels, ours(texts)), "peer": scored(labels, peer(texts))}
    texts, labels = chinese()
    wanted = {"resident_id", "payment_card"}
    made = scored(labels, [span for span in ours(texts) if span[3] in wanted])
    say("speed …")
    result = {"benchmark": "personal_data", "english": english, "chinese": made, "speed": speed(peer)}
    if table:
        print(f"{'type':14}{'labels':>8}{'recall':>9}{'precision':>11}{'recall (Presidio)':>20}{'precision (Presidio)':>22}")
        for kind, row in english["ours"].items():
            other = english["peer"][kind]
            print(
                f"{kind:14}{row['labels']:8}{row['recall']:9}{row['precision']:11}{other['recall']:20}{other['precision']!s:>22}"
            )
        for kind, row in made.items():
            print(f"{kind + ' (zh)':17}{row['labels']:5}{row['recall']:9}{row['precision']:11}")
    about = {name: machine.describe()[name] for name in ("processor", "cores", "memory_bytes")}
    print(json.dumps(result | {"machine": about}))


if __name__ == "__main__":
    if not DATA.is_dir():
        raise SystemExit(f"the real text must be in {DATA}: there is none")
    main("--table" in sys.argv[1:])
