"""What a terminal shows of a run as one small SVG: real text, no font from elsewhere.

Goes in: whatever a `Timeline` tells. Comes out: the drawing. The colours are a terminal's own, dark on any page.
"""

from __future__ import annotations

import io

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from appliance.demo.telling import Timeline

COLUMNS = 136
_THEME = TerminalTheme(
    (20, 23, 27),
    (232, 230, 225),
    [
        (20, 23, 27),
        (255, 138, 61),
        (76, 201, 160),
        (240, 176, 64),
        (90, 174, 230),
        (221, 154, 198),
        (143, 208, 245),
        (232, 230, 225),
    ],
)
_FORMAT = """\
<svg class="terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
  line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g></g></svg>
"""


def recording() -> Console:
    """A console of a fixed width that only remembers."""
    return Console(record=True, width=COLUMNS, file=io.StringIO(), highlight=False, force_terminal=False, color_system=None)


def timeline(console: Console) -> Timeline:
    """A teller whose words go there."""
    return Timeline(console=console)


def drawing(console: Console, *, title: str) -> str:
    """Everything the console remembers."""
    return console.export_svg(title=title, theme=_THEME, code_format=_FORMAT, unique_id="faultline")
