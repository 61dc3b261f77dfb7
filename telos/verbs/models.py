"""What one does with a model folder: score, classify, evaluate, generate; and weights in and out."""

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from telos.foundation.errors import TelosError
from telos.verbs.answers import answer
from telos.verbs.arguments import AsJson, Out, given, model_and_texts, seconds_of, split, words_of

app = typer.Typer()


@app.command(epilog="Example:  telos score runs/mine/model held_out.txt")
def score(
    words: Annotated[list[str] | None, words_of("MODEL TEXT", "A model folder, and a file or folder of text")] = None,
    as_json: AsJson = False,
) -> None:
    """Bits per byte of a text under a model, with interval, beside what gzip and xz need."""
    from telos import run

    paths, overrides = split(words)
    if len(paths) != 2:
        raise TelosError("telos score takes a model and a text", f"{len(paths)} paths{': ' * bool(paths)}{', '.join(paths)}",
                         "write for example: telos score runs/mine/model held_out.txt")  # fmt: skip
    if (Path(paths[1]) / "config.json").is_file() and not (Path(paths[0]) / "config.json").is_file():
        raise TelosError("telos score takes the model first, and then the text", f"{paths[0]} is no model, {paths[1]} is one",
                         f"write: telos score {paths[1]} {paths[0]}")  # fmt: skip
    result = run.score(paths[0], paths[1], overrides)
    answer(result.summary(), as_json, result.describe())


@app.command(epilog="Example:  telos classify runs/mine/model 'what a film' 'never again'")
def classify(
    words: Annotated[list[str] | None, words_of("MODEL TEXT", "A model folder, and texts, or a file or folder of them")] = None,
    as_json: AsJson = False,
) -> None:
    """The class of each text, with its probability, under a model that was trained with objective=classification.

    Of a file with labels (corpus.label_field=NAME) also the accuracy.
    """
    from telos import run

    model, texts, overrides = model_and_texts(words, "classify", "'what a film'")
    facts, shown = run.classify(model, texts, overrides)
    answer(facts, as_json, shown)


@app.command(epilog="Example:  telos predict runs/mine/model 'what a film' 'never again'")
def predict(
    words: Annotated[list[str] | None, words_of("MODEL TEXT", "A model folder, and texts, or a file or folder of them")] = None,
    as_json: AsJson = False,
) -> None:
    """What a model tells of each text: its class, a number, the tags of its words, or the answer to a question.

    That hangs on the objective it was trained with: classification, regression, tagging or span_extraction (of which the first
    text is the question and the second the context).  Of a file with the truth (corpus.value_field=NAME …) also the figures.
    """
    from telos import run

    model, texts, overrides = model_and_texts(words, "predict", "'what a film'")
    facts, shown = run.predict(model, texts, overrides)
    answer(facts, as_json, shown)


