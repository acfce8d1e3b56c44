"""Words on servers put together: what is one server, what stays apart, and what is told of each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postvakt.model.inventory import Listed, Naming, ServerRow
from postvakt.model.report import BuildRow, CoverageRow, HostRow, VerdictRow
from postvakt.reason import namings
from postvakt.reason.inventory import Asked, collected, inventory, is_outside

EX01, EX01_BRANCH = "ex01.corp.example", "ex01.branch.example"
DAY = datetime(2021, 3, 4, tzinfo=UTC)


def word(*names: str, **told: Any) -> Naming:
    return Naming(**{"kind": "directory", "says": "a list", "names": names, "exchange": "yes", **told})


def log(*names: str, **told: Any) -> Naming:
    return word(*names, **{"kind": "log", "says": "TargetServer of HttpProxy logs", **told})


def host(
    name: str, *, artifact: str = "iis", roles: tuple[str, ...] = ("exchange",), build: str = ""
) -> HostRow:
    read = CoverageRow(
        artifact=artifact, files=1, bytes=1, records=7, undated=0, first=DAY, last=DAY, holes=(), days={}
    )
    return HostRow(
        host=name,
        roles=roles,
        zone="",
        names=(),
        verdict=VerdictRow(outcome="clear", grade="", since=None, because=()),
        questions=(),
        findings=(),
        chains=(),
        coverage=(read,),
        gaps=(),
        builds=(BuildRow(build=build, first=DAY, until=DAY, source="http_proxy rows"),) if build else (),
        mitigations=(),
        answers=(),
    )


def rows(
    *words: Naming, hosts: tuple[HostRow, ...] = (), asked: dict[str, Asked] | None = None
) -> dict[str, ServerRow]:
    return {row.name: row for row in inventory(hosts, words, asked or {})}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        pytest.param([word(EX01), log("EX01")], [EX01], id="a short name is the one full name"),
        pytest.param([log("ex01"), log("EX01.")], ["EX01"], id="case and a last dot are nothing"),
        pytest.param([word(EX01), word(EX01_BRANCH)], [EX01_BRANCH, EX01], id="two domains are two servers"),
        pytest.param(
            [word(EX01), word(EX01_BRANCH), log("EX01")],
            ["EX01", EX01_BRANCH, EX01],
            id="a short name that fits two is neither",
        ),
        pytest.param(
            [word("EX01", EX01), word("EX01", EX01_BRANCH)],
            [EX01_BRANCH, EX01],
            id="a short name beside a full one joins nothing",
        ),
        pytest.param(
            [word("mail-server-number-one.corp.example"), log("MAIL-SERVER-NUM")],
            ["mail-server-number-one.corp.example"],
            id="Windows cuts a short name after fifteen",
        ),
        pytest.param([log("localhost"), log("127.0.0.1")], [], id="whoever says localhost names nobody"),
        pytest.param(
            [word(EX01, addresses=("192.0.2.1",)), word(kind="scan", addresses=("192.0.2.1",))],
            [EX01],
            id="an address that one server has",
        ),
        pytest.param(
            [
                word(EX01, addresses=("192.0.2.1",)),
                word("ex02.corp.example", addresses=("192.0.2.1",)),
                word(kind="scan", addresses=("192.0.2.1",)),
            ],
            ["192.0.2.1", EX01, "ex02.corp.example"],
            id="an address that two have is neither's",
        ),
        pytest.param(
            [
                word(EX01, aliases=("mail.corp.example",)),
                word("ex02.corp.example", aliases=("mail.corp.example",)),
                word(kind="certificate", aliases=("mail.corp.example",), exchange="likely"),
            ],
            [EX01, "ex02.corp.example", "mail.corp.example"],
            id="a name that several servers share joins nothing",
        ),
        pytest.param(
            [word(EX01), word(EX01_BRANCH), word("EX01", kind="scan", aliases=(EX01,))],
            [EX01_BRANCH, EX01],
            id="a full name beside a short one tells which is meant",
        ),
        pytest.param(
            [word(EX01, addresses=("192.0.2.1",)), word(EX01_BRANCH), word("EX01", addresses=("192.0.2.1",))],
            [EX01_BRANCH, EX01],
            id="an address beside a short name tells which is meant",
        ),
        pytest.param([word(EX01, exchange="unknown")], [], id="a host that nothing says is Exchange"),
        pytest.param(
            [word("EX01", EX01), word(EX01, "ex01.old.example")], [EX01], id="one source gives two names"
        ),
    ],
)
def test_what_is_one_server(words: list[Naming], names: list[str]) -> None:
    assert sorted(rows(*words)) == sorted(names)


def test_the_order_of_words_changes_nothing() -> None:
    words = [
        word(EX01, addresses=("192.0.2.1",)),
        log("EX01", count=3),
        word(kind="scan", addresses=("192.0.2.1",)),
    ]
    assert rows(*words) == rows(*reversed(words))


def test_what_is_told_of_a_short_name_that_fits_two() -> None:
    told = rows(word(EX01), word(EX01_BRANCH), log("EX01", count=14))
    assert told["EX01"].told[:2] == (
        "Named 14 times, never collected.",
        f"Its short name fits {EX01_BRANCH} and {EX01}; which of them is meant is not told.",
    )
    assert f"Another server has the same short name: EX01, {EX01_BRANCH}." in told[EX01].told


def test_a_server_that_was_handed_in_is_collected_and_its_own_logs_are_no_other_source() -> None:
    words = [
        log("EX01", own=True, by="EX01", says="ServerHostName"),
        log(EX01, by="EX01"),
        log("EX02", by="EX01"),
        word("EX01", EX01),
    ]
    told = rows(*words, hosts=(host("EX01", build="15.1.2106.13"),))
    assert [source.kind for source in told[EX01].sources] == ["evidence", "directory"]
    assert (told[EX01].submitted, told[EX01].host, told["EX02"].submitted) == (True, "EX01", False)
    assert collected(told.values()) == (1, ("EX02",))


def test_a_list_about_a_server_is_no_evidence_of_it() -> None:
    told = rows(word(EX01), hosts=(host("EX01", artifact="exchange_object"),))
    assert not told[EX01].submitted


def test_a_domain_controller_that_was_handed_in_is_no_exchange_server() -> None:
    told = rows(hosts=(host("DC01", roles=("domain-controller",)),))
    assert (told["DC01"].exchange, collected(told.values())) == ("no", (0, ()))


@pytest.mark.parametrize(
    ("build", "other", "differ"),
    [
        ("15.1.2106.13", "15.1.2106", False),
        ("15.1.2106.13", "15.1.2106.2", True),
        ("15.1.2106.13", "15.1.2044", True),
        ("15.1.2106", "15.1.21065", True),
    ],
)
def test_builds_are_compared_as_far_as_both_are_known(build: str, other: str, differ: bool) -> None:
    told = rows(word(EX01, build=build), word(EX01, says="another", kind="scan", build=other))[EX01].told
    assert any("differ on its build" in one for one in told) is differ


@pytest.mark.parametrize(
    ("first", "later", "differ"),
    [(DAY, DAY + timedelta(days=1), False), (DAY, DAY, True), (None, None, True)],
)
def test_one_source_that_tells_two_builds_at_two_times_saw_an_update(
    first: datetime | None, later: datetime | None, differ: bool
) -> None:
    words = (word(EX01, build="15.1.2106.2", last=first), word(EX01, build="15.1.2106.13", last=later))
    told = rows(*words)[EX01]
    assert any("differ on its build" in one for one in told.told) is differ
    assert told.sources[0].build == "15.1.2106.13"


def test_every_build_that_sources_differ_on_is_told_once() -> None:
    words = [
        word(EX01, says="object", build="15.2.986"),
        word(EX01, says="same object", build="15.2.986"),
        word(EX01, says="setup", build="15.2.986.5"),
        word(EX01, says="setup", build="15.2.1118.25"),
    ]
    (told,) = (one for one in rows(*words)[EX01].told if "differ" in one)
    assert [told.count(f"says {build}") for build in ("15.2.986.5", "15.2.1118.25")] == [1, 1]
    assert (told.count("says 15.2.986 (cumulative update only)"), "more" in told) == (1, False)
    many = [word(EX01, says="setup", build=f"15.2.{number}.1") for number in range(100, 105)]
    (told,) = (one for one in rows(*many)[EX01].told if "differ" in one)
    assert (told.count("says"), told.endswith("; 2 more.")) == (3, True)


@pytest.mark.parametrize(
    ("address", "own", "outside"),
    [
        ("203.0.113.9", ["192.0.2.10"], True),
        ("192.0.2.77", ["192.0.2.10"], False),
        ("10.1.2.3", [], False),
        ("172.31.0.1", [], False),
        ("172.32.0.1", [], True),
        ("fe80::1%eth0", [], False),
        ("2001:db8::1", ["192.0.2.10"], True),
        ("2001:db8::1", ["2001:db8::2"], False),
        ("no address", [], False),
    ],
)
def test_who_is_outside(address: str, own: list[str], outside: bool) -> None:
    assert is_outside(address, own) is outside


@pytest.mark.parametrize(
    ("words", "asked", "facing"),
    [
        ([], ("203.0.113.9",), "internet"),
        ([], ("10.0.0.9", "192.0.2.9"), "unknown"),
        ([word(EX01, urls=("https://mail.corp.example/owa",))], (), "internet"),
        ([word(EX01, addresses=("203.0.113.1",), scanned_open=True)], (), "internet"),
        ([word(EX01, addresses=("10.0.0.1",), scanned_open=True)], (), "unknown"),
    ],
)
def test_who_faces_the_internet(words: list[Naming], asked: tuple[str, ...], facing: str) -> None:
    told = rows(
        word(EX01), *words, hosts=(host("EX01"),), asked={"EX01": Asked(asked, frozenset(["192.0.2.10"]))}
    )
    assert told[EX01].facing == facing
    assert told[EX01].facing_basis


def listed(table: str, **fields: str | tuple[str, ...]) -> Listed:
    return Listed(table=table, by="", place="list, 1", time=DAY, fields=fields)


def test_a_directory_s_serial_number_is_the_cumulative_update() -> None:
    told = namings.namings(
        [
            listed(
                "directory_object",
                dn="CN=EX01,CN=Servers,DC=corp,DC=example",
                objectClass=("top", "msExchExchangeServer"),
                cn="EX01",
                serialNumber="Version 15.2 (Build 31118.007)",
                networkAddress=("netbios:EX01", f"ncacn_ip_tcp:{EX01}"),
                msExchCurrentServerRoles="54",
                msExchServerSite="CN=North,CN=Sites,DC=corp,DC=example",
            )
        ]
    )
    assert [(t.build, t.names, t.roles[0], t.site) for t in told] == [
        ("15.2.1118", ("EX01", EX01), "Mailbox", "North")
    ]


@pytest.mark.parametrize("between", ["\n", ";"])
def test_members_of_exchange_s_groups_are_likely_servers(between: str) -> None:
    members = [
        "CN=EX01,OU=Servers,DC=corp,DC=example",
        "CN=Some,OU=Microsoft Exchange Security Groups,DC=corp,DC=example",
    ]
    told = namings.namings(
        [
            listed(
                "directory_object",
                objectClass=("group",),
                cn="Exchange Servers",
                member=between.join(members),
            )
        ]
    )
    assert [(t.names, t.exchange) for t in told] == [(("EX01", "EX01.corp.example"), "likely")]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"servicePrincipalName": "HOST/ex01\nexchangeMDB/ex01"}, [("yes", ())]),
        (
            {"servicePrincipalName": "exchangeMDB/ex01", "userAccountControl": "4098"},
            [("yes", ("Its computer account in Active Directory is disabled.",))],
        ),
        ({"servicePrincipalName": "HOST/ex01"}, []),
    ],
)
def test_computer_accounts(fields: dict[str, str], found: list[tuple[str, tuple[str, ...]]]) -> None:
    row = listed(
        "directory_object", dn="CN=EX01,DC=corp,DC=example", objectClass=("computer",), cn="EX01", **fields
    )
    assert [(told.exchange, told.notes) for told in namings.namings([row])] == found


def test_a_script_in_an_external_address_publishes_nothing() -> None:
    told = namings.namings(
        [
            listed(
                "directory_object",
                dn="CN=OAB,CN=HTTP,CN=Protocols,CN=EX01,CN=Servers,DC=corp,DC=example",
                objectClass=("top", "msExchVirtualDirectory"),
                msExchExternalHostName='http://f/<script language="x" runat="server">',
            )
        ]
    )
    assert [(t.names, t.urls) for t in told] == [(("EX01",), ())]


def test_an_ordinary_certificate_names_no_server() -> None:
    told = namings.namings(
        [listed("certificate", common_name="www.corp.example", names=("www.corp.example",))]
    )
    assert told == []


def exported(kind: str, server: str, by: str = "", **told: str) -> list[Listed]:
    return [
        Listed(
            table="exchange_object",
            by=by,
            place=f"{kind}.xml, {line}",
            time=None,
            fields={"object": "1", "kind": kind, "property": name, "value": value}
            | ({"server": server} if server else {}),
        )
        for line, (name, value) in enumerate(told.items(), 1)
    ]


@pytest.mark.parametrize(
    ("rows_of", "found"),
    [
        (
            exported("ExchangeServer", "EX01", AdminDisplayVersion="Version 15.2 (Build 986.5)"),
            [("EX01", "15.2.986")],
        ),
        (
            exported("VulnerabilityReport", "EX01", BuildVersion="15.2.986.5", Online="true"),
            [("EX01", "15.2.986.5")],
        ),
        (
            exported("VulnerabilityReport", "EX01", BuildVersion="15.2.986.5", Online="false"),
            [("EX01", "15.2.986")],
        ),
        (
            exported(
                "FileVersionInfo", "", "EX01", FileVersion="15.02.0986.005", OriginalFilename="ExSetup.exe"
            ),
            [("EX01", "15.2.986.5")],
        ),
        (
            exported("FileVersionInfo", "", "EX01", FileVersion="10.0.1.1", OriginalFilename="cachtokn.dll"),
            [],
        ),
        (
            exported("FileVersionInfo", "", "", FileVersion="15.02.0986.005", OriginalFilename="ExSetup.exe"),
            [],
        ),
    ],
)
def test_what_exported_objects_know_of_a_build(rows_of: list[Listed], found: list[tuple[str, str]]) -> None:
    assert [(told.names[0], told.build) for told in namings.namings(rows_of)] == found
