"""Texts that the rules are compared on, and the plain transcriptions that they are compared with."""

import gzip
import importlib.util
import json

import pytest
from hypothesis import strategies as st


@pytest.fixture(scope="session")
def reference(root):
    """benchmarks/reference_rules.py as a module."""
    spec = importlib.util.spec_from_file_location("reference_rules", root / "benchmarks/reference_rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def records(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


@pytest.fixture(scope="session")
def real_texts(shared_data):
    """Some 900 documents: web pages, technical documents, chapters of novels, Chinese laws, and each of some kinds once more
    with other line ends."""
    web = records(shared_data / "llama-factory-demos/c4_demo.jsonl")
    web += [
        t for name in ("0091", "0174") for t in records(shared_data / f"dolma-web-sample/multiple_files/cc_en_head-{name}.jsonl")
    ]
    peps = [t[:20_000] for t in records(shared_data / "peps/peps.jsonl.gz")][::3]
    novels = [
        t[at : at + 4000] for t in records(shared_data / "litbank-novels/valid.jsonl.gz") for at in range(0, len(t), 40_000)
    ]
    laws = [t[:3000] for t in records(shared_data / "zh-laws/national.jsonl.gz")[:60]]
    dictionary = [t[:3000] for t in records(shared_data / "python-docs-en-zh/zh_documents.jsonl.gz")[:60]]
    return [*web, *peps, *novels, *laws, *dictionary, *(t.replace("\n", "\r\n") for t in (web + peps)[::10])]


def _line(words):
    return st.lists(st.sampled_from(words), max_size=12).map(" ".join)


WORDS = [
    "the", "The", "and,", "to", "with", "cat", "sat.", "on", "U.S.", "J.", "Bach", '"Yes!"', "no?", "e.g.", "this...",
    "that…", "#", "##", "...", "....", "1999.", "[1]", "ends.[2]", "[edit]", "[citation needed]", "[", "-", "•", "* a",
    "JavaScript", "lorem ipsum", "Lorem Ipsum", "Cookie Policy", "use cookies.", "{", "}", "中文", "字。", "naïve",
    "ΣΊΣΥΦΟΣ", "🙂", "a\u00a0b", "x\u2003y", "”", "’", "(ok.)", "Éa.", "É.", "x" * 40, "\r", "\t", "\x0b", "\u2028",
    "\x85", '."', ".)”",
]  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(_line(WORDS), max_size=30).map("\n".join),
    st.lists(_line(["a", "b", "c d", "a.", "\r"]), max_size=30).map("\n".join),
    st.lists(st.lists(_line(["the cat", "and to", "sat."]), max_size=4).map("\n".join), max_size=12).map("\n\n".join),
)
"""Any text, and text of what the rules look at, with much that repeats."""


@pytest.fixture(scope="session")
def agree(reference):
    """Ask that a rule and its transcription agree, in decision, reason and text, on documents judged in one batch."""
    from telos.corpus.texts import Texts

    def check(spec, documents, prepared=None):
        batch = Texts.of(documents)
        verdict = spec.judge(batch, prepared or {})
        names = (None, *spec.reasons)
        ours = [names[reason] for reason in verdict.reasons]
        plain = getattr(reference, spec.kind())
        judged = batch.rows_in(spec.scope)
        wanted = [plain(text, spec) if inside else None for text, inside in zip(documents, judged, strict=True)]
        wanted_texts = [w[1] if isinstance(w, tuple) else t for w, t in zip(wanted, documents, strict=True)]
        wanted = [w[0] if isinstance(w, tuple) else w for w in wanted]
        different = [i for i, (a, b) in enumerate(zip(ours, wanted, strict=True)) if a != b]
        assert not different, [(ours[i], wanted[i], documents[i][:300]) for i in different[:3]]
        texts = verdict.columns.get("text", batch.text).to_pylist()
        for i in range(len(documents)):
            assert texts[i] == wanted_texts[i]
        assert set(verdict.details) <= set(verdict.reasons.nonzero()[0].tolist())
        return ours

    return check
