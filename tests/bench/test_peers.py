"""Peers: what is pinned, why one is not there, and Zircolite with a stand-in for it."""

import json
import sys
from pathlib import Path

import pytest
from bench import zircolite
from bench.measure import Failed, cost
from bench.peers import PINNED, Peers, pinned

STAND_IN = """
import argparse, json, pathlib
words = argparse.ArgumentParser()
for name in ("--evtx", "--ruleset", "--outfile", "--logfile"):
    words.add_argument(name, required=True)
words.add_argument("--save-ruleset", action="store_true")
words.add_argument("--pipeline", action="append", default=[])
given = words.parse_args()
assert pathlib.Path(given.evtx).is_file()
assert pathlib.Path("config").is_dir(), "it is not run where it stands"
if given.save_ruleset:
    assert pathlib.Path(given.ruleset).is_dir() and given.pipeline == ["sysmon", "windows-logsources"]
    pathlib.Path("ruleset-of-one.json").write_text("[]")
assert given.save_ruleset or pathlib.Path(given.ruleset).read_text() == "[]"
pathlib.Path(given.outfile).write_text(json.dumps([
    {"title": "A", "id": "11", "matches": [{}, {}]},
    {"title": "A", "id": "11", "matches": [{}]},
    {"title": "B", "id": "22", "count": 5},
    {"title": "Nameless", "matches": [{}]},
]))
"""


def test_every_peer_is_pinned_to_a_version() -> None:
    names = pinned(PINNED.read_text())
    assert "plaso" in {name.partition("==")[0] for name in names}
    assert all(name.count("==") == 1 and name.partition("==")[2] for name in names)


def test_remarks_are_no_names() -> None:
    assert pinned("# all\n\nevtx==1  # the reader\nregrs==2\n") == ["evtx==1", "regrs==2"]


def test_a_peer_that_does_not_install_is_known_with_the_reason(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(
        '#!/bin/sh\ncase "$*" in *broken*) echo "ERROR: no wheel for it" >&2; echo "a hint" >&2; exit 1;; esac\n'
    )
    python.chmod(0o755)
    peers = Peers(tmp_path)
    peers.install(["good==1.0", "broken==2.0"])
    assert (peers.why_not("good"), peers.version("good")) == ("", "1.0")
    assert (peers.why_not("broken"), peers.version("broken")) == ("ERROR: no wheel for it", "")
    assert peers.why_not("other") == "not among the pinned names"
    assert Peers(tmp_path).missing == peers.missing, "another run knows it, too"


def test_zircolite_is_run_as_documented_and_its_matches_are_compared(tmp_path: Path) -> None:
    checkout, rules, log, out = (tmp_path / name for name in ("checkout", "rules", "log.evtx", "out.json"))
    (checkout / "config").mkdir(parents=True)
    rules.mkdir()
    (checkout / zircolite.SCRIPT).write_text(STAND_IN)
    log.write_bytes(b"ElfFile")
    for number in ("11", "22", "33"):
        (rules / f"{number}.yml").write_text(f"title: one\nid: '{number}'\n")
    assert zircolite.why_not(str(checkout), str(rules)) == ""
    own = zircolite.converted(sys.executable, checkout, log, rules, tmp_path / "rules.json")
    assert not list(checkout.glob("ruleset-*"))
    cost(zircolite.command(sys.executable, checkout, log, own, out))
    theirs = zircolite.matches(out)
    assert theirs == {"11": 3, "22": 5, "Nameless": 1}
    found = zircolite.agreement({"11": 3, "22": 4, "33": 9, "own": 1}, theirs, zircolite.ids_of(rules))
    assert found == zircolite.Agreement(1, ("22",), ("33",), ("Nameless",))
    assert str(found) == "1 rules alike, 1 with another count, 1 by us alone, 1 by it alone"


def test_rules_that_zircolite_did_not_convert_are_told(tmp_path: Path) -> None:
    (tmp_path / zircolite.SCRIPT).write_text("")
    with pytest.raises(Failed, match="0 converted sets"):
        zircolite.converted(sys.executable, tmp_path, tmp_path, tmp_path, tmp_path / "rules.json")


def test_which_zircolite_it_is(tmp_path: Path) -> None:
    assert zircolite.version(str(tmp_path)) == ""
    (tmp_path / zircolite.SCRIPT).write_text('def main():\n    version = "2.30.1"\n')
    assert zircolite.version(str(tmp_path)) == "2.30.1"


@pytest.mark.parametrize(
    ("checkout", "rules", "why"), [("", "rules", "registry"), ("/nowhere", "rules", "no zircolite.py in")]
)
def test_why_zircolite_is_not_run(checkout: str, rules: str, why: str) -> None:
    assert why in zircolite.why_not(checkout, rules)


def test_zircolite_needs_the_same_rules(tmp_path: Path) -> None:
    (tmp_path / zircolite.SCRIPT).write_text("")
    assert "--rules" in zircolite.why_not(str(tmp_path), "")


def test_what_is_no_list_of_detections_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text(json.dumps({"error": "no events"}))
    with pytest.raises(ValueError, match="no list of detections"):
        zircolite.matches(out)
