"""The accuracy of every variant in every family, with its interval, as an SVG picture."""

from typing import Any
from xml.sax.saxutils import escape

_COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#b07aa1", "#9c755f", "#edc948")
_ROW, _GAP, _LEFT, _WIDTH, _TOP = 18, 16, 120, 420, 30


def svg(result: dict[str, Any]) -> str:
    """One band a family, one line a variant: a dot for what was measured, a stroke for its interval."""
    names = [it["name"] for it in result["run"]["variants"]]
    families = list(dict.fromkeys(it["family"] for it in result["cells"]))
    cells = {(it["variant"], it["family"]): it for it in result["cells"]}
    band = _ROW * len(names) + _GAP
    height = _TOP + band * len(families) + 30
    legend = _LEFT + _WIDTH + 70
    parts = [_axis(_TOP + band * len(families))]
    for at, family in enumerate(families):
        top = _TOP + band * at
        parts.append(_text(_LEFT - 10, top + band / 2, family, "end", weight="bold"))
        for row, name in enumerate(names):
            parts += _mark(cells[name, family], top + _GAP / 2 + _ROW * (row + 0.5), _colour(row))
    for row, name in enumerate(names):
        y = _TOP + _ROW * (row + 0.5)
        parts.append(f'<circle cx="{legend}" cy="{y}" r="5" fill="{_colour(row)}"/>')
        parts.append(_text(legend + 12, y, name))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {legend + 160} {height}"'
        f' font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, "<title>Accuracy, with intervals of 95 %</title>", *parts, "</svg>"]) + "\n"


def _colour(row: int) -> str:
    return _COLOURS[row % len(_COLOURS)]


def _x(share: float) -> float:
    return round(_LEFT + share * _WIDTH, 1)


def _axis(bottom: float) -> str:
    marks = []
    for percent in range(0, 101, 20):
        x = _x(percent / 100)
        marks.append(f'<line x1="{x}" x2="{x}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>')
        marks.append(_text(x, bottom + 14, f"{percent} %", "middle"))
    return "\n".join(marks)


def _mark(cell: dict[str, Any], y: float, colour: str) -> list[str]:
    accuracy = cell["accuracy"]
    if accuracy is None:
        return [_text(_x(0) + 4, y, "no answers")]
    low, high, x = _x(accuracy["low"]), _x(accuracy["high"]), _x(accuracy["value"])
    return [
        f'<line x1="{low}" x2="{high}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="3"/>',
        f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>',
        _text(high + 8, y, f"{accuracy['value']:.0%}"),
    ]


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x}" y="{y}" dy="0.35em" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
    )
