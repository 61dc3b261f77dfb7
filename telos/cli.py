"""The verbs of the command line, each a few lines that call one function below.

Nothing heavy is imported before a verb needs it: ``telos --help`` must answer at once.
"""

import errno
import io
import os
import sys
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from telos.foundation.errors import TelosError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Turn text that you own into a language model that you can trust, on the machine that you have.\n\n"
    "Anything of the form name.name=value overrides a setting of the recipe (telos explain shows them all).\n\n"
    "Example:  telos run my_texts/ --budget 3m --out runs/mine",
)
corpus_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build or inspect a corpus.")
tokenizer_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train or inspect a tokenizer.")
app.add_typer(corpus_app, name="corpus")
app.add_typer(tokenizer_app, name="tokenizer")


def _words(metavar: str, help: str) -> Any:
    """Positional words: paths (``metavar``) and settings, in any order."""
    return typer.Argument(metavar=metavar, help=f"{help}; settings as name.name=value.", show_default=False)


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to.", show_default=False)]
Recipe = Annotated[
    Path | None, typer.Option("--recipe", metavar="FILE", help="A recipe to start from; settings given beside it override it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Make the last line of standard output one JSON object.")]


def _show_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def telos(
    shown: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@app.command(epilog="Example:  telos run poems/ --budget 3m --out runs/poems model.num_layers=4")
def run(
    words: Annotated[list[str] | None, _words("PATH", "A file or folder")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Time from process start to report (3m), or steps, tokens, epochs. Default 3m.")
    ] = None,
    recipe_file: Recipe = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Raw text to a measured model and its report.  PATH is a file or folder; none: the text of this Python installation.

    Running it again with the same --out continues or, when all is done, shows the result.
    """
    from telos import recipe, run
    from telos.foundation.machine import process_started

    paths, overrides = _split(words)
    data = recipe.for_path(_at_most_one(paths, "telos run takes one path"), _one_budget(budget), recipe_file)
    made, _ = recipe.resolve(data, overrides)
    result = run.run(made, out or recipe.default_folder(paths), process_started())
    _answer(result.summary(), as_json, result.describe())


@app.command(epilog="Example:  telos train recipes/shakespeare-char-cpu.yaml corpus.path=input.txt --out runs/chars")
def train(
    words: Annotated[list[str] | None, _words("RECIPE", "A recipe file")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Time, steps, tokens or epochs, instead of the recipe's train.budget.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """One run of a recipe: a trained model and its validation figure, without baselines and report."""
    from telos import recipe, run
    from telos.foundation.machine import process_started

    paths, overrides = _split(words)
    path = _exactly_one(paths, "telos train takes one recipe", "telos train recipes/default.yaml")
    called = _one_budget(budget)
    made, _ = recipe.resolve(recipe.from_file(path), overrides + ([f"train.budget={called}"] if called else []))
    result = run.train(made, out or recipe.default_folder([Path(path).stem]), process_started())
    _answer(result.summary(), as_json, result.describe())


@corpus_app.command("build", epilog="Example:  telos corpus build crawl/ --recipe recipes/corpus/web-en.yaml --out corpora/web")
def corpus_build(
    words: Annotated[list[str] | None, _words("SOURCE", "Files, folders or addresses")] = None,
    recipe_file: Recipe = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Clean, filter, deduplicate and split texts.

    SOURCE… are files and folders, or addresses (https://…, hf://OWNER/NAME); none: what the recipe names, or this Python
    installation.  Killed, the same command goes on where it stood.
    """
    from telos import corpora, recipe

    paths, overrides = _split(words)
    corpus = corpora.build(paths, overrides, out or recipe.default_folder(paths, "corpora"), recipe_file)
    _answer(corpus[0], as_json, corpus[1])


@corpus_app.command("inspect", epilog="Example:  telos corpus inspect corpora/mine")
def corpus_inspect(
    folder: Folder,
    why: Annotated[
        str | None, typer.Option(metavar="DOCUMENT", help="Say what became of a document: its path, path:line, or id.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="NAME", help="Examples of one rule: a reason or a stage, as the funnel names them.")
    ] = None,
    samples: Annotated[int, typer.Option(metavar="N", min=0, help="How many samples of each kind.")] = 3,
    as_json: AsJson = False,
) -> None:
    """Show what is in a corpus: funnel, distributions, copies, personal data, samples; or why a document was dropped."""
    from telos.corpus import examples, inspect, whereabouts
    from telos.corpus.corpus import Corpus

    if reason is not None:
        shown = examples.examples(Corpus.open(folder), reason, samples)
        _answer(shown, as_json, examples.render(shown))
        return
    if why is not None:
        found = whereabouts.find(folder, why)
        _answer(found, as_json, whereabouts.render(found))
        return
    summary = inspect.summarize(folder, samples)
    _answer(summary, as_json, inspect.render(summary))


@tokenizer_app.command("train", epilog="Example:  telos tokenizer train texts/ --out tokenizers/mine tokenizer.vocab_size=8192")
def tokenizer_train(
    words: Annotated[list[str] | None, _words("SOURCE", "Files or folders")] = None, out: Out = None, as_json: AsJson = False
) -> None:
    """Train a tokenizer on files, a folder or a corpus that `telos corpus build` made."""
    from telos import corpora, recipe

    paths, overrides = _split(words)
    trained = corpora.train_tokenizer(paths, overrides, out or recipe.default_folder(paths, "tokenizers"))
    _answer(trained[0], as_json, trained[1])


@tokenizer_app.command("inspect", epilog="Example:  telos tokenizer inspect tokenizers/mine --text 今天天气很好")
def tokenizer_inspect(
    folder: Folder,
    text: Annotated[str | None, typer.Option(help="A text to show token by token.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a tokenizer: size, longest tokens, a text token by token.  DIR is its folder or a model's."""
    from telos.tokens import inspect
    from telos.tokens.tokenizers import load_tokenizer

    tokenizer = load_tokenizer(folder)
    summary = inspect.summarize(tokenizer, {"your text": text}) if text else inspect.summarize(tokenizer)
    _answer(summary, as_json, inspect.render(summary))


@app.command(epilog="Example:  telos score runs/mine/model held_out.txt")
def score(
    words: Annotated[list[str] | None, _words("MODEL TEXT", "A model folder, and a file or folder of text")] = None,
    as_json: AsJson = False,
) -> None:
    """Bits per byte of a text under a model, with interval, beside what gzip and xz need."""
    from telos import run

    paths, overrides = _split(words)
    if len(paths) != 2:
        raise TelosError("telos score takes a model and a text", f"{len(paths)} paths{': ' * bool(paths)}{', '.join(paths)}",
                         "write for example: telos score runs/mine/model held_out.txt")  # fmt: skip
    if (Path(paths[1]) / "config.json").is_file() and not (Path(paths[0]) / "config.json").is_file():
        raise TelosError("telos score takes the model first, and then the text", f"{paths[0]} is no model, {paths[1]} is one",
                         f"write: telos score {paths[1]} {paths[0]}")  # fmt: skip
    result = run.score(paths[0], paths[1], overrides)
    _answer(result.summary(), as_json, result.describe())


@app.command(epilog="Example:  telos classify runs/mine/model 'what a film' 'never again'")
def classify(
    words: Annotated[list[str] | None, _words("MODEL TEXT", "A model folder, and texts, or a file or folder of them")] = None,
    as_json: AsJson = False,
) -> None:
    """The class of each text, with its probability, under a model that was trained with objective=classification.

    Of a file with labels (corpus.label_field=NAME) also the accuracy.
    """
    from telos import run

    given, overrides = _split(words)
    if not given:
        raise TelosError("telos classify takes a model and texts, or a file of them", "nothing",
                         "write for example: telos classify runs/mine/model 'what a film'")  # fmt: skip
    facts, shown = run.classify(given[0], given[1:], overrides)
    _answer(facts, as_json, shown)


@app.command(epilog="Example:  telos evaluate runs/mine/model blimp.jsonl.gz")
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")],
    pairs: Annotated[Path, typer.Argument(metavar="PAIRS", help="A JSON Lines file: sentence_good, sentence_bad, UID.")],
    as_json: AsJson = False,
) -> None:
    """Accuracy on minimal pairs: how often the grammatical sentence of two is the likelier one."""
    from telos import run

    result = run.evaluate(model, pairs)
    _answer(result.summary(), as_json, result.describe())


@app.command(epilog='Example:  telos generate runs/mine/model --prompt "def main(" --temperature 0.8 --max-tokens 100')
def generate(  # noqa: PLR0917
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")],
    prompt: Annotated[
        list[str] | None, typer.Option(help="Text to continue; may be given several times. Default: start a new text.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Most tokens to add.")] = 100,
    temperature: Annotated[float | None, typer.Option(help="0 takes the likeliest token. Default 0.8.")] = None,
    top_k: Annotated[int | None, typer.Option(help="Draw from the k likeliest.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Draw from the fewest that hold this share.")] = None,
    min_p: Annotated[float | None, typer.Option(help="Draw from those at least this share of the likeliest.")] = None,
    repetition_penalty: Annotated[float | None, typer.Option(help="Above 1: repeat less.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same text. Default 1.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="Stop before this text; may be given several times.")] = None,
    beams: Annotated[
        int | None, typer.Option(metavar="N", help="Search for the most probable text with N beams instead of drawing one.")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="With --beams: 0 for the most probable text, more for longer ones. Default 0.6.")
    ] = None,
    n_best: Annotated[int | None, typer.Option(metavar="N", help="With --beams: show the N best texts. Default 1.")] = None,
    as_json: AsJson = False,
) -> None:
    """Continue a prompt, or answer it where the model is an encoder-decoder; streams to the terminal."""
    from telos import run

    drawing = _given(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition_penalty=repetition_penalty,
                     seed=seed, stop=stop)  # fmt: skip
    searching = _given(length_penalty=length_penalty, n_best=n_best)
    prompts = prompt or [""]
    if beams is None and searching:
        raise TelosError(f"--{next(iter(searching)).replace('_', '-')} goes with --beams", "no --beams", "add --beams 4")
    if beams is not None:
        if drawing:
            raise TelosError("--beams searches for the most probable text, and nothing is drawn",
                             f"--{next(iter(drawing)).replace('_', '-')} beside it", "give one of them")  # fmt: skip
        done = run.beam_search(model, prompts, {"beams": beams, "max_tokens": max_tokens} | searching)
        _answer(done, as_json, "\n\n".join(f"{one['score']:.3f}  {one['text']}" for one in done["generations"]))
        return
    settings = {"max_tokens": max_tokens, "temperature": 0.8} | drawing
    if as_json or len(prompts) > 1:
        done = run.generate(model, prompts, settings)
        _answer(done, as_json, "\n\n".join(one["prompt"] * done["continued"] + one["text"] for one in done["generations"]))
        return
    pieces = run.stream(model, prompts[0], settings)  # checks model and prompt before anything is shown
    for piece in chain(pieces, ["\n"]):
        sys.stdout.write(piece)
        sys.stdout.flush()


@app.command("import", epilog="Example:  telos import openai-community/gpt2 --out models/gpt2")
def import_model(  # noqa: PLR0917
    source: Annotated[
        str, typer.Argument(metavar="MODEL", help="A folder in the Hugging Face layout, OWNER/NAME on the hub, or an ARPA file.")
    ],
    out: Out = None,
    revision: Annotated[
        str | None, typer.Option(help="Of a model on the hub: branch, tag or commit.", show_default=False)
    ] = None,
    end_of_text: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="The token that ends a document, where its tokenizer does not say.")
    ] = None,
    begin_of_text: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="The token that begins one, where that is another.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Of an ARPA file: the folder of the tokenizer whose tokens its words are.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make somebody's model a folder that every verb takes: weights, settings and tokenizer, each understood or refused by name.

    HF_ENDPOINT names a mirror of the hub; with HF_HUB_OFFLINE=1 only its cache is read.
    """
    from telos import recipe
    from telos.models import importing

    facts = importing.import_model(source, out or recipe.default_folder([source], "models"), revision=revision,
                                   end_of_text=end_of_text, begin_of_text=begin_of_text, tokenizer=tokenizer)  # fmt: skip
    _answer(facts, as_json, importing.describe(facts))


@app.command(epilog="Example:  telos export runs/mine/model --to arpa --out mine.arpa.gz")
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")],
    to: Annotated[str, typer.Option(metavar="KIND", help="The form (telos list exports).", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File to write.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write a model in a form that other tools read.  Model folders of Transformers are in transformers' form already."""
    from telos.export import export_model

    facts = export_model(model, to, out)
    _answer(facts, as_json, f"{facts['to']}: {facts['bytes']:,} bytes in {facts['written']}")


@app.command("list", epilog="Example:  telos list objectives")
def list_family(
    family: Annotated[
        str | None, typer.Argument(help="sources, splits, tokenizers, models, objectives, optimizers …; none: all families.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What there is to choose from, each with its first line of documentation."""
    from telos import recipe

    found = recipe.members(family)
    lines = [f"{name}\n" + "\n".join(f"  {kind:<24} {text}" for kind, text in members.items()) for name, members in found.items()]
    _answer(found, as_json, "\n\n".join(lines))


@app.command(epilog="Example:  telos explain recipes/default.yaml train.budget=10m")
def explain(
    words: Annotated[list[str] | None, _words("RECIPE", "A recipe file")] = None,
    as_json: AsJson = False,
    doc: Annotated[bool, typer.Option("--doc", help="Say what the settings mean.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of recipes, for editors.")] = False,
) -> None:
    """The resolved recipe, where each value came from, and what the model will take.  No recipe: the defaults of `telos run`."""
    from telos import recipe

    if schema:
        _answer(recipe.schema(), True, "")
        return
    paths, overrides = _split(words)
    path = _at_most_one(paths, "telos explain takes one recipe")
    made, origin = recipe.resolve(recipe.from_file(path) if path else {}, overrides)
    if doc:
        found = recipe.reference(made)
        _answer(found, as_json, recipe.render_reference(found))
        return
    facts, lines = recipe.estimate(made)
    _answer({"recipe": made.dump(), "hash": made.hash(), "origin": origin, "model": facts}, as_json,
            f"{recipe.render(made, origin)}\n{lines}")  # fmt: skip


@app.command(epilog="Example:  telos doctor")
def doctor(as_json: AsJson = False) -> None:
    """What this machine can do: cores, memory, instructions, compiler, measured matrix-product rates, optional parts."""
    from telos import doctor

    facts = doctor.examine()
    _answer(facts, as_json, doctor.render(facts))


@app.command()
def version() -> None:
    """The version of Telos."""
    from telos import __version__

    typer.echo(__version__)


def _given(**options: Any) -> dict[str, Any]:
    """The options that the command line names."""
    return {name: value for name, value in options.items() if value not in (None, [])}


def _one_budget(budgets: list[str] | None) -> str | None:
    if len(budgets or []) > 1:
        raise TelosError("a run has one budget", " and ".join(f"--budget {b}" for b in budgets or []), "give one of them")
    return budgets[0] if budgets else None


def _split(words: list[str] | None) -> tuple[list[str], list[str]]:
    from telos.foundation.overrides import split_arguments

    if "" in (words or []):  # not "no path", which means this Python installation
        raise TelosError("a path must have at least one character", "an empty word, as of a variable that is not set",
                         "give the path, or leave it out")  # fmt: skip
    if any(word.startswith("=") for word in words or []):
        raise TelosError(
            "a setting must be written without spaces", " ".join(words or []), "write for example model.num_layers=4"
        )
    return split_arguments(words or [])


def _at_most_one(paths: list[str], must: str) -> str | None:
    if len(paths) > 1:
        raise TelosError(must, f"{len(paths)}: {', '.join(paths)}", "give one (put several texts into one folder)")
    return paths[0] if paths else None


def _exactly_one(paths: list[str], must: str, example: str) -> str:
    if len(paths) != 1:
        raise TelosError(must, f"{len(paths)}", f"write for example: {example}")
    return paths[0]


def _answer(data: Any, as_json: bool, text: str) -> None:
    """Results go to standard output: for people, or as one last line of JSON."""
    if as_json:
        import json

        import orjson

        line = orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        if sys.stdout.encoding.lower() != "utf-8":
            line = json.dumps(json.loads(line))  # with \u escapes, which every encoding holds
        sys.stdout.write(line + "\n")
    else:
        sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def main() -> None:
    """The console script: errors that the user can mend become three lines and exit code 2.

    Exit codes as of other programs: 130 after Ctrl-C, 141 where the reader of the output has gone (`telos … | head`).
    """
    # Threads that wait for work spin only for some microseconds: as fast alone, and twice as fast beside other work.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal in GBK has no 🙂
    try:
        for word in sys.argv[1:]:
            _require_utf8(word)
        code = app(standalone_mode=False)  # Ctrl-C comes back as 130, --help as 0
    except SystemExit:  # so typer ends where standard output is closed; it has silenced the interpreter's complaint
        code = 141
    except Exception as raised:
        error = _full_disk(raised) or raised
        code = getattr(error, "exit_code", None)
        if code is None:
            raise
        if hasattr(error, "show"):  # the parser's own: it shows usage and what was wrong
            error.show()
        else:
            sys.stderr.write(f"{'error: ' if isinstance(error, TelosError) else ''}{error}\n")
        _tell_programs(_facts(error))
    else:
        if code == 130:
            sys.stderr.write("interrupted\n")
            _tell_programs({"stopped_by": "SIGINT"})
    sys.exit(code if isinstance(code, int) else 0)


def _facts(error: Exception) -> dict[str, Any]:
    """An error, or the end by a signal, as one JSON object."""
    if isinstance(error, TelosError):
        return {"error": {"must": error.must, "found": error.found, "to_do": error.fix}}
    if hasattr(error, "format_message"):  # of the parser
        return {"error": {"must": "a command must be as telos --help says", "found": error.format_message(),
                          "to_do": "see telos VERB --help"}}  # fmt: skip
    return getattr(error, "facts", {"error": {"must": str(error), "found": type(error).__name__, "to_do": ""}})


def _tell_programs(facts: dict[str, Any]) -> None:
    """Who asked for ``--json`` gets one JSON object however a command ends."""
    if "--json" in sys.argv:
        _answer(facts, True, "")


def _full_disk(error: Exception) -> TelosError | None:
    """A disk that fills up while a library writes, wherever that is."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return TelosError("there must be room on the disk", str(error), "free some room or choose another --out, and run it again")


def _require_utf8(word: str) -> None:
    try:
        word.encode()
    except UnicodeEncodeError:
        raise TelosError("arguments must be UTF-8", repr(os.fsencode(word))[1:], "rename the file, or give the folder it is in"
                         ) from None  # fmt: skip


if __name__ == "__main__":
    main()
