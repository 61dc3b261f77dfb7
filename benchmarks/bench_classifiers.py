"""Classifiers with random embeddings on small English sets, beside published figures of the same kind.

    python benchmarks/bench_classifiers.py                  # prints one JSON line
    python benchmarks/bench_classifiers.py mr convolution folds=2   # one set, one model, its first two folds

MR, Subj, CR and the long movie reviews: 10-fold cross-validation, as published (movie reviews in their authors' folds).  SST-2:
trained on the 6,920 sentences alone and measured on the 872 of the development set, while the published figure trained on 77,000
phrases too: it is an upper reference, not a like one.  TREC: the published test set (500 questions) is not here; 10 folds of its
training set, other and more questions.  ``within_one_error``: our accuracy is not below the published one by more than a standard
error, √(p (1 − p) ÷ documents), ours where the documents are the published ones, else of the difference of the two.
``linear_svm``: a linear support vector machine over words and pairs of words (scikit-learn) on the same folds, which tells how
hard they are: on TREC's own test set it is published as 87.4 (Zhang and Lee 2003, "Question Classification using Support Vector
Machines", coarse classes, n-grams).
Everything is trained in fp32 on one thread, which for networks so small is as fast; a tokenizer of each fold's own training part.
The settings were chosen on two tenths of the training part of TREC's and MR's first fold, held out from the rest of it; so every
document of these was some other fold's, but none of the first fold's held-out ones was looked at.
``movie_reviews_seconds``: training bag_of_embeddings on all 2,000 reviews, tokenizer and token store included.
"""

import gzip
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from telos.evaluate.documents import measure
from telos.foundation import machine
from telos.foundation.document import Document
from telos.foundation.progress import say
from telos.foundation.random import generator, key
from telos.models import Model
from telos.objectives.classification import Classification
from telos.optim.optimizers import Optimizer
from telos.optim.schedules import Schedule
from telos.tokens.documents import DocumentBatches, document_row
from telos.tokens.store import TokenStore
from telos.tokens.tokenizers import Tokenizer
from telos.train.loop import train
from telos.train.settings import Train
from telos.train.trainable import Trainable

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
PUBLISHED = {"sst2": 83.5, "trec": 88.2, "mr": 75.9, "subj": 89.2, "cr": 78.3}
"""Convolution with random embeddings, in percent: the figures of ../shared/data/README.md."""
PUBLISHED_DOCUMENTS = {"trec": 500, "sst2": 1821}
"""Where the published figure is of other documents than ours: how many."""
FOLDS = 10
SVM = "linear_svm"
MOST_SECONDS = 20.0
SETTINGS: dict[str, dict[str, Any]] = {
    "bag_of_embeddings": {"tokenizer": {"kind": "bpe", "vocab_size": 4096}, "batch_tokens": 2048, "epochs": 30,
                          "model": {"hidden_size": 8, "ngrams": 2, "buckets": 2**16, "word_dropout": 0.2},
                          "optimizer": {"kind": "sgd", "learning_rate": 50.0, "momentum": 0.0, "weight_decay": 5e-5},
                          "schedule": {"kind": "cosine", "final": 0.0}, "group_by_length": False},
    "convolution": {"tokenizer": {"kind": "bpe", "vocab_size": 4096}, "batch_tokens": 1024, "epochs": 6,
                    "model": {"embedding_size": 128, "embedding_dropout": 0.3, "context_length": 128},
                    "optimizer": {"kind": "adamw", "learning_rate": 0.003},
                    "schedule": {"kind": "cosine"}, "group_by_length": True},
}  # fmt: skip
OWN: dict[tuple[str, str], dict[str, Any]] = {
    ("bag_of_embeddings", "trec"): {"tokenizer": {"kind": "word", "min_count": 1}, "batch_tokens": 1024,
                                    "model": {"hidden_size": 8, "ngrams": 2, "buckets": 2**16, "word_dropout": 0.2,
                                              "skip_unseen": True}},
    ("bag_of_embeddings", "movie_reviews"): {"model": {}, "batch_tokens": 16_384, "epochs": 5, "schedule": {"kind": "cosine"},
                                             "optimizer": {"kind": "adamw", "learning_rate": 0.01}},
    ("convolution", "movie_reviews"): {"batch_tokens": 16_384},
}  # fmt: skip
"""Where a set has settings of its own: questions, told apart by whole words and pairs of them, and the movie reviews, of some
thousand tokens each."""
KEPT = Path(tempfile.gettempdir()) / "telos-bench-classifiers"
Texts = list[tuple[str, str]]
"""(text, label) of each document."""


