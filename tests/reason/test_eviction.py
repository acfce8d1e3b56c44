"""What to rotate and remove follows how far somebody came, and what the evidence names; nobody in, nothing to do."""

from datetime import datetime
from typing import Any

import pytest

from postvakt import content
from postvakt.model.conclusion import HostConclusion
from postvakt.model.eviction import EvictionRow
from postvakt.model.report import Acknowledgement, BuildRow, FindingRow, Sample, VerdictRow
from postvakt.model.story import PageRow, Story
from postvakt.reason.eviction import evict
from tests.reason.values import END, START, finding

KNOWN = content.load().eviction
ACCESS = finding("access-gained", techniques=("T1190",))
ROTATED = ("account", "service-account", "machine-account", "key", "certificate", "machine-keys")


def host(name: str = "EXCH01", *roles: str, **given: Any) -> HostConclusion:
    plain: dict[str, Any] = {"named": True, "roots": (), "sources": (), "names": (), "zone": ""}
    return HostConclusion(name=name, roles=roles or ("exchange",), **{**plain, **given})


def verdict(grade: str, outcome: str = "compromised") -> VerdictRow:
    given: dict[str, Any] = {"outcome": outcome, "grade": grade}
    return VerdictRow(**given, since=None, because=())


def sample(table: str, **fields: str) -> Sample:
    return Sample(
        table=table, evidence="e", source="s", locator=1, locator_kind="line", time=None, fields=fields
    )


def rows(grade: str, *findings: FindingRow, **given: Any) -> tuple[EvictionRow, ...]:
    plain: dict[str, Any] = {
        "story": Story(),
        "known": KNOWN,
        "directive": "ed-21-02",
        "hosts": (),
        "of": host(),
    }
    told = {**plain, **given}
    return evict(
        told["of"],
        verdict(grade, told.get("outcome", "compromised")),
        findings,
        told["story"],
        told["known"],
        told["directive"],
        told["hosts"],
    )


def named(told: tuple[EvictionRow, ...], start: str) -> EvictionRow:
    return next(row for row in told if row.what.startswith(start))


def whats(told: tuple[EvictionRow, ...]) -> list[str]:
    return [row.what for row in told]


@pytest.mark.parametrize("outcome", ["clear", "clear-since", "attempted", "inconclusive", "not-examined"])
def test_where_nobody_got_in_there_is_nothing_to_do(outcome: str) -> None:
    shell = finding("file-written", techniques=("T1505.003",), sample=(sample("file", path="c:/x.aspx"),))
    assert rows("", shell, outcome=outcome) == ()


def test_a_forged_request_alone_rotates_no_credential() -> None:
    told = rows("access-gained", ACCESS)
    assert [(row.kind, row.sure) for row in told] == [
        ("disconnect", "shown"), ("key", "within-reach"), ("rebuild", "shown")
    ]  # fmt: skip
    assert told[1].what.startswith("Secrets in mail")
    assert "Decide" in told[2].do


def test_a_mailbox_that_answered_shows_what_lay_in_mail() -> None:
    read = finding("access-gained", techniques=("T1114.002",), id="mail")
    mail = named(rows("access-gained", read), "Secrets in mail")
    assert (mail.sure, mail.findings) == ("shown", ("mail",))


def test_a_shell_as_system_brings_the_servers_secrets_within_reach_and_shows_none() -> None:
    told = rows("shell-used", ACCESS, finding("shell-used", techniques=("T1059",)))
    assert {row.sure for row in told if row.kind in ROTATED} == {"within-reach"}
    assert {row.kind for row in told} >= set(ROTATED)
    assert not [what for what in whats(told) if "krbtgt" in what]


def test_a_dump_of_lsass_shows_the_accounts_that_were_signed_in() -> None:
    dump = finding("credential-access", techniques=("T1003.001", "T1218.011"), id="dump")
    told = rows("credential-access", ACCESS, dump)
    signed_in = named(told, "Every account that was signed in")
    assert (signed_in.sure, signed_in.findings) == ("shown", ("dump",))
    assert named(told, "Local accounts").sure == "within-reach"
    assert named(told, "The computer account").sure == "shown"


def test_copies_of_the_hives_show_local_and_service_accounts() -> None:
    told = rows("credential-access", finding("credential-access", techniques=("T1003.002", "T1003.004")))
    assert named(told, "Local accounts").sure == "shown"
    assert named(told, "Service accounts").sure == "shown"
    assert named(told, "Every account that was signed in").sure == "within-reach"


