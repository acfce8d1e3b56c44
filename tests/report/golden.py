"""The example report as every format writes it, kept under `expected/`.

`python -m tests.report.golden` writes the files anew; read the difference before you commit it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from postvakt import report
from postvakt.report import console
from tests.report import hostile, values

EXPECTED = Path(__file__).parent / "expected"

GOLDEN = values.report(
    values.CLEAR_SINCE, values.host(), values.INCONCLUSIVE, values.NOT_EXAMINED, hostile.HOST
)

FILES: Mapping[str, Callable[[], bytes]] = {
    "report.html": lambda: report.FORMATS["html"].render(GOLDEN),
    "report.json": lambda: report.FORMATS["json"].render(GOLDEN),
    "report.md": lambda: report.FORMATS["md"].render(GOLDEN),
    "report.csv": lambda: report.FORMATS["csv"].render(GOLDEN),
    "console.txt": lambda: console.render(GOLDEN, 100, where="case/report/report.html").encode(),
    "one-server.html": lambda: report.FORMATS["html"].render(values.ONE),
}


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    for name, written in FILES.items():
        (EXPECTED / name).write_bytes(written())


if __name__ == "__main__":
    main()
