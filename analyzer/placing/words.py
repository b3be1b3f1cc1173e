"""Words of placement advice, in English and in Chinese. A word that is missing in one language fails a test."""

# ruff: noqa: RUF001 - Chinese punctuation is Chinese

from __future__ import annotations

from faultline.reports.words import Language

WORDS: dict[str, tuple[str, str]] = {
    "nothing": (
        "no further probe would tell more: every element can be told from its neighbours",
        "再加探针不会更清楚：各段均可与相邻部分区分",
    ),
    "between": ("between {after} and {before}", "在 {after} 与 {before} 之间"),
    "before": ("before {before}", "在 {before} 之前"),
    "after": ("after {after}", "在 {after} 之后"),
    "place": ("{number}. a probe {where}, on {lines} lines", "{number}. {where}设探针，涉及线路 {lines} 条"),
    "owners": (
        "owners that cannot be told apart: {today} pairs today, {then} then",
        "责任方无法区分的组合：现在 {today} 对，之后 {then} 对",
    ),
    "elements": (
        "elements that cannot be told apart: {today} pairs today, {then} then",
        "无法区分的组成部分：现在 {today} 对，之后 {then} 对",
    ),
    "lines": (
        "lines on which every fault has one owner: {today} today, {then} then, of {whole}",
        "故障可归于唯一责任方的线路：现在 {today} 条，之后 {then} 条，共 {whole} 条",
    ),
    "loss": (
        "smallest loss that tests show in five minutes: {today} today, {then} then",
        "五分钟内可发现的最小丢包率：现在 {today}，之后 {then}",
    ),
    "no_loss": ("none", "无"),
    "sample": ("(figures of {reckoned} of its {lines} lines)", "（以上为其 {lines} 条线路中 {reckoned} 条的数据）"),
    "then": ("with probe {number} there, the next:", "在第 {number} 处设探针之后，下一处："),
}


def say(key: str, language: Language, **values: object) -> str:
    """A word or sentence."""
    return WORDS[key][0 if language is Language.EN else 1].format(**values)
