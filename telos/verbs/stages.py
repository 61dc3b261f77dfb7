"""The stages by themselves: `telos corpus …`, `telos tokenizer …`."""

from typing import Annotated

import typer

from telos.verbs.answers import answer
from telos.verbs.arguments import AsJson, Folder, Out, Recipe, split, words_of

corpus_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Build or inspect a corpus.")
tokenizer_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Train or inspect a tokenizer.")


@corpus_app.command("build", epilog="Example:  telos corpus build crawl/ --recipe recipes/corpus/web-en.yaml --out corpora/web")
def corpus_build(
    words: Annotated[list[str] | None, words_of("SOURCE", "Files, folders or addresses")] = None,
    recipe_file: Recipe = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Clean, filter, deduplicate and split texts.

    SOURCE… are files and folders, or addresses (https://…, hf://OWNER/NAME); none: what the recipe names, or this Python
    installation.  Killed, the same command goes on where it stood.
    """
    from telos import corpora, recipe

    paths, overrides = split(words)
    corpus = corpora.build(paths, overrides, out or recipe.default_folder(paths, "corpora"), recipe_file)
    answer(corpus[0], as_json, corpus[1])


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
        answer(shown, as_json, examples.render(shown))
        return
    if why is not None:
        found = whereabouts.find(folder, why)
        answer(found, as_json, whereabouts.render(found))
        return
    summary = inspect.summarize(folder, samples)
    answer(summary, as_json, inspect.render(summary))


@tokenizer_app.command("train", epilog="Example:  telos tokenizer train texts/ --out tokenizers/mine tokenizer.vocab_size=8192")
def tokenizer_train(
    words: Annotated[list[str] | None, words_of("SOURCE", "Files or folders")] = None, out: Out = None, as_json: AsJson = False
) -> None:
    """Train a tokenizer on files, a folder or a corpus that `telos corpus build` made."""
    from telos import corpora, recipe

    paths, overrides = split(words)
    trained = corpora.train_tokenizer(paths, overrides, out or recipe.default_folder(paths, "tokenizers"))
    answer(trained[0], as_json, trained[1])


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
    answer(summary, as_json, inspect.render(summary))
