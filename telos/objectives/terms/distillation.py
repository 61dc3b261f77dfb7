"""Distillation: at each place a model is to say what a larger, frozen teacher says there.

    forward   term = T² KL(q ‖ p)        covers all that the teacher finds likely
    reverse   term = T² KL(p ‖ q)        leaves out what the teacher finds unlikely
    q = softmax(teacher's logits ÷ T),   p = softmax(logits ÷ T)

With ``top_k`` the divergence is between the teacher's k likeliest tokens and all others as one outcome more: never larger than
the whole one.  T² keeps the size of the gradient (Hinton et al. 2015, arXiv:1503.02531, section 2); reverse: Gu et al. 2024,
"MiniLLM" (arXiv:2306.08543), equation 1, token by token.  The teacher reads what the model reads, from each row's beginning,
without dropout.  Tests: tests/objectives/terms/test_distillation.py, tests/train/test_terms.py.
"""

from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from telos.foundation import files
from telos.foundation.errors import TelosError
from telos.foundation.spec import stable_hash
from telos.models import Model, Pattern
from telos.objectives.terms import Beside, Over, Rows, Term
from telos.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

ANOTHER = "give another folder as the term's teacher"


class Distillation(Term):
    """``teacher``: folder of a run or of a model, ours or of an architecture of transformers' that is known.  ``direction``: see
    above.  ``temperature``: T.  ``weight``: of the term beside the nats.  ``top_k``: None for the whole vocabulary.
    ``teacher_hash``: of the teacher's settings and weights, filled in where it is None; another teacher is then refused."""

    over: ClassVar[frozenset[Over]] = frozenset({"vocabulary"})
    beside: ClassVar[Beside | None] = "teacher"

    teacher: str
    direction: Literal["forward", "reverse"] = "forward"
    temperature: float = Field(1.0, gt=0)
    weight: float = Field(1.0, gt=0)
    top_k: int | None = Field(None, ge=1)
    teacher_hash: str | None = None

    @model_validator(mode="after")
    def _with_a_hash(self) -> "Distillation":
        folder = self.folder
        if self.teacher_hash is None and (folder / "config.json").is_file():
            object.__setattr__(self, "teacher_hash", content_hash(folder))  # frozen only from here on
        return self

    @property
    def folder(self) -> Path:
        """The model's own folder."""
        given = Path(self.teacher)
        return given / "model" if (given / "model" / "config.json").is_file() else given

    @property
    def coefficient(self) -> float:
        return self.weight

    def of(self, rows: Rows) -> "Tensor":
        from telos.layers.over_logits import divergence

        assert rows.teacher is not None
        ours, theirs = rows.logits / self.temperature, rows.teacher / self.temperature
        if self.top_k is not None and self.top_k < ours.shape[1]:
            ours, theirs = _gathered(ours, theirs, self.top_k)
        found = divergence(theirs, ours) if self.direction == "forward" else divergence(ours, theirs)
        return found * self.temperature**2

    def check(self, objective: Any, model: Model) -> None:
        super().check(objective, model)
        if not (self.folder / "config.json").is_file():
            raise TelosError("a teacher must be the folder of a run or of a model", f"no config.json in {self.teacher}", ANOTHER)
        found = content_hash(self.folder)
        if self.teacher_hash not in (None, found):
            raise TelosError(f"the teacher must be the one that the recipe names ({self.teacher_hash})",
                             f"{self.teacher} is {found}", "leave teacher_hash out to take what is there")  # fmt: skip

    def build(self, network: Any, vocabulary: Vocabulary) -> Any:
        """The teacher, frozen; `TelosError` where it has other tokens or cannot read as the model does."""
        from telos.models.saved import load_model

        teacher, _ = load_model(self.folder)
        theirs, spec = teacher.vocabulary, teacher.spec
        if spec.learns_by != "gradient" or not spec.has_likelihood:
            raise TelosError("a teacher must be a network that gives a likelihood of text", f"'{spec.kind()}'", ANOTHER)
        if theirs.tokenizer_hash != vocabulary.tokenizer_hash:
            raise TelosError("a teacher must have the model's tokenizer",
                             f"{theirs.tokenizer_hash}, the model's is {vocabulary.tokenizer_hash}",
                             f"train with the teacher's: tokenizer={{kind: pretrained, path: {self.folder}}}")  # fmt: skip
        other = [name for name, i in vocabulary.specials.items() if theirs.specials.get(name) != i]
        if other or theirs.size < vocabulary.size:
            raise TelosError("a teacher must know the special tokens of the objective", f"it lacks {', '.join(other[:3])}",
                             "give a teacher that was trained with the same objective")  # fmt: skip
        longest = getattr(teacher, "context_length", network.context_length)
        if longest < network.context_length:
            raise TelosError(f"a teacher must read rows as long as the model's ({network.context_length} tokens)", f"{longest}",
                             f"set model.context_length={longest}")  # fmt: skip
        return teacher.requires_grad_(False).eval().to(next(network.parameters()).device)

    def sized(self, vocabulary: Vocabulary) -> Any:
        from telos.models.saved import spec_of

        return spec_of(self.folder).build(vocabulary).requires_grad_(False).eval()

    def check_companion(self, asked: Set[Pattern], companion: Any) -> None:
        from telos.objectives import _saved

        if (saved := _saved.read(self.folder)) is None:
            return  # trained for its likelihood alone, or somebody's
        learned = {member.pattern(companion.spec) for member in saved[0].members}
        learned |= {"causal"} if "prefix" in learned else set()  # a beginning may be empty
        if lacking := sorted(asked - learned):
            instead = "" if saved[0].kind() == "mix" else f", or set objective.kind={saved[0].kind()}"
            raise TelosError(f"a teacher must have been trained with {lacking[0]} attention, as the objective asks it",
                             f"{self.teacher} learned {_saved.trained_for(saved)}, with {', '.join(sorted(learned))} attention",
                             f"{ANOTHER}{instead}")  # fmt: skip


def _gathered(ours: "Tensor", theirs: "Tensor", k: int) -> "tuple[Tensor, Tensor]":
    """Log-probabilities of the k tokens that are likeliest by ``theirs``, and behind them of all others together, (n, k + 1)."""
    import torch

    found = []
    places = theirs.topk(k, 1).indices
    for logits in (ours, theirs):
        chosen = logits.gather(1, places) - torch.logsumexp(logits, 1, keepdim=True)
        # Where next to nothing is left, 1 − Σ p is too small for its type.
        together = torch.logsumexp(chosen, 1, keepdim=True).clamp_max(-torch.finfo(logits.dtype).eps)
        found.append(torch.cat([chosen, torch.log(-torch.expm1(together))], 1))
    return found[0], found[1]


def content_hash(folder: Path) -> str:
    """16 hexadecimal digits of what decides what a model says: its settings, weights and tokenizer."""
    if (folder / files.MANIFEST).exists():
        listed = files.read_manifest(folder)["files"]
        hashes = {name: listed[name]["sha256"] for name in listed if _decides(name)}
    else:
        hashes = {path.name: files.sha256(path) for path in sorted(folder.iterdir()) if path.is_file() and _decides(path.name)}
    return stable_hash(hashes)


def _decides(name: str) -> bool:
    return name == "config.json" or name.endswith(".safetensors") or "tokenizer" in name
