"""The example report as every format writes it, kept under `expected/`.

`python -m tests.report.golden` writes the files anew; read the difference before you commit it.
"""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import openpyxl

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
    "workbook.txt": lambda: _listed(report.FORMATS["workbook"].render(GOLDEN)),
    "report.incident.md": lambda: report.FORMATS["incident"].render(GOLDEN),
    "report.attestation.html": lambda: report.FORMATS["attestation"].render(GOLDEN),
    "report.oscal.json": lambda: report.FORMATS["oscal"].render(GOLDEN),
    "one-server.html": lambda: report.FORMATS["html"].render(values.ONE),
}


def _listed(workbook: bytes) -> bytes:
    """Return the cells of a workbook as text, one a line: its bytes change with the library that writes it."""
    book = openpyxl.load_workbook(io.BytesIO(workbook))
    lines = [
        f"{sheet.title}!{cell.coordinate} {cell.data_type} {cell.value}"
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.value is not None
    ]
    return ("\n".join(lines) + "\n").encode()


def main() -> None:
    EXPECTED.mkdir(exist_ok=True)
    for name, written in FILES.items():
        (EXPECTED / name).write_bytes(written())


if __name__ == "__main__":
    main()
