"""Good and deliberately bad Chinese text, and how signals of the Chinese rules are distributed over them.

    python benchmarks/bad_chinese.py     # prints a table: signal, corpus, quantiles; then which rules drop how much

The bad texts are made up on the spot from a seed and from the good ones: navigation bars, advertisements, mojibake, keyword spam,
characters at random, doorway pages, tables.  The thresholds of `chinese_quality`, `chinese_repetition` and `chinese_lines`
that are our own were chosen on what this prints (docs/log.md).
"""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import orjson

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"

_LABELS = (
    "首页", "新闻", "国内", "国际", "财经", "体育", "娱乐", "科技", "汽车", "房产", "教育", "健康", "旅游", "游戏", "视频",
    "图片", "论坛", "博客", "微博", "登录", "注册", "帮助", "关于我们", "联系我们", "网站地图", "广告服务", "招聘信息",
    "版权声明", "友情链接", "返回顶部", "更多", "下一页", "上一页", "搜索", "收藏", "分享", "打印", "字号", "热门推荐",
    "最新文章", "相关阅读", "会员中心", "购物车", "我的订单", "客户服务", "手机版", "下载中心", "意见反馈",
)  # fmt: skip
_PRODUCTS = (
    "手机", "电脑", "减肥药", "面膜", "白酒", "茶叶", "发票", "贷款", "彩票", "装修", "二手车", "保健品", "文凭", "网贷",
    "棋牌", "游戏币",
)  # fmt: skip
_CITIES = (
    "北京", "上海", "广州", "深圳", "成都", "武汉", "西安", "南京", "杭州", "重庆", "天津", "苏州", "长沙", "青岛", "郑州",
)  # fmt: skip
_ADS = """【{p}】特价！！！仅需{n}元！！！加微信：vx{n}{n}，QQ群：{n}{n}
正品{p}，限时抢购，原价{n}元，现价{m}元，点击购买>>>
☆★☆{c}{p}☆★☆ 免费咨询热线：400-{n}-{m}
扫码关注公众号，免费领取{p}，还有红包等你拿！！
代办{p}，{c}全市上门，电话微信同号1380000{m}，24小时服务""".splitlines()


def good_texts() -> dict[str, list[str]]:
    """Real text by name; poems of fewer than 20 characters are left out."""

    def lines(name: str) -> list[str]:
        with gzip.open(DATA / name) as file:
            return [orjson.loads(line)["text"] for line in file]

    cmrc = json.loads((DATA / "cmrc2018/cmrc2018_trial.json").read_text())["data"]
    calls = json.loads((DATA / "llama-factory-demos/glaive_toolcall_zh_demo.json").read_text())
    return {
        "zh-laws": lines("zh-laws/national.jsonl.gz"),
        "python-docs": lines("python-docs-en-zh/zh_documents.jsonl.gz"),
        "cmrc": [p["context"] for d in cmrc for p in d["paragraphs"]],
        "dialogues": ["\n".join(m["value"] for m in c["conversations"]) for c in calls],
        "tang_shi": lines("chinese-poetry/tang_shi.jsonl.gz")[:6000],
        "song_ci": lines("chinese-poetry/song_ci.jsonl.gz")[:6000],
        "yuan_qu": lines("chinese-poetry/yuan_qu.jsonl.gz")[:6000],
    }


def bad_texts(good: list[str], count: int = 300, seed: int = 1) -> dict[str, list[str]]:
    """``count`` texts of each kind, of some 100 to 2,000 characters."""
    rng = random.Random(seed)
    letters = sorted({c for text in good for c in text if "一" <= c <= "鿿"})
    makers: dict[str, Callable[[], str]] = {
        "navigation": lambda: _navigation(rng),
        "advertisements": lambda: "\n".join(_fill(rng, rng.choice(_ADS)) for _ in range(rng.randint(5, 25))),
        "mojibake utf-8 as gbk": lambda: _piece(rng, good).encode().decode("gbk", "ignore"),
        "mojibake gbk as big5": lambda: _piece(rng, good).encode("gbk", "ignore").decode("big5", "ignore"),
        "keyword spam": lambda: _keywords(rng, good),
        "random characters": lambda: "".join(rng.choice(letters) for _ in range(rng.randint(100, 2000))),
        "doorway page": lambda: _doorway(rng, _piece(rng, good, 80)),
        "table of numbers": lambda: "\n".join(
            f"{rng.choice(_CITIES)}\t{rng.random() * 1000:.2f}\t{rng.randint(1, 10**6)}\t2024-{rng.randint(1, 12):02d}"
            for _ in range(rng.randint(20, 60))
        ),
    }
    return {name: [make() for _ in range(count)] for name, make in makers.items()}


