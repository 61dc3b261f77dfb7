"""Words of the command line: which are paths and which settings, and options that several verbs have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from telos.foundation.errors import TelosError


def words_of(metavar: str, help: str) -> Any:
    """Positional words: paths (``metavar``) and settings, in any order."""
    return typer.Argument(metavar=metavar, help=f"{help}; settings as name.name=value.", show_default=False)


Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder.", show_default=False)]
Out = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to.", show_default=False)]
Recipe = Annotated[
    Path | None, typer.Option("--recipe", metavar="FILE", help="A recipe to start from; settings given beside it override it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Make the last line of standard output one JSON object.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that the command line names."""
    return {name: value for name, value in options.items() if value not in (None, [])}


def one_budget(budgets: list[str] | None) -> str | None:
    if len(budgets or []) > 1:
        raise TelosError("a run has one budget", " and ".join(f"--budget {b}" for b in budgets or []), "give one of them")
    return budgets[0] if budgets else None


def seconds_of(time: str | None) -> float | None:
    """Of an option that is a time, such as 2m."""
    from telos.foundation.units import Duration

    if time is None:
        return None
    try:
        duration = Duration.parse(time)
    except ValueError as error:
        raise TelosError("this budget must be a time", f"--budget {time} ({error})", "write for example --budget 2m") from None
    if duration.unit != "seconds":
        raise TelosError("this budget must be a time", f"--budget {time}", "write for example --budget 2m")
    return duration.value


def model_and_texts(words: list[str] | None, verb: str, example: str) -> tuple[str, list[str], list[str]]:
    """A model folder, texts or files of them, and settings; `TelosError` where no model is named."""
    given, overrides = split(words)
    if not given:
        raise TelosError(f"telos {verb} takes a model and texts, or a file of them", "nothing",
                         f"write for example: telos {verb} runs/mine/model {example}")  # fmt: skip
    return given[0], given[1:], overrides


def split(words: list[str] | None) -> tuple[list[str], list[str]]:
    from telos.foundation.overrides import split_arguments

    if "" in (words or []):  # not "no path", which means this Python installation
        raise TelosError("a path must have at least one character", "an empty word, as of a variable that is not set",
                         "give the path, or leave it out")  # fmt: skip
    if any(word.startswith("=") for word in words or []):
        raise TelosError(
            "a setting must be written without spaces", " ".join(words or []), "write for example model.num_layers=4"
        )
    return split_arguments(words or [])


def at_most_one(paths: list[str], must: str) -> str | None:
    if len(paths) > 1:
        raise TelosError(must, f"{len(paths)}: {', '.join(paths)}", "give one (put several texts into one folder)")
    return paths[0] if paths else None


def exactly_one(paths: list[str], must: str, example: str) -> str:
    if len(paths) != 1:
        raise TelosError(must, f"{len(paths)}", f"write for example: {example}")
    return paths[0]
