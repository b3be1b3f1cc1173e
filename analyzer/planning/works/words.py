"""Words of notices to customers, in English and in Chinese. A word that is missing in one language fails a test."""

# ruff: noqa: RUF001 - Chinese punctuation is Chinese

from __future__ import annotations

from faultline.reports.words import Language

WORDS: dict[str, tuple[str, str]] = {
    "subject": ("Planned work on your lines", "线路计划作业通知"),
    "dear": ("Dear {customer},", "尊敬的{customer}："),
    "window": (
        "we will work on our network from {start} to {end}.",
        "我方将于 {start} 至 {end} 进行网络作业。",
    ),
    "moment": (
        "we plan to work on our network at {start}. We will tell you when the work ends.",
        "我方计划于 {start} 进行网络作业，结束时间另行通知。",
    ),
    "reason": ("What is done: {reason}", "作业内容：{reason}"),
    "lines": ("Your lines concerned:", "涉及贵方线路："),
    "line": ("- {code}{grade}, {a} - {z}: {what}", "- {code}{grade}，{a} - {z}：{what}"),
    "grade": (" ({grade})", "（{grade}）"),
    "interrupted": ("it will be interrupted.", "作业期间中断。"),
    "diverted": (
        "its traffic moves to another path; short disturbances are possible.",
        "业务切换至其他路径，可能短时抖动。",
    ),
    "services": ("the line stays up; some of what is behind it cannot be reached.", "线路保持畅通，部分业务不可用。"),
    "backup.holds": ("Its backup {code} is not touched by this work.", "备用线路 {code} 不受影响。"),
    "backup.shares": (
        "Its backup {code} crosses the same place and will be interrupted, too.",
        "备用线路 {code} 经过同一作业点，同时中断。",
    ),
    "backup.works": (
        "Its backup {code} will be interrupted by other work at that time.",
        "备用线路 {code} 同时段另有作业，同时中断。",
    ),
    "backup.other": ("Its backup is not touched by this work.", "备用线路不受影响。"),
    "backup.other.down": ("Its backup will be interrupted, too.", "备用线路同时中断。"),
    "backup.none": ("No backup of it is known to us.", "我方未登记其备用线路。"),
    "behind": ("Cannot be reached over it: {names}.", "不可用业务：{names}。"),
    "and": (", ", "、"),
    "close": (
        "If this time does not suit you, please tell us before it begins.",
        "如该时段不便，请在作业开始前告知我方。",
    ),
}


def say(key: str, language: Language, **values: object) -> str:
    """A word or sentence."""
    return WORDS[key][0 if language is Language.EN else 1].format(**values)
