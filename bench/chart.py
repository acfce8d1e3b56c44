"""A line chart as SVG: cost against size, one line for each series, both axes from zero."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 320, 70, 150, 40, 50
COLOURS = ("#1b6ca8", "#c2571a", "#3a7d44", "#7a4e9e")
STEPS = (1, 2, 2.5, 5, 10)
TICKS = 5


def svg(title: str, across: str, up: str, series: Mapping[str, Points]) -> str:
    """Return a chart of each series' points, joined in the order of their x."""
    most_x = _end(max((x for points in series.values() for x, _ in points), default=1))
    most_y = _end(max((y for points in series.values() for _, y in points), default=1))
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + wide * x / most_x, TOP + high * (1 - y / most_y)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, 20, title, "start", bold=True),
        _text(LEFT + wide / 2, HEIGHT - 12, across),
        f'<text x="16" y="{TOP + high / 2:.0f}" text-anchor="middle" transform="rotate(-90 16 {TOP + high / 2:.0f})">'
        f"{escape(up)}</text>",
    ]
    for step in range(TICKS + 1):
        x, y = place(most_x * step / TICKS, most_y * step / TICKS)
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{most_y * step / TICKS:g}", "end"))
        parts.append(_text(x, TOP + high + 18, f"{most_x * step / TICKS:g}"))
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        placed = [place(x, y) for x, y in sorted(points)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(LEFT + wide + 10, TOP + 14 + 18 * number, name, "start", colour=colour))
    return "\n".join((*parts, "</svg>", ""))


def _end(most: float) -> float:
    """Return the round number at which an axis ends that must hold `most`."""
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most > 0:
        power /= 10
    return next(power * step for step in STEPS if power * step >= most) if most > 0 else 1.0


def _text(
    x: float, y: float, text: str, anchor: str = "middle", *, bold: bool = False, colour: str = "#222"
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
    )


def straightness(points: Points) -> float:
    """Return how far the cost of one unit between the first points is from that between the last: 1 is a line."""
    ordered = sorted(points)
    if len(ordered) < 3:
        return 1.0
    (x0, y0), (x1, y1), (x2, y2) = ordered[0], ordered[-2], ordered[-1]
    first = (y1 - y0) / (x1 - x0) if x1 > x0 else 0.0
    last = (y2 - y1) / (x2 - x1) if x2 > x1 else 0.0
    return last / first if first > 0 else 1.0
