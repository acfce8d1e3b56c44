"""What Tab offers, asked as shells ask it."""

import os
import subprocess
import sys

import pytest

from postvakt.commands import completing, readers


def offered(words: str) -> list[str]:
    """Return what bash is offered for the last of these words."""
    asked = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_POSTVAKT_COMPLETE": "complete_bash",
    }
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv[0] = 'postvakt'; from postvakt.cli import main; main()"],
        env={**os.environ, **asked}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.stderr == ""
    return ran.stdout.split("\n")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("postvakt query case --hunt rare-p", ["rare-pages"]),
        ("postvakt query case --format js", ["json"]),
        ("postvakt triage x --directive ed-21", ["ed-21-02"]),
        ("postvakt report case --format st", ["stix"]),
    ],
)
def test_what_a_shell_is_offered(words: str, found: list[str]) -> None:
    assert [line for line in offered(words) if line] == found


def test_the_last_word_of_a_question_is_finished() -> None:
    assert set(completing.sql("select * from mem_pro")) == {"select * from mem_process"}
    assert "select CommandLine" not in set(completing.sql("select Command"))
    assert "describe mem_process where CommandLine" in set(completing.sql("describe mem_process where Comm"))
    assert {f"select * from {name}" for name in readers.TABLES} <= set(completing.sql("select * from "))
    assert list(completing.sql("no such thing zzz")) == []