def _piece(rng: random.Random, texts: list[str], most: int = 1500) -> str:
    text = rng.choice(texts)
    at = rng.randrange(max(1, len(text) - most))
    return text[at : at + rng.randint(most // 2, most)]


def _navigation(rng: random.Random) -> str:
    separator = rng.choice([" | ", "  ", "\n", " > ", " · ", "\n- "])
    return separator.join(rng.choice(_LABELS) for _ in range(rng.randint(40, 300)))


def _fill(rng: random.Random, pattern: str) -> str:
    return pattern.format(p=rng.choice(_PRODUCTS), c=rng.choice(_CITIES), n=rng.randint(100, 999), m=rng.randint(1000, 9999))


def _keywords(rng: random.Random, texts: list[str]) -> str:
    """Scraps of two to six characters, as tags and hidden search words are."""
    source = "".join(c for c in _piece(rng, texts, 4000) if "一" <= c <= "鿿") or "空"
    separator = rng.choice([" ", ",", "，", "", "、", "_", "\n"])
    return separator.join(source[at : at + rng.randint(2, 6)] for at in
                          (rng.randrange(len(source)) for _ in range(rng.randint(40, 300))))  # fmt: skip


def _doorway(rng: random.Random, paragraph: str) -> str:
    return "\n".join(f"{rng.choice(_CITIES)}{rng.choice(_PRODUCTS)}：{paragraph}" for _ in range(rng.randint(6, 20)))


def main() -> None:
    """Which documents each rule drops, and how the values that it looks at are spread."""
    from collections import Counter

    import numpy as np

    from telos.corpus.filters.chinese_lines import ChineseLines
    from telos.corpus.filters.chinese_quality import ChineseQuality
    from telos.corpus.filters.chinese_repetition import ChineseRepetition
    from telos.corpus.filters.symbols import Symbols
    from telos.corpus.texts import HAN, Texts

    good = good_texts()
    bad = bad_texts(good["zh-laws"] + good["cmrc"] + good["python-docs"][:100])
    corpora = {name: Texts.of(texts) for name, texts in (good | bad).items()}
    for rule in (ChineseQuality(), ChineseRepetition(), ChineseLines(), Symbols()):
        print(f"\n{rule.kind()}: documents, share dropped, reasons")
        for name, texts in corpora.items():
            verdict = rule.judge(texts, {})
            reasons = Counter(rule.reasons[r - 1] for r in verdict.reasons.tolist() if r)
            judged = int(texts.rows_in(rule.scope).sum())
            print(f"  {name:24} {judged:6} {sum(reasons.values()) / max(1, judged):7.1%}  {dict(reasons.most_common())}")
    levels = (0.005, 0.05, 0.5, 0.95, 0.995)
    for filter_ in (
        ChineseQuality(),
        ChineseRepetition(max_top_n_gram={"2": 0, "4": 0}, max_duplicate_n_grams={"5": 0, "13": 0}),
    ):
        thresholds = {name: filter_.thresholds(texts) for name, texts in corpora.items()}
        for place, threshold in enumerate(thresholds["zh-laws"]):
            print(f"\n{threshold.reason}: quantiles {levels}")
            for name, texts in corpora.items():
                values = thresholds[name][place].values[texts.scripts == HAN]
                print(f"  {name:24}", *(f"{x:9.3g}" for x in np.quantile(values, levels)))


if __name__ == "__main__":
    main()
