# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures as text for people: contenders are rows, figures are columns."""
from .figures import FIGURES, PROMISES, TITLES

NAME_WIDTH = 16


def number(value, digits=2):
    return "-" if value is None else f"{value:,.{digits}f}"


def _block(title, figures, medians):
    widths = [max(len(figure.title), 8) + 2 for figure in figures]
    yield f"{title:{NAME_WIDTH}}" + "".join(
        f"{figure.title:>{width}}" for figure, width in zip(figures, widths))
    for name, values in medians.items():
        if all(values.get(figure.key) is None for figure in figures):
            continue
        yield f"  {name:{NAME_WIDTH - 2}}" + "".join(
            f"{number(values.get(figure.key), figure.digits):>{width}}"
            for figure, width in zip(figures, widths))
    yield ""


def blocks(medians):
    """Every table of which anything was measured, as lines."""
    for title in dict.fromkeys(figure.block for figure in FIGURES):
        figures = [figure for figure in FIGURES if figure.block == title
                   and any(values.get(figure.key) is not None for values in medians.values())]
        if figures:
            yield from _block(title, figures, medians)


def judged(medians):
    """Each promise that can be judged by what was measured: (promise, value, holds)."""
    for promise in PROMISES:
        value = promise.judge(medians)
        if value is not None:
            yield promise, value, promise.holds(value)


def promises(medians):
    """What is promised of vpnd, and whether it holds, as lines."""
    rows = list(judged(medians))
    if rows:
        yield f"{'promised of vpnd':46}{'measured':>9}{'limit':>10}"
    for promise, value, holds in rows:
        what = TITLES[promise.key] + (f" / {promise.over}" if promise.over else "")
        limit = f"{'>=' if promise.least else '<='} {promise.limit:g}"
        yield f"  {what:44}{number(value):>9}{limit:>10}  {'holds' if holds else 'BROKEN'}"
