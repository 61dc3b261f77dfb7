"""A Chinese counterpart of C4's rules: lines that are no sentences go, and then documents with too little left.

A line goes where it

- has fewer than 5 characters (white space not counted): C4's 3 words, times 1.6 characters a word;
- ends in no punctuation mark, Chinese or Western (C4 keeps those that end in a period, an exclamation or question mark or a
  quotation mark), and is shorter than 30 characters: ours, since Chinese pages often leave the mark out at a paragraph's end,
  and headings, buttons and navigation are shorter;
- contains ``boilerplate`` (C4: "Javascript", terms of use, cookie policies; the Chinese phrases are ours);
- contains ``short_boilerplate``, words that are also at home in prose (登录, 分享 …), and is shorter than 20 characters: ours.

A document is dropped as `lorem_ipsum` or `curly_bracket` where it contains those (C4; switch the latter off for texts on
programming), and as `too_few_sentences` where fewer than 3 ends of sentences (。！？…) are left (C4).
C4: Raffel et al. 2020, JMLR 21, section 2.2.  Figures on real and bad text: docs/log.md.
Test: tests/corpus/filters/test_chinese_lines.py (equal to benchmarks/reference_rules_zh.py on every document).
"""

import re
from collections import Counter
from typing import ClassVar

import numpy as np
import pyarrow.compute as pc
from pydantic import Field

from telos.corpus import characters
from telos.corpus.filters import Filter, Prepared, Verdict, first_reason
from telos.corpus.filters.chinese_quality import marks
from telos.corpus.text_lines import TextLines
from telos.corpus.texts import Scope, Texts

BOILERPLATE = (
    "javascript", "cookie政策", "使用cookie", "版权所有", "版權所有", "all rights reserved", "copyright ©", "icp备", "icp證",
    "公网安备", "未经授权禁止转载", "未经许可不得转载", "转载请注明出处", "本站所有内容", "本网站所有内容", "浏览器版本过低",
    "请升级您的浏览器", "点击查看更多", "点击展开全文", "扫描二维码", "扫一扫关注", "长按识别二维码", "关注微信公众号",
    "关注我们的公众号", "使用条款", "隐私政策", "服务协议", "免责声明：",
)  # fmt: skip
SHORT_BOILERPLATE = (
    "登录", "登錄", "登入", "注册", "註冊", "上一篇", "下一篇", "上一页", "下一页", "返回首页", "返回顶部", "首页", "分享到",
    "收藏本站", "设为首页", "联系我们", "关于我们", "网站地图", "友情链接", "责任编辑", "相关阅读", "相关推荐", "热门推荐",
    "猜你喜欢", "更多>>", "查看更多", "阅读全文", "发表评论", "点赞", "转发", "评论(", "评论（", "阅读(", "浏览次数",
    "点击数", "广告", "cookie", "下载app", "打开app",
)  # fmt: skip


class ChineseLines(Filter):
    """``min_line_characters``, ``min_open_line_characters`` (of lines that end in no punctuation), ``short_line_characters``
    (below which ``short_boilerplate`` counts): without white space.  Phrases are found in any case of letters.
    ``keep_curly_brackets``, ``keep_lorem_ipsum``: switch those rules off."""

    reasons: ClassVar[tuple[str, ...]] = ("lorem_ipsum", "curly_bracket", "too_few_sentences")
    scope: ClassVar[Scope] = "han"

    min_line_characters: int = Field(5, ge=0)
    min_open_line_characters: int = Field(30, ge=0)
    short_line_characters: int = Field(20, ge=0)
    boilerplate: list[str] = Field(default_factory=lambda: list(BOILERPLATE))
    short_boilerplate: list[str] = Field(default_factory=lambda: list(SHORT_BOILERPLATE))
    keep_lorem_ipsum: bool = False
    keep_curly_brackets: bool = False
    min_sentences: int = Field(3, ge=0)

    def judge(self, texts: Texts, prepared: Prepared) -> Verdict:
        from telos.corpus.kernels import chinese
        from telos.corpus.kernels import text_lines as k

        judged, lines = texts.rows_in(self.scope), TextLines(texts)
        s = k.line_signals(
            texts.data, lines.starts, lines.ends, characters.kinds(), marks(), chinese.TERMINAL, chinese.SENTENCE_END
        )
        size, of_judged = s[:, k.CHARACTERS], judged[lines.documents] & (s[:, k.CHARACTERS] > 0)
        short = of_judged & (size < self.min_line_characters)
        open_ended = of_judged & ~short & (s[:, k.ENDS] == 0) & (size < self.min_open_line_characters)
        phrases = _contains(lines, self.boilerplate) | (
            (size < self.short_line_characters) & _contains(lines, self.short_boilerplate)
        )
        boilerplate = of_judged & ~short & ~open_ended & phrases
        refused = short | open_ended | boilerplate
        column, lost = lines.without(refused, size == 0)
        sentences = lines.sums(np.where(refused, 0, s[:, k.SENTENCES]))
        verdict = Verdict(first_reason(
            judged & (False if self.keep_lorem_ipsum else _holds(texts, "lorem ipsum")),
            judged & (False if self.keep_curly_brackets else _holds(texts, "{")),
            judged & (sentences < self.min_sentences),
        ))  # fmt: skip
        if lost.any():
            verdict.columns["text"] = column
        stays = (verdict.reasons == 0)[lines.documents]
        causes = {"lines_too_short": short, "lines_without_end": open_ended, "lines_of_boilerplate": boilerplate}
        verdict.counts = Counter({name: int((rows & stays).sum()) for name, rows in causes.items()})
        for row in np.flatnonzero(verdict.reasons == 3).tolist():
            verdict.details[row] = f"{sentences[row]} sentences left, {lost[row]} lines refused"
        return verdict


def _holds(texts: Texts, phrase: str) -> np.ndarray:
    return pc.match_substring(texts.text, phrase, ignore_case=True).to_numpy(zero_copy_only=False)


def _contains(lines: TextLines, phrases: list[str]) -> np.ndarray:
    """bool, one a line: whether it contains one of the phrases, in any case of letters."""
    if not phrases:
        return np.zeros(len(lines), bool)
    pattern = "|".join(re.escape(phrase) for phrase in phrases)
    return pc.match_substring_regex(lines.column, pattern, ignore_case=True).to_numpy(zero_copy_only=False)