def table(name: str) -> Texts:
    lines = (DATA / "text-cls-en" / name).read_text(encoding="utf-8").split("\n")
    return [(text, label) for label, text in (line.split("\t", 1) for line in lines if line)]


def splits(name: str) -> list[tuple[Texts, Texts]]:
    """(training documents, held-out documents) of each fold."""
    if name == "sst2":
        return [(table("sst/binary.train.tsv"), table("sst/binary.dev.tsv"))]
    if name == "movie_reviews":
        with gzip.open(DATA / "movie-reviews" / "reviews.jsonl.gz") as file:
            rows = [orjson.loads(line) for line in file]
        every = [(row["text"], str(row["label"])) for row in rows]
        fold_of = np.array([row["fold"] for row in rows])
    else:
        every = table("trec/train.tsv" if name == "trec" else f"{name}/all.tsv")
        fold_of = generator(1, "folds").permutation(len(every)) % FOLDS
    return [([every[i] for i in np.flatnonzero(fold_of != fold)], [every[i] for i in np.flatnonzero(fold_of == fold)])
            for fold in range(FOLDS)]  # fmt: skip


def right_by_svm(train_texts: Texts, other: Texts) -> np.ndarray:
    """1 for each held-out document that the peer puts in its class, else 0."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.svm import LinearSVC

    pairs = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), binary=True)
    svm = LinearSVC(C=0.1).fit(pairs.fit_transform([text for text, _ in train_texts]), [label for _, label in train_texts])
    told = svm.predict(pairs.transform([text for text, _ in other]))
    return (told == np.array([label for _, label in other])).astype(float)


def documents(texts: Texts) -> list[Document]:
    return [Document(f"{i:032x}", text, f"{i}", metadata={"label": label}) for i, (text, label) in enumerate(texts)]


def learn(kind: str, settings: dict[str, Any], texts: Texts, folder: Path) -> tuple[Trainable, Any]:
    """(the trained model, its tokenizer)."""
    tokenizer = Tokenizer.parse(settings["tokenizer"]).train(lambda: (text for text, _ in texts), 0)
    labels = sorted({label for _, label in texts})
    store = TokenStore.write(folder / "train", documents(texts), tokenizer, labels=labels)
    vocabulary = tokenizer.vocabulary.with_labels(labels)
    network, objective = Model.parse({"kind": kind} | settings["model"]).build(vocabulary), Classification()
    owned = objective.build(network, vocabulary)
    batches = DocumentBatches(store, objective.raw_length(network.context_length), settings["batch_tokens"], 1,
                              group_by_length=settings["group_by_length"])  # fmt: skip
    how = Train(budget=f"{settings['epochs']} epochs", precision="fp32", threads=1, watchers=(), checkpoint_every="0 steps",
                group_by_length=settings["group_by_length"])  # fmt: skip
    train(network, objective, owned, optimizer=Optimizer.parse(settings["optimizer"]),
          schedule=Schedule.parse(settings["schedule"]), batches=batches, vocabulary=vocabulary, folder=folder, data_hash="",
          settings=how)  # fmt: skip
    return Trainable(network, owned), tokenizer


def right(kind: str, settings: dict[str, Any], train_texts: Texts, other: Texts, folder: Path) -> np.ndarray:
    """1 for each held-out document whose class is told, else 0."""
    model, tokenizer = learn(kind, settings, train_texts, folder)
    vocabulary, objective = model.network.vocabulary, Classification()
    store = TokenStore.write(folder / "other", documents(other), tokenizer, labels=list(vocabulary.labels))
    longest = objective.raw_length(model.network.context_length)
    rows = [document_row(store, i, longest) for i in range(store.num_documents)]
    return measure(model, objective, rows, vocabulary).sums["accuracy"]


def settings_of(kind: str, name: str) -> dict[str, Any]:
    return SETTINGS.get(kind, {}) | OWN.get((kind, name), {})


def answered(kind: str, name: str, fold: int, texts: tuple[Texts, Texts]) -> tuple[np.ndarray, float]:
    """(1 for each held-out document of a fold that is put in its class, else 0; processor seconds).  Kept until the whole is
    told, so that a measurement that was stopped goes on where it stood."""
    path = KEPT / f"{kind}-{name}-{fold}-{key(0, orjson.dumps(settings_of(kind, name)).decode()):x}.npz"
    if path.exists():
        with np.load(path) as kept:
            return kept["right"], float(kept["seconds"])
    say(f"{kind} on {name}, fold {fold + 1}")
    began = time.process_time()
    if kind == SVM:
        told = right_by_svm(*texts)
    else:
        with tempfile.TemporaryDirectory(prefix="telos-bench-") as folder:
            told = right(kind, settings_of(kind, name), *texts, Path(folder))
    seconds = time.process_time() - began
    KEPT.mkdir(exist_ok=True)
    np.savez(path, right=told, seconds=seconds)
    say(f"{kind} on {name}, fold {fold + 1}: {100 * told.mean():.1f} % of {len(told)}, {seconds:.0f} s")
    return told, seconds


def accuracy(kind: str, name: str, folds: int) -> dict[str, Any]:
    told = [answered(kind, name, fold, texts) for fold, texts in enumerate(splits(name)[:folds])]
    answers, every = [right for right, _ in told], np.concatenate([right for right, _ in told])
    share = float(every.mean())
    error = (share * (1 - share) / len(every)) ** 0.5
    found = {"accuracy_percent": round(100 * share, 2), "standard_error_percent": round(100 * error, 2), "documents": len(every),
             "folds": len(answers), "by_fold_percent": [round(100 * float(fold.mean()), 1) for fold in answers],
             "processor_seconds": round(sum(seconds for _, seconds in told), 1)}  # fmt: skip
    if name in PUBLISHED:
        theirs = PUBLISHED[name] / 100
        between = (error**2 + (theirs * (1 - theirs) / PUBLISHED_DOCUMENTS[name] if name in PUBLISHED_DOCUMENTS else 0)) ** 0.5
        found |= {"published_percent": PUBLISHED[name], "within_one_error": share + between >= theirs}
    return found


def reviews_seconds() -> float:
    """Training bag_of_embeddings on all 2,000 movie reviews."""
    train_texts = [pair for part in splits("movie_reviews")[0] for pair in part]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        learn("bag_of_embeddings", settings_of("bag_of_embeddings", "movie_reviews"), train_texts, Path(folder))
        return time.perf_counter() - began


def main(names: list[str], kinds: list[str], folds: int) -> int:
    if not DATA.is_dir():
        say(f"no data in {DATA}")
        return 1
    found: dict[str, Any] = {kind: {name: accuracy(kind, name, folds) for name in names} for kind in kinds}
    facts = machine.describe()
    answer = {"benchmark": "classifiers", **found, "settings": {kind: SETTINGS[kind] for kind in kinds if kind in SETTINGS},
              "settings_of_a_set": {f"{kind}, {name}": own for (kind, name), own in OWN.items()},
              "processor": facts.get("processor"), "cores": machine.cores()}  # fmt: skip
    if not sys.argv[1:]:
        seconds = reviews_seconds()
        answer |= {"movie_reviews_seconds": round(seconds, 1), "most_seconds": MOST_SECONDS, "enough": seconds <= MOST_SECONDS}
        shutil.rmtree(KEPT, ignore_errors=True)
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    asked = sys.argv[1:]
    most = next((int(word.removeprefix("folds=")) for word in asked if word.startswith("folds=")), FOLDS)
    every_set = [*PUBLISHED, "movie_reviews"]
    sets, kinds = [name for name in every_set if name in asked], [kind for kind in [*SETTINGS, SVM] if kind in asked]
    sys.exit(main(sets or every_set, kinds or [*SETTINGS, SVM], most))
