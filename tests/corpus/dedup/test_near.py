"""Near duplicates: who stays, goes and is tied, against exact similarities in plain Python, on real text and planted pairs."""

import csv
import gzip
import itertools
import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.corpus.dedup.near import Near, _parts
from telos.corpus.texts import HAN, Texts
from telos.foundation.errors import TelosError
from tests.corpus.dedup import jaccard as plain
from tests.corpus.dedup.conftest import Memory
from tests.corpus.dedup.test_shingles import sets


def exact_sets(texts):
    return [plain.shingles(text, 5, script == HAN) for text, script in zip(texts, Texts.of(texts).scripts, strict=True)]


def outcome(rule, texts, **more):
    """({source: (keeper, similarity)}, {source: cluster})."""
    seen = Memory(rule, texts, **more)
    dropped, clusters = {}, {}
    for decision in rule.decide(seen):
        names = seen.known[decision.bucket]["source"].to_pylist()
        dropped |= {names[row["row"]]: (row["keeper"], row["similarity"]) for row in decision.table.to_pylist()}
        clusters |= dict(zip(names, decision.clusters.tolist(), strict=True))
    return dropped, clusters


def greedy(names, sets, known, threshold):
    """Plain Python: (dropped names, cluster of each) from all pairs."""
    order = sorted(range(len(names)), key=lambda i: (-known["bytes"][i], known["id"][i]))
    kept, dropped, tie = [], set(), {i: {i} for i in order}
    for i in order:
        if any(plain.jaccard(sets[i], sets[k]) >= threshold for k in kept):
            dropped.add(names[i])
        else:
            kept.append(i)
    for i, j in itertools.combinations(order, 2):
        if plain.jaccard(sets[i], sets[j]) >= threshold and tie[i] is not tie[j]:
            tie[i] |= tie[j]
            for k in tie[j]:
                tie[k] = tie[i]
    return dropped, {names[i]: min(known["key"][k] for k in tie[i]) for i in order}


def edited(rng, units, joint, changes, pool):
    units = list(units)
    for _ in range(changes):
        units[rng.randrange(len(units))] = rng.choice(pool)
    return joint.join(units)


