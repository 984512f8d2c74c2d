"""Bars that the server draws: the same numbers as a picture and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The picture's own units; the page scales it to the width that there is.
HEIGHT = 160
NARROW, WIDE = 480, 1000
LEFT, BOTTOM, TOP = 44, 22, 8
# Colours stand in app.css as kind-0 to kind-5; what has more kinds shows the rest as one.
KINDS = 6
GAP = 0.3


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a column as it is drawn, in the picture's units."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    says: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A word beside an axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns of stacked pieces with the words of both axes, and the numbers behind them.

    `rows` are the columns in order: what each is called, and its numbers by kind in the order of `kinds`.
    """

    bars: tuple[Bar, ...]
    lines: tuple[float, ...]
    across: tuple[Mark, ...]
    upward: tuple[Mark, ...]
    width: int
    kinds: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    total: int

    @property
    def wide(self) -> bool:
        """Whether a narrow page shows only a part of it at once."""
        return self.width > NARROW

    @property
    def box(self) -> str:
        """The picture's view box."""
        return f"0 0 {self.width} {HEIGHT}"


def columns(
    names: Sequence[str],
    kinds: Sequence[str],
    numbers: Mapping[tuple[int, int], int],
    *,
    colours: Sequence[str] = (),
    every: int = 1,
    width: int = NARROW,
) -> Chart:
    """One column for each name; `numbers` by the place of the name and of the kind, what is missing counts as none.

    `colours` are the classes of the kinds where the usual row of colours would say something wrong.  Every so many
    columns are named below, so that the words do not run into each other.
    """
    classes = list(colours) or [f"kind-{place}" for place in range(len(kinds))]
    rows = [
        (name, tuple(numbers.get((place, kind), 0) for kind in range(len(kinds)))) for place, name in enumerate(names)
    ]
    step = nice_step(max((sum(each) for _, each in rows), default=0))
    highest = step * 4
    slot = (width - LEFT) / max(len(names), 1)
    scale = (HEIGHT - BOTTOM - TOP) / highest
    bars: list[Bar] = []
    for place, (name, each) in enumerate(rows):
        foot = float(HEIGHT - BOTTOM)
        for kind, number in enumerate(each):
            if number:
                tall = number * scale
                foot -= tall
                x = LEFT + slot * (place + GAP / 2)
                says = f"{name}: {kinds[kind]} {number}"
                bars.append(
                    Bar(classes[kind], round(x, 2), round(foot, 2), round(slot * (1 - GAP), 2), round(tall, 2), says)
                )
    heights = [HEIGHT - BOTTOM - step * number * scale for number in range(5)]
    return Chart(
        bars=tuple(bars),
        lines=tuple(round(each, 2) for each in heights),
        across=tuple(
            Mark(round(LEFT + slot * (place + 0.5), 2), HEIGHT - 6, name)
            for place, name in enumerate(names)
            if (len(names) - 1 - place) % every == 0
        ),
        upward=tuple(Mark(LEFT - 6, round(each + 4, 2), str(step * number)) for number, each in enumerate(heights)),
        width=width,
        kinds=tuple(zip(classes, kinds, strict=True)),
        rows=tuple(rows),
        total=sum(numbers.values()),
    )


def nice_step(highest: int) -> int:
    """A quarter of an axis that holds the number: 1, 2, 5 or 10 times a power of ten, and never less than one."""
    wanted = -(-highest // 4)
    power = 1
    while True:
        for each in (1, 2, 5):
            if each * power >= wanted:
                return each * power
        power *= 10
