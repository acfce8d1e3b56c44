from postvakt.model.gap import Clue
from postvakt.reason import hosts
from postvakt.reason.hosts import Place


def clue(value: str, source: str, weight: int = 60, kind: str = "host", **given: object) -> Clue:
    return Clue(kind=kind, value=value, weight=weight, source=source, evidence="e", **given)  # type: ignore[arg-type]


def names(places: list[Place], clues: list[Clue], **given: object) -> dict[str, hosts.HostConclusion]:
    found = hosts.conclude(places, clues, evidence_names={"e": "handed-in.zip"}, **given)  # type: ignore[arg-type]
    return {host.name: host for host in found}


def rooted(root: str, path: str) -> Place:
    return Place("e", root, True, path)


def loose(path: str) -> Place:
    return Place("e", "", False, path)


def test_two_roots_are_two_hosts_named_by_their_own_evidence() -> None:
    places = [rooted("a/", "a/C/log"), rooted("b/", "b/C/log")]
    found = names(places, [clue("ex1", "a/C/log"), clue("ex2.corp.example", "b/C/log")])
    assert sorted(found) == ["EX1", "EX2"]
    assert found["EX2"].roots == (("e", "b/"),)


def test_two_roots_of_one_server_are_one_host() -> None:
    places = [rooted("a/", "a/C/log"), rooted("b/", "b/C/log")]
    assert sorted(names(places, [clue("EX1", "a/C/log"), clue("ex1", "b/C/log")])) == ["EX1"]


def test_the_hive_outweighs_the_logs_and_the_disagreement_is_kept() -> None:
    places = [rooted("", "C/SYSTEM"), rooted("", "C/log")]
    found = names(places, [clue("EX9", "C/SYSTEM", 100), clue("OLD", "C/log", 60, count=900)])
    assert found["EX9"].conflict == "also named OLD"


def test_another_machines_name_in_an_event_is_no_conflict() -> None:
    places = [rooted("", "C/SYSTEM"), rooted("", "C/evtx")]
    found = names(places, [clue("EX9", "C/SYSTEM", 100), clue("WIN-SETUP", "C/evtx", 40)])
    assert found["EX9"].conflict == ""
    assert [claim.name for claim in found["EX9"].names] == ["EX9", "WIN-SETUP"]


def test_loose_files_go_to_the_host_they_name() -> None:
    found = names([loose("x/a.log"), loose("y/b.log")], [clue("EX1", "x/a.log"), clue("EX2", "y/b.log")])
    assert found["EX1"].sources == (("e", "x/a.log"),)
    assert found["EX2"].sources == (("e", "y/b.log"),)


def test_a_nameless_file_beside_one_host_is_its_own() -> None:
    found = names([loose("x/a.log"), loose("x/page.aspx")], [clue("EX1", "x/a.log")])
    assert found["EX1"].sources == (("e", "x/a.log"), ("e", "x/page.aspx"))


def test_a_nameless_file_between_two_hosts_is_nobodys() -> None:
    places = [loose("x/a.log"), loose("y/b.log"), loose("page.aspx")]
    found = names(places, [clue("EX1", "x/a.log"), clue("EX2", "y/b.log")])
    assert found[hosts.UNASSIGNED].sources == (("e", "page.aspx"),)


def test_what_nothing_names_is_called_by_its_hand_in() -> None:
    assert sorted(names([loose("page.aspx")], [])) == ["handed-in.zip"]


def test_a_typed_name_wins_and_the_evidence_disagrees_aloud() -> None:
    found = names([loose("a.log")], [clue("EX1", "a.log")], forced="MAIL")
    assert found["MAIL"].conflict == "also named EX1"


def test_builds_are_dated_and_in_order() -> None:
    basis = "HttpProxy rows, 2021-03-{:02}T00:00:00Z/2021-03-{:02}T00:00:00Z"
    clues = [
        clue("15.1.2106.13", "a", kind="build", basis=basis.format(5, 9)),
        clue("15.1.2106.2", "a", kind="build", basis=basis.format(1, 4)),
        clue("15.1.2106.2", "a", kind="build", basis="ExSetup"),
        clue("EX1", "a"),
    ]
    found = names([loose("a")], clues)["EX1"].builds
    assert [(row.build, row.first is not None, row.source) for row in found] == [
        ("15.1.2106.2", True, "HttpProxy rows"),
        ("15.1.2106.13", True, "HttpProxy rows"),
        ("15.1.2106.2", False, "ExSetup"),
    ]
