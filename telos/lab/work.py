"""One run of a comparison and what yardsticks find of it, in a process of its own: ``python -m telos.lab.work REQUEST.json``.

So runs meet the same machine: none has the memory, the threads or the compiled code of another, and one that fails leaves the
others alone.  The text is made ready first, and not on the run's budget, which begins when all is imported.
Tests: tests/lab/test_work.py.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from telos.evaluate.yardsticks import Context, Measured, Yardstick
from telos.foundation import files, machine
from telos.foundation.errors import TelosError
from telos.foundation.progress import say
from telos.foundation.spec import Spec
from telos.lab.budget import Budget, step_flops
from telos.lab.folder import COMPUTE, Folder, Materials
from telos.recipe import Run
from telos.result import Stopped
from telos.train.signals import EXIT_CODES

SCRATCH = ".scratch-"
"""Beginning of the names of folders that a process removes when it ends."""


class Request(Spec):
    """``folder``: of the comparison; ``recipe``: with its seed; ``answer``: the file that says why it failed, where it did."""

    folder: str
    name: str
    recipe: Run
    budget: str
    yardsticks: tuple[Yardstick, ...]
    materials: Materials
    answer: str


def work(request: Request) -> None:
    """Train, and measure; what is done already is left as it is.  Raises what the run raises."""
    from telos import run, stages

    folder, seed, budget = Folder(Path(request.folder)), request.recipe.training.seed, Budget.parse(request.budget)
    compute = folder.measured(request.name, seed) / COMPUTE
    if not compute.exists() or not folder.is_trained(request.name, seed):
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder.path) as scratch:
            prepared = stages.prepare(request.recipe, Path(scratch), folder.shared)
            if not compute.exists():
                compute.parent.mkdir(parents=True, exist_ok=True)
                files.write_json(compute, {"flops_per_step": step_flops(request.recipe, prepared, budget)})
    recipe = budget.within(request.recipe, files.read_facts(compute)["flops_per_step"])
    result = run.train(recipe, folder.run(request.name, seed), time.time(), folder.shared)
    measure(request, folder, result.model)


def measure(request: Request, folder: Folder, model: Path) -> None:
    """Every yardstick that was not measured yet."""
    import torch

    from telos.evaluate.yardsticks import Subject

    name, seed, fingerprint = request.name, request.recipe.training.seed, request.materials.fingerprint()
    missing = [one for one in request.yardsticks if folder.result(one, fingerprint, name, seed) is None]
    if not missing:
        return
    torch.set_num_threads(request.recipe.training.threads or machine.cores())
    subject, context = Subject.load(model), context_of(request.materials, folder.run(name, seed) / "corpus")
    for yardstick in missing:
        found: Measured | str
        try:
            found = yardstick.applies(subject) or yardstick.measure(subject, context)
        except TelosError as error:
            found = f"{error.must}; found: {error.found}"
        folder.keep(yardstick, folder.key(yardstick, fingerprint, name, seed), found, name, seed)


def context_of(materials: Materials, corpus: Path) -> Context:
    """What is measured on: held-out documents of a corpus, or of the texts that were given, and the files."""
    texts, names = held_out(materials, corpus)
    pairs, labelled, judge = (None if path is None else Path(path)
                              for path in (materials.pairs, materials.labelled, materials.judge))  # fmt: skip
    return Context(texts=texts, names=names, seed=materials.seed, pairs=pairs, labelled=labelled, judge=judge,
                   text_field=materials.text_field, label_field=materials.label_field, columns=materials.columns)  # fmt: skip


def held_out(materials: Materials, folder: Path) -> tuple[list[str], list[str]]:
    """(texts, names): of the test split (or the validation split) whole documents in the order of their ids, which are hashes, up
    to ``max_bytes``; of a first one that is larger the beginning.  No tokenizer has a say in it."""
    found: list[tuple[str, str]] = []
    if materials.texts is not None:
        from telos.corpus.clean import CleanText
        from telos.corpus.sources import Source

        source, clean = Source.parse({"kind": "files", "path": materials.texts}), CleanText()
        raw = [one for item in source.inputs() for one in source.read(item) if not one.skipped]
        found = [(str(i), text) for i, text in enumerate(clean.text(one.text) for one in raw) if text.strip()]
    else:
        from telos.corpus.corpus import Corpus

        corpus = Corpus.open(folder)
        split: Any = "test" if corpus.count("test") else "validation"
        found = sorted((document.id, document.text) for document in corpus.documents(split))
    if not found:
        raise TelosError("held-out text must have at least one document", "none", "give --texts PATH, or a larger corpus")
    kept: list[tuple[str, str]] = []
    room = materials.max_bytes
    for name, text in found:
        size = len(text.encode(errors="replace"))
        if kept and size > room:
            break
        kept.append((name, text if size <= room else text.encode(errors="replace")[:room].decode(errors="ignore")))
        room -= size
    return [text for _, text in kept], [name for name, _ in kept]


def main(arguments: list[str]) -> int:
    """The process: one argument, the request's file.  Exit code 2 where the user can mend it, 130 or 143 after a signal.

    It ends at once when its standard input does, that is when the process that started it dies: a run goes on from its last
    checkpoint."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    request = Request.parse(files.read_json(Path(arguments[0])))
    try:
        work(request)
    except TelosError as error:
        say(f"error: {error}")
        files.write_json(Path(request.answer), {"must": error.must, "found": error.found, "fix": error.fix})
        return error.exit_code
    except Stopped as stopped:
        say(str(stopped))
        return stopped.exit_code
    except KeyboardInterrupt:  # where no step was at hand
        return EXIT_CODES["SIGINT"]
    return 0


def _end_with_input() -> None:
    # Not through sys.stdin: a thread that holds its buffer makes the interpreter fail on its way out.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