@app.command(epilog="Example:  telos embed runs/mine/model texts.jsonl --out vectors.npy")
def embed(
    words: Annotated[list[str] | None, words_of("MODEL TEXT", "A model folder, and texts, or a file or folder of them")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A .npy or .jsonl file for the vectors.", show_default=False)
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Of each vector the first values, as many as it was trained for.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The vector of each text, under a model that was trained with objective=contrastive: a JSON object a line, or a file.

    Of a file with pairs (corpus.target_field=NAME) also how well each finds its own, and of one that says how alike they are
    (corpus.value_field=NAME) the correlation with that.
    """
    from telos import run

    model, texts, overrides = model_and_texts(words, "embed", "'what a film'")
    facts, shown = run.embed(model, texts, overrides, out=out, size=size)
    answer(facts, as_json, shown)


@app.command(
    epilog="Example:  telos evaluate runs/mine/model blimp.jsonl.gz   or   "
    "telos evaluate runs/mine/model --yardsticks cloze,bits_per_byte --texts held_out.txt"
)
def evaluate(  # noqa: PLR0917
    words: Annotated[
        list[str] | None, words_of("MODEL [PAIRS]", "A model folder; a JSON Lines file: sentence_good, sentence_bad, UID")
    ] = None,
    yardsticks: Annotated[
        str | None, typer.Option(metavar="A,B", help="Measure these (telos list yardsticks), or all that apply: all.")
    ] = None,
    texts: Annotated[Path | None, typer.Option(metavar="PATH", help="Held-out text: a file or folder.")] = None,
    pairs: Annotated[Path | None, typer.Option(metavar="FILE", help="Minimal pairs, for the yardstick of that name.")] = None,
    labelled: Annotated[Path | None, typer.Option(metavar="FILE", help="Texts with labels: a table or JSON Lines.")] = None,
    text_field: Annotated[str, typer.Option(metavar="NAME", help="Of the labelled set.")] = "text",
    label_field: Annotated[str, typer.Option(metavar="NAME", help="Of the labelled set.")] = "label",
    columns: Annotated[
        str | None, typer.Option(metavar="A,B", help="Of a labelled table without a header line.", show_default=False)
    ] = None,
    judge: Annotated[Path | None, typer.Option(metavar="MODEL", help="A model folder that judges what is generated.")] = None,
    seed: Annotated[int, typer.Option(help="Of what is drawn: words, prompts, parts of the labelled set.")] = 1,
    budget: Annotated[
        str | None, typer.Option(metavar="TIME", help="Begin no new items of a yardstick after so long: 2m.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Accuracy on minimal pairs, or a model on yardsticks on which models of any objective compare.

    Pairs: how often the grammatical sentence of two is the likelier one.
    """
    from telos import run

    paths, overrides = split(words)
    if not 1 <= len(paths) <= 2 or (yardsticks is None) != (len(paths) == 2):
        raise TelosError("telos evaluate takes a model, and either a file of minimal pairs or --yardsticks",
                         f"{len(paths)} paths{', and --yardsticks' * (yardsticks is not None)}",
                         "write for example: telos evaluate runs/mine/model blimp.jsonl.gz")  # fmt: skip
    if yardsticks is None:
        if overrides:
            raise TelosError("minimal pairs have no settings", overrides[0], "leave it out, or name yardsticks: --yardsticks")
        result = run.evaluate(paths[0], paths[1])
        answer(result.summary(), as_json, result.describe())
        return
    kinds = [one.strip() for one in yardsticks.split(",") if one.strip()]
    material = {"texts": texts, "pairs": pairs, "labelled": labelled, "judge": judge, "text_field": text_field,
                "label_field": label_field, "columns": tuple((columns or "").split(",")) if columns else (), "seed": seed,
                "budget_seconds": seconds_of(budget)}  # fmt: skip
    found = run.measure(paths[0], kinds, overrides, **material)
    answer(found.summary(), as_json, found.describe())


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
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Of a model that unmasks: passes over the text. Default: one a token.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Of a model that unmasks: random, or confidence for the most certain first. Default random."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Continue a prompt, or answer it where the model is an encoder-decoder; streams to the terminal.

    A model that was trained with objective=masked_diffusion writes by unmasking: --steps and --order."""
    from telos import run

    drawing = given(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, repetition_penalty=repetition_penalty,
                     seed=seed, stop=stop, steps=steps, order=order)  # fmt: skip
    searching = given(length_penalty=length_penalty, n_best=n_best)
    prompts = prompt or [""]
    if beams is None and searching:
        raise TelosError(f"--{next(iter(searching)).replace('_', '-')} goes with --beams", "no --beams", "add --beams 4")
    if beams is not None:
        if drawing:
            raise TelosError("--beams searches for the most probable text, and nothing is drawn",
                             f"--{next(iter(drawing)).replace('_', '-')} beside it", "give one of them")  # fmt: skip
        done = run.beam_search(model, prompts, {"beams": beams, "max_tokens": max_tokens} | searching)
        answer(done, as_json, "\n\n".join(f"{one['score']:.3f}  {one['text']}" for one in done["generations"]))
        return
    settings = {"max_tokens": max_tokens, "temperature": 0.8} | drawing
    if as_json or len(prompts) > 1:
        done = run.generate(model, prompts, settings)
        answer(done, as_json, "\n\n".join(one["prompt"] * done["continued"] + one["text"] for one in done["generations"]))
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
    answer(facts, as_json, importing.describe(facts))


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
    answer(facts, as_json, f"{facts['to']}: {facts['bytes']:,} bytes in {facts['written']}")