def test_a_setting_that_only_weakens_shows_nothing() -> None:
    weak = finding("context", techniques=("T1003.001", "T1112"), level="medium")
    told = rows("shell-used", finding("shell-used"), weak)
    assert named(told, "Every account that was signed in").sure == "within-reach"


@pytest.mark.parametrize("technique", ["T1003.003", "T1003.006"])
def test_the_directorys_database_shows_the_domain_and_krbtgt_after_it(technique: str) -> None:
    told = rows("credential-access", finding("credential-access", techniques=(technique,)))
    domain, krbtgt = named(told, "Every account of the domain"), named(told, "krbtgt")
    assert domain.sure == krbtgt.sure == "shown"
    assert domain.order < krbtgt.order
    assert "twice" in krbtgt.do
    assert "wait" in krbtgt.do


def test_a_domain_controller_that_was_entered_adds_krbtgt() -> None:
    told = rows("shell-used", finding("shell-used"), of=host("DC01", "domain-controller"))
    assert named(told, "krbtgt").sure == "within-reach"


def gone_on(**fields: str) -> FindingRow:
    return finding(
        "lateral-movement", techniques=("T1021.002",), id="on", sample=(sample("event", **fields),)
    )


def test_going_on_to_a_domain_controller_of_the_case_adds_krbtgt() -> None:
    case = (host(), host("DC01", "domain-controller"))
    touched = rows("lateral-movement", gone_on(TargetServerName="dc01.corp.example"), hosts=case)
    assert named(touched, "krbtgt").findings == ("on",)
    elsewhere = rows("lateral-movement", gone_on(TargetServerName="fs01.corp.example"), hosts=case)
    assert not [what for what in whats(elsewhere) if "krbtgt" in what]
    like = rows("lateral-movement", gone_on(CommandLine="psexec \\\\dc011 cmd"), hosts=case)
    assert not [what for what in whats(like) if "krbtgt" in what]


def test_a_domain_controller_that_only_exchange_names_counts_as_well() -> None:
    fields = {"Data[10]": "View Entire Forest: 'True', Configuration Domain Controller: 'dc07.corp.example'"}
    cmdlet = finding("access-gained", sample=(sample("event", **fields),), id="cmdlet")
    told = rows("lateral-movement", cmdlet, gone_on(CommandLine=r"wmic /node:DC07 process call create x"))
    assert named(told, "krbtgt").findings == ("on",)
    assert not [what for what in whats(rows("access-gained", cmdlet)) if "krbtgt" in what]


PERSISTENCE = [
    ("T1505.003", "file", {"path": "c:/inetpub/wwwroot/x.aspx"}, "c:/inetpub/wwwroot/x.aspx"),
    ("T1053.005", "event", {"TaskName": "\\Winnet"}, "\\Winnet"),
    ("T1543.003", "event", {"ServiceName": "msupdate"}, "msupdate"),
    ("T1505.004", "iis_config", {"image": "c:\\x\\m.dll"}, "c:\\x\\m.dll"),
    ("T1505.002", "transport_agent", {"name": "Odd Agent"}, "Odd Agent"),
    ("T1547.001", "registry_value", {"path": "HKLM\\Software\\Run\\x"}, "HKLM\\Software\\Run\\x"),
    ("T1136.002", "event", {"TargetUserName": "helper"}, "helper"),
    ("T1560.001", "file", {"path": "c:/programdata/l.7z"}, "c:/programdata/l.7z"),
    ("T1098.002", "cmdlet_infra", {"Parameters": "-Role x -User y"}, "-Role x -User y"),
]  # fmt: skip


@pytest.mark.parametrize(("technique", "table", "fields", "what"), PERSISTENCE)
def test_what_was_left_is_named(technique: str, table: str, fields: dict[str, str], what: str) -> None:
    left = finding("shell-used", techniques=(technique,), sample=(sample(table, **fields),), id="left")
    told = [row for row in rows("shell-used", ACCESS, left) if row.what == what]
    assert [(row.sure, row.findings) for row in told] == [("shown", ("left",))]


