"""The recipe: one spec that holds a whole run, where it comes from, and where each of its values came from."""

import importlib
import inspect
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from telos.corpus.about import About
from telos.corpus.clean import Clean
from telos.corpus.engines import Engine
from telos.corpus.sources import Source
from telos.corpus.sources.hugging_face import is_saved_dataset
from telos.corpus.split import Split
from telos.default_size import sized
from telos.evaluate.settings import Evaluate
from telos.foundation import overrides as laid_over
from telos.foundation import yaml
from telos.foundation.errors import TelosError, nearest
from telos.foundation.spec import Spec, plain
from telos.models import Model
from telos.objectives import Objective
from telos.optim.optimizers import Optimizer
from telos.optim.schedules import Schedule
from telos.tokens.tokenizers import Tokenizer
from telos.train.settings import Train

if TYPE_CHECKING:
    from telos.run import Result

COMMAND_LINE = "the command line"
"""The origin of what `telos run PATH --budget B` says without naming a setting."""

Origin = dict[str, str]
"""Dotted path of a setting → where its value came from."""

FAMILIES = {
    "sources": "telos.corpus.sources:Source",
    "filters": "telos.corpus.filters:Filter",
    "dedup": "telos.corpus.dedup:Deduplication",
    "splits": "telos.corpus.split:Split",
    "engines": "telos.corpus.engines:Engine",
    "tokenizers": "telos.tokens.tokenizers:Tokenizer",
    "models": "telos.models:Model",
    "objectives": "telos.objectives:Objective",
    "terms": "telos.objectives.terms:Term",
    "optimizers": "telos.optim.optimizers:Optimizer",
    "schedules": "telos.optim.schedules:Schedule",
    "metrics": "telos.evaluate.metrics:Metric",
    "watchers": "telos.train.watchers:Watcher",
    "exports": "telos.export:Export",
    "yardsticks": "telos.evaluate.yardsticks:Yardstick",
}


class Run(Spec):
    """One run, from text to a measured model::

        telos.Run(corpus=telos.Files("my_texts/"), model=telos.Transformer(num_layers=4)).run("runs/mine")

    Every part has a default; each is also a key of a YAML recipe and of an override on the command line.  Layers and width of a
    Transformer that nobody names follow the budget (`telos.default_size`).
    """

    corpus: Source = Field(default_factory=lambda: Source.parse("installation"))
    clean: Clean = Clean()
    split: Split = Field(default_factory=lambda: Split.parse({}))
    engine: Engine = Field(default_factory=lambda: Engine.parse({}))
    about: About = About()
    tokenizer: Tokenizer = Field(default_factory=lambda: Tokenizer.parse({}))
    model: Model = Field(default_factory=lambda: Model.parse({}))
    objective: Objective = Field(default_factory=lambda: Objective.parse({}))
    optimizer: Optimizer = Field(default_factory=lambda: Optimizer.parse({}))
    schedule: Schedule = Field(default_factory=lambda: Schedule.parse({}))
    training: Train = Field(default_factory=Train, alias="train")
    evaluate: Evaluate = Evaluate()

    @model_validator(mode="before")
    @classmethod
    def _with_a_size(cls, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data.get("model"), Model):
            return data
        train = data.get("train", data.get("training"))
        said = train.get("budget") if isinstance(train, dict) else getattr(train, "budget", None)
        return data | {"model": sized(data.get("model"), Train.model_fields["budget"].default if said is None else said)}

    @model_validator(mode="after")
    def _with_a_fitted_objective(self) -> "Run":
        object.__setattr__(self, "objective", self.objective.fitted(self.model))  # frozen only from here on
        return self

    def run(self, out: str | Path) -> "Result":
        """Text to measured model, with baselines and report, in the folder ``out``; continues what is there."""
        from telos import run

        return run.run(self, Path(out))

    def train(self, out: str | Path) -> "Result":
        """Text to trained model and its held-out figure, in the folder ``out``; continues what is there."""
        from telos import run

        return run.train(self, Path(out))


