"""Personal data and secrets masked: by typed placeholders, or by consistent pseudonyms.

What is found how, by which source, and what is not covered stands in `telos.corpus.personal_data`.  Nothing is dropped.  A
placeholder is the type in capitals and brackets, ``[EMAIL]``.  A pseudonym is a value in the same form that nobody has; the same
value gets the same pseudonym in every document, by a hash with ``seed``, however it is written.  Masking a masked text
changes nothing. Names and places (``deep``) depend on a model that reads its context, and are outside of that promise.

On ../shared/data/pii (1,600 texts): recall and precision in tests/corpus/personal_data/test_labelled.py.
Test: tests/corpus/filters/test_personal_data.py.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.personal_data import DEFAULT, Recogniser, placeholder
from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._masking import mask
from telos.corpus.personal_data._names import Names, made_up_name
from telos.corpus.texts import Texts


def _default_types() -> tuple[Recogniser, ...]:
    return tuple(Recogniser.parse(kind) for kind in DEFAULT)


class PersonalData(Filter):
    """``types``: what is looked for, each with its settings (``types: [email, {kind: ip_address, private: true}]``).
    ``replacement``: by placeholders or pseudonyms.  ``seed``: of the pseudonyms; keep it secret where the originals must stay
    unguessable. ``deep``: names of people and places, too, by the models in ``names`` (extra "presidio")."""

    conceals: ClassVar[bool] = True

    types: tuple[Recogniser, ...] = Field(default_factory=_default_types)
    replacement: Literal["placeholder", "pseudonym"] = "placeholder"
    seed: int = 0
    deep: bool = False
    names: Names = Field(default_factory=Names)

    @field_validator("types")
    @classmethod
    def _once(cls, types: tuple[Recogniser, ...]) -> tuple[Recogniser, ...]:
        kinds = [one.kind() for one in types]
        if len(set(kinds)) < len(kinds):
            raise ValueError("must name each type once")
        return types

    def prepare(self, sample: Callable[[int], list[str]]) -> dict[str, Any]:
        """Look whether the libraries and models that it needs are there."""
        if any(one.kind() == "phone" for one in self.types):
            from telos.corpus.personal_data.phone import valid

            valid("+12015550123", None, False)
        if self.deep:
            self.names.analyzer()
        return {}

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        masked = mask(texts, self.types, self._rewrite)
        verdict = Verdict.keep_all(texts)
        text, verdict.counts = masked.text, masked.counts
        if self.deep:
            deeper, names = self.names.mask(texts if text is None else texts.replace(text=text), self._rename)
            text = text if deeper is None else deeper
            verdict.counts += names
        if text is not None:
            verdict.columns["text"] = text
        return verdict

    def _rewrite(self, kind: str, value: str, recogniser: Recogniser) -> str:
        if self.replacement == "placeholder":
            return placeholder(kind)
        return recogniser.made_up(value, Draw(self.seed, kind, recogniser.identity(value)))

    def _rename(self, kind: str, name: str, chinese: bool) -> str:
        if self.replacement == "placeholder":
            return placeholder(kind)
        return made_up_name(kind, chinese, Draw(self.seed, kind, name))
