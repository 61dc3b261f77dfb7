"""Verbs over many runs: `telos compare`."""

from pathlib import Path
from typing import Annotated

import typer

from telos.foundation.errors import TelosError
from telos.verbs.answers import answer
from telos.verbs.arguments import AsJson, Out, one_budget, split, words_of

app = typer.Typer()


@app.command(
    epilog="Example:  telos compare recipes/models/ngram.yaml recipes/models/gru.yaml --budget 3m --seeds 3 --out runs/which"
)
def compare(  # noqa: PLR0917
    words: Annotated[list[str] | None, words_of("RECIPE", "Two recipe files or more")] = None,
    budget: Annotated[
        list[str] | None, typer.Option(help="Of each run: time (3m), tokens (5M tokens) or FLOPs (1e15 FLOPs). Default 3m.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each recipe, with seeds 1, 2 and so on.")] = 1,
    yardsticks: Annotated[
        str | None, typer.Option(metavar="A,B", help="What to measure (telos list yardsticks). Default: all that apply.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Hold all others against this recipe. Default: the best against the others."),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Held-out text for all. Default: what the corpus holds out.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(metavar="FILE", help="Minimal pairs, JSON Lines in BLiMP's form.")] = None,
    labelled: Annotated[Path | None, typer.Option(metavar="FILE", help="Texts with labels: a table or JSON Lines.")] = None,
    text_field: Annotated[str, typer.Option(metavar="NAME", help="Of the labelled set.")] = "text",
    label_field: Annotated[str, typer.Option(metavar="NAME", help="Of the labelled set.")] = "label",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of a labelled table without a header line.", show_default=False)
    ] = None,
    judge: Annotated[Path | None, typer.Option(metavar="MODEL", help="A model folder that judges what others write.")] = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Train several recipes at equal compute and say which is better at what, with intervals.

    The recipes may differ in anything; corpus, tokenizer and token stores that are the same are made once.  Runs take turns, seed
    by seed.  The same command goes on where it was stopped, and more seeds or recipes may be added.  Exit code 1 where a recipe
    failed; the others are compared.
    """
    from telos.lab import comparing

    recipes, overrides = split(words)
    if out is None:
        raise TelosError("a comparison needs a folder", "no --out", "add for example --out runs/comparison")
    kinds = None if yardsticks is None else [one.strip() for one in yardsticks.split(",") if one.strip()]
    result = comparing.compare(recipes, out=out, budget=one_budget(budget) or comparing.DEFAULT_BUDGET, seeds=seeds,
                               yardsticks=kinds, against=against, texts=texts, pairs=pairs, labelled=labelled, judge=judge,
                               text_field=text_field, label_field=label_field, columns=columns.split(",") if columns else (),
                               overrides=overrides)  # fmt: skip
    answer(result.summary(), as_json, result.describe())
    if result.exit_code:
        raise typer.Exit(result.exit_code)
