"""The verbs of the command line, each a few lines that call one function below; those of stages and of model folders stand in
`telos.verbs`.

Nothing heavy is imported before a verb needs it: ``telos --help`` must answer at once.
"""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from telos.foundation.errors import TelosError
from telos.verbs import many, models, stages
from telos.verbs.answers import answer, facts_of, tell_programs
from telos.verbs.arguments import AsJson, Out, Recipe, at_most_one, exactly_one, one_budget, split, words_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Turn text that you own into a language model that you can trust, on the machine that you have.\n\n"
    "Anything of the form name.name=value overrides a setting of the recipe (telos explain shows them all).\n\n"
    "Example:  telos run my_texts/ --budget 3m --out runs/mine",
)
app.add_typer(stages.corpus_app, name="corpus")
app.add_typer(stages.tokenizer_app, name="tokenizer")


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
    words: Annotated[list[str] | None, words_of("PATH", "A file or folder")] = None,
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

    paths, overrides = split(words)
    data = recipe.for_path(at_most_one(paths, "telos run takes one path"), one_budget(budget), recipe_file, overrides)
    made, _ = recipe.resolve(data, overrides)
    result = run.run(made, out or recipe.default_folder(paths), process_started())
    answer(result.summary(), as_json, result.describe())


@app.command(epilog="Example:  telos train recipes/shakespeare-char-cpu.yaml corpus.path=input.txt --out runs/chars")
def train(
    words: Annotated[list[str] | None, words_of("RECIPE", "A recipe file")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Time, steps, tokens or epochs, instead of the recipe's train.budget.")
    ] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """One run of a recipe: a trained model and its validation figure, without baselines and report."""
    from telos import recipe, run
    from telos.foundation.machine import process_started

    paths, overrides = split(words)
    path = exactly_one(paths, "telos train takes one recipe", "telos train recipes/default.yaml")
    called = one_budget(budget)
    made, _ = recipe.resolve(recipe.from_file(path), overrides + ([f"train.budget={called}"] if called else []))
    result = run.train(made, out or recipe.default_folder([Path(path).stem]), process_started())
    answer(result.summary(), as_json, result.describe())


# Here, since --help lists verbs in this order.
app.registered_commands += models.app.registered_commands + many.app.registered_commands


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
    answer(found, as_json, "\n\n".join(lines))


@app.command(epilog="Example:  telos explain recipes/default.yaml train.budget=10m")
def explain(
    words: Annotated[list[str] | None, words_of("RECIPE", "A recipe file")] = None,
    as_json: AsJson = False,
    doc: Annotated[bool, typer.Option("--doc", help="Say what the settings mean.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of recipes, for editors.")] = False,
) -> None:
    """The resolved recipe, where each value came from, and what the model will take.  No recipe: the defaults of `telos run`."""
    from telos import recipe

    if schema:
        answer(recipe.schema(), True, "")
        return
    paths, overrides = split(words)
    path = at_most_one(paths, "telos explain takes one recipe")
    made, origin = recipe.resolve(recipe.from_file(path) if path else {}, overrides)
    if doc:
        found = recipe.reference(made)
        answer(found, as_json, recipe.render_reference(found))
        return
    facts, lines = recipe.estimate(made)
    answer({"recipe": made.dump(), "hash": made.hash(), "origin": origin, "model": facts}, as_json,
            f"{recipe.render(made, origin)}\n{lines}")  # fmt: skip


@app.command(epilog="Example:  telos doctor")
def doctor(as_json: AsJson = False) -> None:
    """What this machine can do: cores, memory, instructions, compiler, measured matrix-product rates, optional parts."""
    from telos import doctor

    facts = doctor.examine()
    answer(facts, as_json, doctor.render(facts))


@app.command()
def version() -> None:
    """The version of Telos."""
    from telos import __version__

    typer.echo(__version__)


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
        tell_programs(facts_of(error))
    else:
        if code == 130:
            sys.stderr.write("interrupted\n")
            tell_programs({"stopped_by": "SIGINT"})
    sys.exit(code if isinstance(code, int) else 0)


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