POEM = "the moon is bright over old town walls and people who sleep there dream of rivers boats lanterns"
ENGLISH = POEM.split(" ")
CHINESE = list("床前明月光疑是地上霜举头望低思故乡春眠不觉晓处闻啼鸟夜来风雨声花落知多少")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.sampled_from([0.6, 0.8, 0.95]))
def test_equal_to_the_greedy_choice_over_all_pairs(seed, documents, threshold):
    rng = random.Random(seed)
    texts = []
    for _ in range(documents):
        pool, joint = (ENGLISH, " ") if rng.random() < 0.5 else (CHINESE, "")
        if texts and rng.random() < 0.7:
            old = rng.choice(texts)
            units = old.split(" ") if " " in old else list(old)
            pool, joint = (ENGLISH, " ") if " " in old else (CHINESE, "")
        else:
            units = rng.choices(pool, k=rng.randrange(2, 80))
        texts.append(edited(rng, units, joint, rng.randrange(3), pool))
    names = [[f"{n}.txt" for n in range(documents)]]
    rule = Near(threshold=threshold, bands=112, rows=1)  # so that LSH misses nothing
    dropped, clusters = outcome(rule, [texts], names=names)
    known = Memory(rule, [texts], names=names).known[0].to_pydict()
    found = exact_sets(texts)
    expected = greedy(names[0], found, known, threshold)
    assert (set(dropped), clusters) == expected
    place = {name: n for n, name in enumerate(names[0])}
    for name, (keeper, similarity) in dropped.items():
        assert keeper not in dropped
        assert similarity == pytest.approx(plain.jaccard(found[place[name]], found[place[keeper]]), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_buckets_and_their_order_change_nothing(seed):
    rng = random.Random(seed)
    base = [" ".join(rng.choices(ENGLISH, k=60)) for _ in range(5)] + ["".join(rng.choices(CHINESE, k=120)) for _ in range(5)]
    texts = {}
    for n in range(40):
        old = rng.choice(base)
        spaced = " " in old
        texts[f"{n}.txt"] = edited(rng, old.split() if spaced else list(old), " " if spaced else "", rng.randrange(4),
                                   ENGLISH if spaced else CHINESE)  # fmt: skip
    results = []
    for _ in range(3):
        names = list(texts)
        rng.shuffle(names)
        cuts = sorted(rng.choices(range(len(names) + 1), k=3))
        buckets = [names[a:b] for a, b in itertools.pairwise([0, *cuts, len(names)])]
        results.append(outcome(Near(), [[texts[name] for name in bucket] for bucket in buckets], names=buckets))
    assert results[0] == results[1] == results[2]
    assert results[0][0]


def sentence(n, seed=0):
    return " ".join(random.Random(seed).choices([f"word{i}" for i in range(500)], k=n))


def test_a_chain_is_one_cluster_but_only_what_matches_a_kept_one_goes():
    words = sentence(100).split()
    a = " ".join([*words, "tail of the longest text"])
    b = " ".join([*words[:60], "x", *words[61:]])
    c = " ".join([*words[:20], "y", *words[21:60], "x", *words[61:90]])
    sets = exact_sets([a, b, c])
    assert plain.jaccard(sets[0], sets[1]) >= 0.8 <= plain.jaccard(sets[1], sets[2])
    assert plain.jaccard(sets[0], sets[2]) < 0.8
    dropped, clusters = outcome(Near(), [[c], [b, "another text altogether that has nothing in common"], [a]])
    assert dropped == {"1/0.txt": ("2/0.txt", pytest.approx(plain.jaccard(sets[0], sets[1])))}
    assert clusters["0/0.txt"] == clusters["1/0.txt"] == clusters["2/0.txt"] != clusters["1/1.txt"]
    keys = [Memory(Near(), [[text]]).known[0]["key"][0].as_py() for text in (a, b, c)]
    assert clusters["0/0.txt"] == min(keys)


def test_an_earlier_corpus_stays_and_is_preferred():
    """Also where its own documents are copies of each other; its keys count for clusters, and it gets no decision."""
    texts = [[sentence(60) + " more"], [sentence(60), sentence(60) + "!"]]
    dropped, clusters = outcome(Near(), texts, fixed=(1,))
    assert dropped.keys() == clusters.keys() == {"0/0.txt"}
    assert dropped["0/0.txt"][0] in ("1/0.txt", "1/1.txt")
    seen = Memory(Near(), texts)
    assert clusters["0/0.txt"] == min(key for known in seen.known for key in known["key"].to_pylist())


def test_what_an_earlier_rule_drops_keeps_nothing_out():
    text = sentence(60)
    dropped, clusters = outcome(Near(), [[text + " longest", text, text]], dead=((0, 0),))
    assert len(dropped) == 1
    assert "0/0.txt" not in {*dropped, *(keeper for keeper, _ in dropped.values())}
    assert clusters["0/1.txt"] == clusters["0/2.txt"]
    assert clusters["0/0.txt"] != clusters["0/1.txt"]


def test_the_longest_or_the_earliest_stays():
    texts = [[sentence(60), sentence(60) + " end", sentence(60) + " "]]
    dates = [["2024-05-01", "2024-05-02", ""]]
    assert outcome(Near(), texts, dates=dates)[0].keys() == {"0/0.txt", "0/2.txt"}
    assert outcome(Near(keep="earliest"), texts, dates=dates)[0].keys() == {"0/1.txt", "0/2.txt"}
    assert {k for k, _ in outcome(Near(keep="earliest"), texts, dates=[[None, "2024", ""]])[0].values()} == {"0/1.txt"}


def test_ties_go_by_id():
    texts = [[sentence(60) + mark for mark in ".!?"]]
    ids = Memory(Near(), texts).known[0]["id"].to_pylist()
    assert {k for k, _ in outcome(Near(), texts)[0].values()} == {f"0/{ids.index(min(ids))}.txt"}


def test_short_texts_are_compared_whole():
    texts = [["Tom came.", "tom  came", "Tom came home.", "他来了。", "他来了！", "他来了吗", "", "。", " ，", "…", "🙂"]]
    dropped, clusters = outcome(Near(), texts)
    assert {frozenset([name, keeper]) for name, (keeper, _) in dropped.items()} == {
        frozenset(["0/0.txt", "0/1.txt"]), frozenset(["0/3.txt", "0/4.txt"])}  # fmt: skip
    assert len(set(clusters.values())) == 9


def test_many_copies_take_little_time():
    """10,000 near copies of one text, and as many texts of one template: comparisons of all with all would be 10⁸."""
    import time

    base = sentence(80).split()
    rng = random.Random(0)
    copies = [edited(rng, base, " ", 1, ENGLISH) for _ in range(10_000)]
    template = sentence(60, 7).split()
    pages = [" ".join([*template, *rng.choices([f"w{i}" for i in range(10_000)], k=40)]) for _ in range(10_000)]
    outcome(Near(), [copies[:100], pages[:100]])
    began = time.perf_counter()
    dropped, clusters = outcome(Near(), [copies, pages])
    assert time.perf_counter() - began < 30
    assert len([name for name in dropped if name.startswith("1/")]) == 0
    assert len(dropped) > 9_900
    assert len({clusters[f"0/{n}.txt"] for n in range(10_000)}) < 20


def test_characters_exchanged_in_every_clause_still_meet():
    """Shingles of words set apart by spaces found nothing in common here (Daft's minhash: 0 of 112 hashes)."""
    rng = random.Random(3)
    clauses = ["".join(rng.choices([chr(0x4E00 + n) for n in range(3000)], k=60)) for _ in range(8)]
    a = "，".join(clauses) + "。"
    b = "；".join(f"{clause[:30]}乙{clause[31:]}" for clause in clauses) + "！"
    assert plain.jaccard(*exact_sets([a, b])) > 0.8
    assert len(outcome(Near(), [[a], [b]])[0]) == 1


def test_decisions_are_carried_out():
    texts = [sentence(60), sentence(60) + " end"]
    rule = Near()
    (decision,) = rule.decide(Memory(rule, [texts]))
    verdict = rule.apply(Texts.of(texts), decision.table)
    assert verdict.reasons.tolist() == [1, 0]
    assert verdict.details == {0: "copy of 0/1.txt (similarity 0.98)"}


def test_no_documents():
    rule = Near()
    decisions = list(rule.decide(Memory(rule, [[], []])))
    assert [(d.bucket, d.table.num_rows, len(d.clusters)) for d in decisions] == [(0, 0, 0), (1, 0, 0)]
    assert list(rule.decide(Memory(rule, []))) == []


def test_sets_beyond_memory_lie_in_a_file(monkeypatch):
    texts = [[sentence(80, n % 40) + " x" * (n % 3) for n in range(100)]]
    expected = outcome(Near(), texts)
    import telos.corpus.dedup.near as module

    monkeypatch.setattr(module, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(module, "_READ_BYTES", 2000)
    monkeypatch.setattr(module, "_TOGETHER", 7)
    assert outcome(Near(), texts) == expected
    assert expected[0]


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 100))
def test_parts(sizes, most):
    parts = list(_parts(np.array(sizes, np.int64), most))
    assert [n for part in parts for n in range(part.start, part.stop)] == list(range(len(sizes)))
    assert all(sum(sizes[part]) <= most or part.stop - part.start == 1 for part in parts)


