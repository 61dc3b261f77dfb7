"""Chinese counterparts of the quality rules of Gopher and FineWeb, defined on characters and Chinese punctuation.

Characters are code points other than white space; a line is what is left of one without the white space at its ends, if
anything; a clause is a run of letters and digits.  A document is dropped for the first of

| reason | holds where | source of the threshold |
|---|---|---|
| `too_short`, `too_long` | characters < 80 or > 160,000 | Gopher: 50 and 100,000 words, times 1.6 characters a word |
| `few_han` | Han ÷ characters < 0.2 | ours; ChineseWebText's 0.3 drops 8 % of Chinese Python documentation |
| `short_lines` | characters ÷ lines < 10 | ChineseWebText |
| `short_clauses` | letters and digits ÷ clauses < 3.2 | ours: navigation bars have at most 3.1, prose 3.5 and more |
| `long_sentences` | characters ÷ sentence ends > 300 | ours: passes 99.5 % of prose; mojibake and keywords have none |
| `punctuation` | its share < 0.02 or > 0.4 | ours: prose has 0.025 to 0.37, two kinds of mojibake 0.01 and 0.03 |
| `digits` | their share > 0.35 | ours: prose has at most 0.30, tables of numbers 0.8 |
| `symbols` | share of what is neither letter, digit nor punctuation > 0.2 | ours: prose has at most 0.14 |
| `ellipses_and_hashes` | … and # ÷ characters > 0.06 | Gopher: 0.1 a word, divided by 1.6 |
| `bullet_lines` | lines that begin with a bullet > 0.9 | Gopher |
| `ellipsis_lines` | lines that end in an ellipsis > 0.3 | Gopher |
| `few_terminal_lines` | of 3 lines or more, those that end in punctuation < 0.12 | FineWeb; 3 lines: ours |
| `few_function_words` | < 2 different function characters, or their share of Han < 0.03 | Gopher's 2; the share ours (below) |
| `advertising` | advertising phrases ÷ lines > 0.5 | ChineseWebText's limit for sensitive words; the list ours |

Gopher: Rae et al. 2021, arXiv 2112.11446, appendix A1.1.  FineWeb: Penedo et al. 2024, arXiv 2406.17557, section 3.6.
ChineseWebText: Chen et al. 2023, arXiv 2311.01149, section 3.2.  Function characters are 0.06 or more of prose and less than 0.03
of mojibake and of characters at random.  "Ours" was measured on laws, documentation, encyclopedia,
dialogues and texts made bad on purpose (benchmarks/bad_chinese.py; figures in docs/log.md), the 1.6 on 21,116 pairs of sentences
of Tatoeba.  Classical poetry is short and has few modern function characters: switch `few_function_words` off for it.
Test: tests/corpus/filters/test_chinese_quality.py (equal to benchmarks/reference_rules_zh.py on every document).
"""

import functools
import re
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import Field, field_validator

from telos.corpus import characters
from telos.corpus.filters import Filter, Prepared, Verdict
from telos.corpus.texts import Scope, Texts
from telos.corpus.thresholds import Threshold, judge_by, share

TERMINAL = "。！？；：…—”』」）》】.!?;:\"')．’"
SENTENCE_ENDS = "。！？…!?"
BULLETS = "·•●■◆▪-*○◇□▶►‣・"
ELLIPSIS, HASH = "…", "#"
FUNCTION_CHARACTERS = "的了是在和有不这我他也就人都一对为与或及之于其而以等被从将到要可个上下中時這與為於個對從將無何此"
FEWEST_LINES = 3
"""Of fewer lines it says little how they end."""
ADVERTISING = (
    "微信号", "加微信", "微信同号", "加V信", "QQ群", "扫码", "扫一扫", "点击购买", "立即购买", "立即下单", "免费领取",
    "限时抢购", "限时特价", "包邮", "优惠券", "咨询热线", "客服热线", "服务热线", "24小时服务", "代开发票", "代办", "办证",
    "棋牌", "六合彩", "时时彩", "彩票平台", "开户送", "裸聊", "刷单", "网赚", "日赚", "秒批", "无抵押", "加盟热线",
    "招商加盟", "货到付款", "正品保证", "全场特价", "仅需", "特价",
)  # fmt: skip