def test_one_thing_that_several_findings_name_is_one_row() -> None:
    spelled = ("c:/inetpub/wwwroot/x.aspx", "C:\\inetpub\\wwwroot\\x.aspx")
    found = [
        finding("file-written", techniques=("T1505.003",), id=str(n), sample=(sample("file", path=path),))
        for n, path in enumerate(spelled)
    ]
    told = [row for row in rows("file-written", *found) if row.kind == "persistence"]
    assert [row.findings for row in told] == [("0", "1")]


def account(at: datetime, level: str = "low") -> FindingRow:
    fields = {"TargetUserName": "newcomer"}
    return finding(
        "context", techniques=("T1136",), level=level, first=at, last=at, sample=(sample("event", **fields),)
    )


def test_a_weak_finding_counts_only_after_the_intrusion_began_and_says_so() -> None:
    assert ACCESS.first is not None
    after = named(rows("access-gained", ACCESS, account(END)), "newcomer")
    assert after.sure == "within-reach"
    assert "Ask its owner" in after.do
    assert "newcomer" not in whats(rows("access-gained", ACCESS, account(START)))
    assert named(rows("access-gained", ACCESS, account(START, "high")), "newcomer").sure == "shown"


def test_what_was_acknowledged_and_what_responders_brought_is_no_remnant() -> None:
    shot = sample("file", path="c:/temp/tool.exe")
    tool = finding("responder-tool", techniques=("T1105",), sample=(shot,))
    said = Acknowledgement(by="a", at=END, reason="ours")
    known = finding("shell-used", techniques=("T1105",), sample=(shot,), acknowledged=said)
    assert "c:/temp/tool.exe" not in whats(rows("access-gained", ACCESS, tool, known))


def page(name: str, answered: int) -> PageRow:
    return PageRow(
        page=name, address="203.0.113.9", accounts=(), agents=(), requests=3, answered=answered, methods={},
        statuses={}, bytes_out=None, first=None, last=None,
    )  # fmt: skip


def test_a_page_that_answered_is_named_where_its_file_is_gone() -> None:
    story = Story(
        pages=(page("/owa/auth/a.aspx", 2), page("/owa/auth/b.aspx", 0), page("/aspnet_client/c.aspx", 1))
    )
    file = sample("file", path="c:/inetpub/wwwroot/aspnet_client/c.aspx")
    found = finding("file-written", techniques=("T1505.003",), sample=(file,))
    pages = [row.what for row in rows("file-written", found, story=story) if row.kind == "persistence"]
    assert pages == ["/owa/auth/a.aspx", "c:/inetpub/wwwroot/aspnet_client/c.aspx"]


def test_the_order_is_evidence_way_in_accounts_domain_rebuild() -> None:
    shell = finding("shell-used", techniques=("T1505.003",), sample=(sample("file", path="c:/x.aspx"),))
    told = rows("credential-access", shell, finding("credential-access", techniques=("T1003.003",)))
    places = [named(told, what).order for what in ("This server", "c:/x.aspx", "Local accounts", "krbtgt")]
    assert places == sorted(places)
    assert told[-1].kind == "rebuild"
    orders = [row.order for row in told]
    assert orders == sorted(orders)
    assert set(orders) == set(range(1, max(orders) + 1))


def test_the_rebuild_says_who_decides() -> None:
    assert "CISA decides" in rows("shell-used", finding("shell-used"))[-1].do
    assert "CISA" not in rows("shell-used", finding("shell-used"), directive="ed-25-02")[-1].do


def test_exchange_2010_has_no_certificate_of_oauth() -> None:
    old = host(builds=(BuildRow(build="14.3.513.0", first=START, until=END, source="x"),))
    assert "The OAuth certificate" not in " ".join(
        whats(rows("file-written", finding("file-written"), of=old))
    )
    assert "The OAuth certificate" in " ".join(whats(rows("file-written", finding("file-written"))))


def test_a_flood_of_remnants_is_cut_and_says_so() -> None:
    shots = tuple(sample("file", path=f"c:/inetpub/wwwroot/{n:03}.aspx") for n in range(60))
    told = rows("file-written", finding("file-written", techniques=("T1505.003",), sample=shots))
    left = [row for row in told if row.kind == "persistence"]
    assert len(left) == 40
    assert "20 more" in left[-1].do


def test_a_weak_finding_without_a_time_names_nothing() -> None:
    timeless = finding("context", techniques=("T1136",), level="low", first=None, last=None,
                       sample=(sample("event", TargetUserName="newcomer"),))  # fmt: skip
    assert "newcomer" not in whats(rows("access-gained", ACCESS, timeless))