def test_bands_that_miss_too_much_are_refused():
    with pytest.raises(TelosError) as error:
        Near(bands=14, rows=8)
    assert str(error.value) == (
        "recipe: bands and rows must find pairs at the threshold with probability 0.95: 1 − (1 − 0.8^8)^14 is 0.92; more bands"
        " or fewer rows find more\n  found: {'bands': 14, 'rows': 8}\n  to do: change one of them"
    )
    assert Near().probability(0.8) > 1 - 1e-6
    assert Near().probability(0.87) > 1 - 1e-10


# -- real text --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laws(shared_data):
    with gzip.open(shared_data / "zh-laws" / "national.jsonl.gz") as file:
        return {row["path"]: row["text"] for row in map(json.loads, file)}


@pytest.fixture(scope="module")
def novels(shared_data):
    with gzip.open(shared_data / "litbank-novels" / "valid.jsonl.gz") as file:
        return [json.loads(line)["text"] for line in file]


@pytest.mark.data
def test_versions_of_laws(laws, shared_data):
    names = list(laws)
    dropped, clusters = outcome(Near(), [list(laws.values())], names=[names])
    sets = {name: plain.shingles(laws[name], 5, True) for name in {*dropped, *(k for k, _ in dropped.values())}}
    assert len(dropped) > 30
    for name, (keeper, similarity) in dropped.items():
        assert keeper not in dropped
        assert similarity == pytest.approx(plain.jaccard(sets[name], sets[keeper]), abs=1e-6)
        assert similarity >= 0.8
    with open(shared_data / "zh-laws" / "national_version_pairs.tsv") as file:
        pairs = [(row["path_a"], row["path_b"], float(row["jaccard_char5"])) for row in csv.DictReader(file, delimiter="\t")]
    for a, b, jaccard in pairs:
        if jaccard >= 0.8:
            assert clusters[a] == clusters[b], (a, b)
            assert {a, b} & {*dropped}
        for name, other in ((a, b), (b, a)):
            if name in dropped and dropped[name][0] == other:
                assert dropped[name][1] == pytest.approx(jaccard, abs=1e-3)


@pytest.mark.data
def test_every_pair_of_versions_has_its_similarity(laws, shared_data):
    """Also those below the threshold: each pair by itself."""
    from telos.corpus.kernels.copies import similarity

    with open(shared_data / "zh-laws" / "national_version_pairs.tsv") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            a, b = (
                np.array(sorted(one), np.uint64) for one in sets(Near(), Texts.of([laws[row["path_a"]], laws[row["path_b"]]]))
            )
            assert similarity(a, b, 1e-9) == pytest.approx(float(row["jaccard_char5"]), abs=1e-3)