class ChineseQuality(Filter):
    """Thresholds as in the table above; shares in 0–1, and a limit of 0 or 1 that nothing passes switches its rule off."""

    reasons: ClassVar[tuple[str, ...]] = (
        "too_short", "too_long", "few_han", "short_lines", "short_clauses", "long_sentences", "punctuation", "digits", "symbols",
        "ellipses_and_hashes", "bullet_lines", "ellipsis_lines", "few_terminal_lines", "few_function_words", "advertising",
    )  # fmt: skip
    scope: ClassVar[Scope] = "han"

    min_characters: int = Field(80, ge=0)
    max_characters: int = Field(160_000, ge=1)
    min_han_fraction: float = Field(0.2, ge=0, le=1)
    min_mean_line_characters: float = Field(10, ge=0)
    min_mean_clause_characters: float = Field(3.2, ge=0)
    max_mean_sentence_characters: float = Field(300, gt=0)
    min_punctuation_fraction: float = Field(0.02, ge=0, le=1)
    max_punctuation_fraction: float = Field(0.4, ge=0, le=1)
    max_digit_fraction: float = Field(0.35, ge=0, le=1)
    max_symbol_fraction: float = Field(0.2, ge=0, le=1)
    max_ellipsis_and_hash_fraction: float = Field(0.06, ge=0, le=1)
    max_bullet_lines_fraction: float = Field(0.9, ge=0, le=1)
    max_ellipsis_lines_fraction: float = Field(0.3, ge=0, le=1)
    min_terminal_lines_fraction: float = Field(0.12, ge=0, le=1)
    min_function_characters: int = Field(2, ge=0)
    min_function_fraction: float = Field(0.03, ge=0, le=1)
    max_advertising_per_line: float = Field(0.5, ge=0)
    function_characters: str = FUNCTION_CHARACTERS
    advertising: list[str] = Field(default_factory=lambda: list(ADVERTISING))

    @field_validator("function_characters")
    @classmethod
    def _that_a_word_can_count(cls, value: str) -> str:
        if len(set(value)) > 64 or any(ord(c) > 0xFFFF for c in value):
            raise ValueError("must be at most 64 different characters of the Basic Multilingual Plane")
        return value

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        return judge_by(self.thresholds(texts), texts.rows_in(self.scope), self.reasons)

    def thresholds(self, texts: Texts) -> list[Threshold]:
        from telos.corpus.kernels import chinese as k

        s = k.signals(texts.data, texts.offsets, characters.kinds(), marks(), _places(self.function_characters))
        total, lines = s[:, k.CHARACTERS], s[:, k.LINES]
        terminal = np.where(lines < FEWEST_LINES, 1.0, share(s[:, k.TERMINALS], lines))
        return [
            Threshold("too_short", total, least=self.min_characters),
            Threshold("too_long", total, most=self.max_characters),
            Threshold("few_han", share(s[:, k.HAN], total), least=self.min_han_fraction),
            Threshold("short_lines", share(total, lines), least=self.min_mean_line_characters),
            Threshold("short_clauses", share(s[:, k.CLAUSE_CHARACTERS], s[:, k.CLAUSES]), least=self.min_mean_clause_characters),
            Threshold("long_sentences", share(total, s[:, k.SENTENCES]), most=self.max_mean_sentence_characters),
            Threshold("punctuation", share(s[:, k.PUNCTUATIONS], total),
                      self.min_punctuation_fraction, self.max_punctuation_fraction),
            Threshold("digits", share(s[:, k.DIGITS], total), most=self.max_digit_fraction),
            Threshold("symbols", share(s[:, k.SYMBOLS], total), most=self.max_symbol_fraction),
            Threshold("ellipses_and_hashes", share(s[:, k.DOTS], total), most=self.max_ellipsis_and_hash_fraction),
            Threshold("bullet_lines", share(s[:, k.BULLETS], lines), most=self.max_bullet_lines_fraction),
            Threshold("ellipsis_lines", share(s[:, k.ELLIPSES], lines), most=self.max_ellipsis_lines_fraction),
            Threshold("few_terminal_lines", terminal, least=self.min_terminal_lines_fraction),
            Threshold("few_function_words", s[:, k.DISTINCT], least=self.min_function_characters),
            Threshold("few_function_words", share(s[:, k.FUNCTION], s[:, k.HAN]), least=self.min_function_fraction),
            Threshold("advertising", share(self._phrases(texts), lines), most=self.max_advertising_per_line),
        ]  # fmt: skip

    def _phrases(self, texts: Texts) -> np.ndarray:
        """How often one of the advertising phrases occurs in each document."""
        if not self.advertising:
            return np.zeros(len(texts), np.int64)
        pattern = "|".join(re.escape(phrase) for phrase in self.advertising)
        return pc.count_substring_regex(texts.text, pattern).to_numpy(zero_copy_only=False)


@functools.cache
def marks() -> np.ndarray:
    """uint8, one a code point: the bits of `telos.corpus.kernels.chinese`."""
    from telos.corpus.kernels import chinese as k

    groups = (
        (TERMINAL, k.TERMINAL),
        (SENTENCE_ENDS, k.SENTENCE_END),
        (BULLETS, k.BULLET),
        (ELLIPSIS, k.ELLIPSIS),
        (HASH, k.HASH),
    )
    table = np.zeros(0x10000, np.uint8)
    for group, bit in groups:
        table[characters.members(group)] |= bit
    return table


@functools.cache
def _places(function_characters: str) -> np.ndarray:
    """uint8, one a code point: 0, or the place from 1 of a function character."""
    places = np.zeros(0x10000, np.uint8)
    for place, character in enumerate(dict.fromkeys(function_characters), 1):
        places[ord(character)] = place
    return places
