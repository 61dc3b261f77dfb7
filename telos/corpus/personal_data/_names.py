"""Names of people and places, by Presidio's analyzer over a spaCy model: the deeper pass, some hundred times slower than the
rest.

Test: tests/corpus/personal_data/test_names.py.
"""

import functools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from telos.corpus.personal_data._draw import Draw
from telos.corpus.personal_data._masking import Piece, replaced, spliced
from telos.corpus.texts import HAN, Texts
from telos.foundation.errors import TelosError, require
from telos.foundation.spec import Spec

MADE_UP = {
    ("person", False): (("Robin", "Alex", "Kim", "Sam", "Jo", "Lee", "Max", "Pat"), " ",
                        ("Ashdown", "Birchley", "Coldwater", "Dunmore", "Elmhurst", "Fairlie", "Greyling", "Holloway")),
    ("person", True): (("赵", "钱", "孙", "李", "周", "吴", "郑", "王"), "",
                       ("某甲", "某乙", "某丙", "某丁", "某戊", "某己", "某庚", "某辛")),
    ("location", False): (("Little", "Great", "Upper", "Lower"), " ", ("Sandmoor", "Willowby", "Thornwick", "Larkfield")),
    ("location", True): (("东", "南", "西", "北"), "", ("某市", "某县", "某镇", "某村")),
}  # fmt: skip
"""(type, whether the text is Chinese) → the parts of a made-up name."""
TYPES = {"PERSON": "person", "LOCATION": "location"}


class Names(Spec):
    """``models``: language (ISO 639-1) → name or folder of a spaCy model with named entities; texts in other languages pass.
    ``min_score``: Presidio's confidence, 0–1, from which a name counts (0.85 is what it gives spaCy's entities)."""

    models: dict[str, str] = Field(default_factory=lambda: {"en": "en_core_web_sm", "zh": "zh_core_web_sm"})
    min_score: float = Field(0.5, ge=0, le=1)

    def analyzer(self) -> Any:
        """Presidio's analyzer with its recogniser of spaCy's entities alone, loaded once a process."""
        return _analyzer(tuple(sorted(self.models.items())))

    def mask(self, texts: Texts, rewrite: Callable[[str, str, bool], str]) -> tuple[pa.LargeStringArray | None, Counter[str]]:
        """The column with names replaced by ``rewrite(type, name, whether the text is Chinese)``, and how many of which type."""
        analyzer = self.analyzer()
        languages = texts.table["language"].to_pylist() if "language" in texts.table.column_names else [None] * len(texts)
        pieces: dict[int, list[Piece]] = {}
        counts: Counter[str] = Counter()
        for row, (text, given, script) in enumerate(zip(texts.text.to_pylist(), languages, texts.scripts.tolist(), strict=True)):
            language = given or ("zh" if script == HAN else "en")
            if language not in self.models or not text:
                continue
            edits, done = [], 0
            for name in sorted(
                analyzer.analyze(text=text, language=language, entities=list(TYPES), score_threshold=self.min_score),
                key=lambda name: (name.start, -name.end),
            ):
                value, kind = text[name.start : name.end], TYPES[name.entity_type]
                if name.start >= done and value.strip() and not set("[]") & set(text[max(0, name.start - 1) : name.end + 1]):
                    start = len(text[: name.start].encode())
                    edits.append((start, start + len(value.encode()), rewrite(kind, value, script == HAN).encode(), kind))
                    done = name.end
            if edits:
                pieces[row] = replaced([Piece(0, int(texts.sizes[row]))], edits)
                counts.update(kind for _, _, _, kind in edits)
        return (spliced(texts, pieces) if pieces else None), counts


def made_up_name(kind: str, chinese: bool, draw: Draw) -> str:
    """A name of nobody's, in the text's language."""
    first, between, last = MADE_UP[kind, chinese]
    return draw.one_of(first) + between + draw.one_of(last)


@functools.lru_cache(maxsize=4)
def _analyzer(models: tuple[tuple[str, str], ...]) -> Any:
    feature = "recognising names (personal_data.deep)"
    presidio: Any = require("presidio_analyzer", extra="presidio", feature=feature)
    spacy: Any = require("spacy", extra="presidio", feature=feature)
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    for language, model in models:
        if not (spacy.util.is_package(model) or Path(model).exists()):  # Presidio would download it
            raise TelosError(
                f"personal_data.names.models.{language} must be an installed spaCy model or a folder with one",
                f"there is no '{model}'",
                f"python -m spacy download {model}, or name another",
            )
    engine = NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": language, "model_name": model} for language, model in models],
        }
    ).create_engine()
    languages = [language for language, _ in models]
    registry = presidio.RecognizerRegistry(
        recognizers=[SpacyRecognizer(supported_language=language, supported_entities=list(TYPES)) for language in languages],
        supported_languages=languages,
    )
    return presidio.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=languages)