def for_path(
    path: str | None, budget: str | None, file: str | Path | None = None, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Data of the recipe that `telos run PATH --recipe FILE --budget B` means, before ``overrides`` are laid over it."""
    data = over_file(source_of([path] if path else [], overrides), file) | {"#": str(file or COMMAND_LINE)}
    if budget is not None:
        data["train"] = (data.get("train") or {}) | {"budget": budget}
    return data


def source_of(paths: list[str], overrides: Sequence[str] = ()) -> dict[str, Any] | None:
    """Settings of the source that paths and addresses on a command line mean; None where there are none.

    ``hf://OWNER/NAME`` is a dataset; an address that ends as web archives and lists of them do is an archive, any other a site to
    crawl; a folder that ``save_to_disk`` wrote is a dataset; the rest are files and folders.  An override ``corpus.kind=KIND``
    has the last word.  `TelosError` where they are of several kinds, or of one that takes none from the command line."""
    if not paths:
        return None
    named = _named_kind(overrides, paths)
    kinds = {_kind_of(path) for path in paths} if named is None else {named}
    if len(kinds) > 1:
        raise TelosError("the texts on a command line must come from one kind of source", ", ".join(sorted(kinds)),
                         "put them into a mixture: corpus.kind=mixture in a recipe (telos list sources)")  # fmt: skip
    kind, given = kinds.pop(), paths[0] if len(paths) == 1 else paths
    if kind == "hugging_face":
        if len(paths) > 1:
            raise TelosError(
                "telos takes one dataset at a time", ", ".join(paths), "put them into a mixture: corpus.kind=mixture"
            )
        return {"kind": kind, "name": given}
    if kind == "warc" and len(paths) == 1 and paths[0].endswith((".paths", ".paths.gz")):
        return {"kind": kind, "paths": given}
    return {"kind": kind, "start" if kind == "web" else "path": given}


def _named_kind(overrides: Sequence[str], paths: list[str]) -> str | None:
    """The kind of source that an override names; None where none does, or one that there is not, which is told later."""
    named = [value for path, value in map(laid_over.parse, overrides) if path == ("corpus", "kind")]
    if not named or named[-1] not in Source.kinds():
        return None
    kind = str(named[-1])
    if kind not in ("files", "hugging_face", "warc", "web"):
        raise TelosError(f"a source of kind {kind} has no place for texts on the command line", ", ".join(paths),
                         f"leave them out, or leave corpus.kind={kind} out")  # fmt: skip
    return kind


def _kind_of(path: str) -> str:
    if path.startswith("hf://") or is_saved_dataset(path):
        return "hugging_face"
    if path.lower().startswith(("http://", "https://")):
        return "warc" if path.lower().removesuffix(".gz").endswith((".warc", ".wet", ".arc", ".paths")) else "web"
    return "files"


def over_file(source: dict[str, Any] | None, file: str | Path | None) -> dict[str, Any]:
    """Data of a recipe file, or of none, with a source in the place of its own: settings of a source of the same kind stand."""
    data = from_file(file) if file is not None else {}
    own = data.get("corpus") or {}
    own = {"kind": own} if isinstance(own, str) else own
    if source is not None:
        same = own.get("kind", "files") == source["kind"]
        data["corpus"] = (own if same else {}) | source
    elif not own:
        data["corpus"] = {"kind": "installation"}
    return data


def from_file(path: str | Path) -> dict[str, Any]:
    """Data of a recipe file; where each line stands is kept for `resolve`."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TelosError("a recipe must be a file", f"no file {path}", "check the path (recipes/ holds examples)") from None
    except IsADirectoryError:
        raise TelosError("a recipe must be a YAML file", f"{path} is a folder",
                         f"give a file such as recipes/default.yaml, or a folder of texts as corpus.kind=files corpus.path={path}"
                         ) from None  # fmt: skip
    except (NotADirectoryError, UnicodeDecodeError):
        raise TelosError("a recipe must be a YAML file", f"{path} is none", "give a file such as recipes/default.yaml") from None
    except OSError as error:
        raise TelosError(f"the recipe {path} must be readable", error.strerror or str(error), "change its permissions") from None
    data = yaml.load(text, str(path)) or {}
    if not isinstance(data, dict):
        raise TelosError(
            f"{path}: a recipe must be a mapping", f"a {type(data).__name__}", "write lines such as 'train: {budget: 3m}'"
        )
    _require_words(data, str(path))
    return data | {"#": str(path), "#lines": yaml.lines(text)}


def _require_words(data: Any, name: str) -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            if not isinstance(key, str):
                raise TelosError(f"{name}: names of settings must be words", repr(key), "rename or remove it")
            _require_words(value, name)
    elif isinstance(data, list):
        for value in data:
            _require_words(value, name)


def resolve(data: dict[str, Any], overrides: list[str]) -> tuple[Run, Origin]:
    """The recipe with overrides laid over it, and the origin of every value."""
    name, lines = data.get("#", "the call"), data.get("#lines", {})
    given = {key: value for key, value in data.items() if key not in ("#", "#lines")}
    called = given["train"]["budget"] if name == COMMAND_LINE and "train" in given else None
    _refuse_two_budgets(called, overrides)
    laid = laid_over.apply(given, overrides, _default_kinds(Run))
    if called is not None and isinstance(laid["train"], dict):  # `train={…}` replaces the group, not what --budget says
        laid["train"].setdefault("budget", called)
    made = Run.parse(laid)
    changed = [laid_over.parse(override)[0] for override in overrides]
    origin: Origin = {}
    sizes = _sizes(laid, made)
    for path in _leaves(made.dump()):
        # A change inside a list is a change of the list, which is one leaf.
        if any(path[: len(c)] == c or c[: len(path)] == path for c in changed) and _stands(laid, path):
            origin[".".join(path)] = "override"
        elif _stands(given, path) and _stands(laid, path):
            line = next((lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in lines), None)
            origin[".".join(path)] = f"{name}:{line}" if line else name
        else:
            origin[".".join(path)] = f"for a budget of {made.training.budget}" if path in sizes else "default"
    return made, origin


def _sizes(laid: dict[str, Any], made: Run) -> set[tuple[str, str]]:
    """Paths of the settings that follow the budget."""
    filled = sized(laid.get("model"), made.training.budget)
    return {("model", name) for name in filled if name != "kind"} if isinstance(filled, dict) else set()


def _default_kinds(spec: type[Spec], path: str = "") -> dict[str, str]:
    """Dotted path of each family's setting → the kind that a group without one is of."""
    found: dict[str, str] = {}
    for name, info in spec.model_fields.items():
        inner, place = info.annotation, f"{path}{info.alias or name}"
        if isinstance(inner, type) and issubclass(inner, Spec):
            if inner._is_base and inner._default_kind:
                found[place] = inner._default_kind
            found |= _default_kinds(inner, f"{place}.")
    return found


def _refuse_two_budgets(called: str | None, overrides: list[str]) -> None:
    """``called``: what --budget says, None where it is not given."""
    found = [] if called is None else [f"--budget {called}"]
    for override in overrides:
        path, value = laid_over.parse(override)
        if path == ("train", "budget") or (path == ("train",) and isinstance(value, dict) and "budget" in value):
            found.append(override)
    if len(found) > 1:
        raise TelosError("a run has one budget", " and ".join(found), "give one of them")


def _leaves(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if isinstance(data, dict) and data:
        return [leaf for key, value in data.items() for leaf in _leaves(value, (*path, key))]
    return [path]


def _stands(data: Any, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if isinstance(data, str):  # the short form of a family: only its kind was given
        return path == ("kind",)
    return isinstance(data, dict) and path[0] in data and _stands(data[path[0]], path[1:])


def render(made: Run, origin: Origin) -> str:
    """The resolved recipe as YAML, each value with its origin as a comment."""
    lines, width = [], 0
    for path in _leaves(made.dump()):
        value: Any = made.dump()
        for part in path:
            value = value[part]
        shown = f"{'.'.join(path)}: {_inline(value)}"
        lines.append((shown, origin[".".join(path)]))
        width = max(width, min(len(shown), 60))
    return "\n".join(f"{shown:<{width}}  # {where}" for shown, where in lines) + f"\n# settings hash {made.hash()}"


def estimate(made: Run) -> tuple[dict[str, Any] | None, str]:
    """What the recipe's model will take, as facts and as comment lines; None and why not, where it cannot be trained so."""
    from telos.plan.sizes import sizes

    try:
        found = sizes(made.model, made.objective, made.optimizer, made.training, made.tokenizer.largest_vocabulary())
    except TelosError as error:
        return None, f"# model: cannot be trained so; {error.must}, found: {error.found}"
    return found.facts(), found.render()


def reference(made: Spec, path: str = "recipe") -> dict[str, dict[str, Any]]:
    """Group of settings → ``kind`` (of a family's member), ``doc`` (what its class says of them) and ``settings`` (name → value);
    groups within groups come after, each by its dotted path."""
    name = {"kind": made.kind()} if made._family is not None else {}
    values = {info.alias or field: getattr(made, field) for field, info in type(made).model_fields.items()}
    own = {key: plain(value) for key, value in values.items() if not isinstance(value, Spec)}
    found: dict[str, dict[str, Any]] = {path: name | {"doc": inspect.cleandoc(type(made).__doc__ or ""), "settings": own}}
    for key, value in values.items():
        if isinstance(value, Spec):
            found |= reference(value, key if path == "recipe" else f"{path}.{key}")
    return found


def render_reference(found: dict[str, dict[str, Any]]) -> str:
    """The groups as text: what each is, what its settings mean, and their values."""
    parts = []
    for path, group in found.items():
        title = f"{path} ({group['kind']})" if "kind" in group else path
        said = textwrap.indent(group["doc"].replace("``", ""), "  ")
        prefix = "" if path == "recipe" else f"{path}."
        values = "\n".join(f"  {prefix}{name} = {_inline(value)}" for name, value in group["settings"].items())
        parts.append("\n".join(part for part in (title, said, "" if values else None, values) if part is not None).rstrip())
    return "\n\n".join(parts)


def _inline(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_inline(inner)}' for name, inner in value.items())}}}"
    return yaml.dump(value).removesuffix("\n").removesuffix("...").strip()


def family(name: str) -> type[Spec]:
    """The base class of a family by the name that `telos list` uses."""
    if name not in FAMILIES:
        meant = nearest(name, list(FAMILIES)) or nearest(name + "s", list(FAMILIES))
        raise TelosError(
            f"a family must be one of {', '.join(FAMILIES)}", repr(name), f"write '{meant}'" if meant else "choose one"
        )
    module, _, base = FAMILIES[name].partition(":")
    return getattr(importlib.import_module(module), base)


def members(name: str | None) -> dict[str, dict[str, str]]:
    """Family → kind → first sentence of its documentation."""
    found: dict[str, dict[str, str]] = {}
    for one in [name] if name else FAMILIES:
        base = family(one)
        found[one] = {kind: _first_sentence(base.member(kind)) for kind in base.kinds()}
    return found


def _first_sentence(member: type[Spec]) -> str:
    """The first lines of its module's documentation, up to one that ends a sentence."""
    lines: list[str] = []
    for line in (sys.modules[member.__module__].__doc__ or "").strip().split("\n"):
        lines.append(line.strip())
        if not line or line.endswith((".", ":")):
            break
    return " ".join(lines).strip()


def schema() -> dict[str, Any]:
    """JSON Schema of a recipe file, for editors."""
    from telos.foundation.schema import json_schema

    return json_schema(Run)


def default_folder(paths: list[str], parent: str = "runs") -> Path:
    """``runs/NAME``, NAME from the path given, else "default"."""
    name = Path(paths[0]).resolve().name if paths else "default"
    return Path(parent) / (name.split(".")[0] or "default")