def block_changed(rng, text, fraction, pool):
    """The text with one run of so much of its characters exchanged."""
    size = max(1, round(len(text) * fraction))
    at = rng.randrange(len(text) - size)
    return text[:at] + "".join(rng.choices(pool, k=size)) + text[at + size :]


@pytest.mark.data
def test_paragraphs_that_differ_in_one_block_meet(laws):
    """2,000 Chinese paragraphs of 150 characters or more, 4 % of them exchanged in one place."""
    rng = random.Random(11)
    paragraphs = [p for text in laws.values() for p in text.split("\n") if len(p) >= 150]
    paragraphs = rng.sample(sorted(set(paragraphs)), 2000)
    pool = [chr(0x4E00 + n) for n in range(3000)]
    changed = [block_changed(rng, p, 0.04, pool) for p in paragraphs]
    observed = Near().observe(Texts.of([t for pair in zip(paragraphs, changed, strict=True) for t in pair]))
    keys = np.array([column.to_numpy() for column in observed.drop_columns(["shingles"]).columns])
    assert np.all((keys[:, ::2] == keys[:, 1::2]).any(0))


@pytest.mark.data
@pytest.mark.parametrize("language", ["zh", "en"])
def test_planted_pairs(language, laws, novels):
    """Recall of pairs with J ≥ 0.9 and precision of (dropped, kept) pairs are 0.99 or more, against exact similarities; 1,500
    passages of real text, each with a copy at some distance."""
    rng = random.Random(4)
    if language == "zh":
        whole = "".join(laws.values())
        passages = [whole[at : at + rng.randrange(200, 1500)] for at in rng.sample(range(0, len(whole), 1500), 1500)]
        pool = [chr(0x4E00 + n) for n in range(3000)]
        changed = [edited(rng, p, "", rng.randrange(max(2, len(p) // 30)), pool) for p in passages]
    else:
        whole = " ".join(novels).split()
        starts = rng.sample(range(0, len(whole), 200), 1500)
        passages = [" ".join(whole[at : at + rng.randrange(60, 200)]) for at in starts]
        changed = [edited(rng, p.split(" "), " ", rng.randrange(max(2, len(p.split()) // 12)), ENGLISH) for p in passages]
    dropped, clusters = outcome(Near(), [passages, changed])
    sets = {f"{b}/{n}.txt": one for b, texts in enumerate((passages, changed)) for n, one in enumerate(exact_sets(texts))}
    pairs = [(f"0/{n}.txt", f"1/{n}.txt", plain.jaccard(sets[f"0/{n}.txt"], sets[f"1/{n}.txt"])) for n in range(1500)]
    near = [(a, b) for a, b, jaccard in pairs if jaccard >= 0.9]
    assert len(near) > 200
    assert len([1 for a, b, jaccard in pairs if jaccard < 0.8]) > 300
    assert sum(bool({a, b} & {*dropped}) for a, b in near) >= 0.99 * len(near)
    assert sum(clusters[a] == clusters[b] for a, b in near) >= 0.99 * len(near)
    right = [plain.jaccard(sets[name], sets[keeper]) >= 0.8 for name, (keeper, _) in dropped.items()]
    assert sum(right) >= 0.99 * len(right)
    assert all(right)


@pytest.mark.data
def test_sentences_with_many_near_copies(shared_data):
    """2 × 4,000 short sentences of tatoeba, of which many agree by 0.4: equal to the greedy choice over all pairs
    that have a shingle in common."""
    rule = Near(threshold=0.4, bands=112, rows=2)
    with open(shared_data / "tatoeba-en-zh" / "cmn.txt") as file:
        pairs = [line.rstrip("\n").split("\t")[:2] for line in file][-4000:]
    texts = sorted({text for pair in pairs for text in pair})
    names = [f"{n}.txt" for n in range(len(texts))]
    dropped, clusters = outcome(rule, [texts], names=[names])
    known = Memory(rule, [texts], names=[names]).known[0].to_pydict()
    found = exact_sets(texts)
    order = sorted(range(len(texts)), key=lambda i: (-known["bytes"][i], known["id"][i]))
    holders, expected, ties = {}, set(), []
    for i in order:
        others = {j for shingle in found[i] for j in holders.get(shingle, ())}
        alike = [j for j in others if plain.jaccard(found[i], found[j]) >= 0.4]
        ties += [(i, j) for j in alike]
        if any(names[j] not in expected for j in alike):
            expected.add(names[i])
        for shingle in found[i]:
            holders.setdefault(shingle, []).append(i)
    assert len(expected) > 30
    assert set(dropped) == expected
    assert all(clusters[names[i]] == clusters[names[j]] for i, j in ties)
