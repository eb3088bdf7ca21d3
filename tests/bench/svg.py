# SPDX-License-Identifier: GPL-2.0-or-later
"""The medians as a picture: a panel a figure, a bar a contender, and a mark where the promise lies."""
from xml.sax.saxutils import escape

from .figures import FIGURES, PROMISES, TITLES

SHOWN = ("tcp4_1", "tcp4_4", "tcp6_1", "tcp6_4", "bidir4_1", "udp1372_gbit_s", "udp64_kpps",
         "runs1372_gbit_s", "runs64_kpps", "idle_p50", "loaded_p99", "process_s_gb", "peak_mb")
COLUMNS = 3
PANEL_WIDTH, BAR_HEIGHT, BAR_GAP = 300, 14, 5
MARGIN, TITLE_HEIGHT, HEADER = 24, 22, 62
NAMES_WIDTH, VALUES_WIDTH = 84, 52
BARS_WIDTH = PANEL_WIDTH - NAMES_WIDTH - VALUES_WIDTH

# Colours that stand out from white and from black alike; text follows the reader's scheme.
COLOURS = {"vpnd": "#d9572b", "wireguard-go": "#3f87c9", "routed": "#8a8f98", "relay": "#6fa04f"}
OTHER_COLOUR = "#a678c9"
STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #1c1f24; }
  .paper { fill: #ffffff; }
  .head { font-size: 15px; font-weight: 600; }
  .title { font-weight: 600; }
  .soft { fill: #6a717c; }
  .end { text-anchor: end; }
  .promise { stroke: #1c1f24; stroke-width: 1.5; stroke-dasharray: 3 2; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8eaee; }
    .paper { fill: #16181c; }
    .soft { fill: #9aa2ad; }
    .promise { stroke: #e8eaee; }
  }
"""


def _text(x, y, words, classes=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{classes}">{escape(words)}</text>'


def _promised(key, medians):
    """The value at which the promise over another contender, or by itself, begins to hold."""
    for promise in PROMISES:
        if promise.key == key and promise.over != "relay":
            other = medians.get(promise.over, {}).get(key) if promise.over else 1
            return other * promise.limit if other is not None else None
    return None


def _panel(x, y, figure, medians):
    """One figure's bars, with its top left corner at (x, y)."""
    values = {name: each[figure.key] for name, each in medians.items()
              if each.get(figure.key) is not None}
    mark = _promised(figure.key, medians)
    scale = BARS_WIDTH / (max([*values.values(), mark or 0]) or 1)
    yield _text(x, y + 12, TITLES[figure.key], "title")
    less = any(promise.key == figure.key and not promise.least for promise in PROMISES)
    yield _text(x + PANEL_WIDTH, y + 12, figure.unit + (", less is better" if less else ""),
                "soft end")
    top = y + TITLE_HEIGHT
    for number, (name, value) in enumerate(values.items()):
        at = top + number * (BAR_HEIGHT + BAR_GAP)
        colour = COLOURS.get(name, OTHER_COLOUR)
        yield _text(x + NAMES_WIDTH - 6, at + 11, name, "end")
        yield (f'<rect x="{x + NAMES_WIDTH}" y="{at}" width="{max(value * scale, 1):.1f}" '
               f'height="{BAR_HEIGHT}" rx="2" fill="{colour}"/>')
        yield _text(x + PANEL_WIDTH, at + 11, f"{value:,.{figure.digits}f}", "end")
    if mark is not None and values:
        at = x + NAMES_WIDTH + mark * scale
        bottom = top + len(values) * (BAR_HEIGHT + BAR_GAP)
        yield f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top - 3}" y2="{bottom}" class="promise"/>'


def picture(medians, head, foot):
    """The whole SVG as text; `head` is its title, `foot` a line about the machine."""
    figures = [figure for key in SHOWN for figure in FIGURES if figure.key == key
               and any(each.get(key) is not None for each in medians.values())]
    panel_height = TITLE_HEIGHT + len(medians) * (BAR_HEIGHT + BAR_GAP) + MARGIN
    rows = -(-len(figures) // COLUMNS)
    width = MARGIN + COLUMNS * (PANEL_WIDTH + MARGIN)
    height = HEADER + rows * panel_height + MARGIN
    parts = [_text(MARGIN, 28, head, "head"),
             _text(MARGIN, 46, "dashed: what is promised of vpnd", "soft"),
             _text(MARGIN, height - 12, foot, "soft")]
    for number, figure in enumerate(figures):
        row, column = divmod(number, COLUMNS)
        parts += _panel(MARGIN + column * (PANEL_WIDTH + MARGIN), HEADER + row * panel_height,
                        figure, medians)
    body = "\n".join(f"  {part}" for part in parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}">\n<style>{STYLE}</style>\n'
            f'  <rect width="{width}" height="{height}" class="paper"/>\n{body}\n</svg>\n')
