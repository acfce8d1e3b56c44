"""Hives of synthetic servers: what a triage asks them for."""

import io
from functools import cache

import pytest
from dissect.regf import RegistryHive

from postvakt.estate.hives import hives
from postvakt.estate.plans import ServerPlan, plan
from postvakt.estate.stories import KINDS


def server(scenario: str) -> ServerPlan:
    return next(server for server in plan(len(KINDS), 1, 12) if server.scenario == scenario)


@cache
def hive(scenario: str, name: str) -> RegistryHive:
    content = next(one.content for one in hives(server(scenario)) if one.path.endswith(f"/{name}"))
    return RegistryHive(io.BytesIO(content))


CLEAN = server("clean")
EXCHANGE = "Microsoft\\ExchangeServer\\v15\\Setup"


@pytest.mark.parametrize(
    ("name", "key", "value", "told"),
    [
        ("SYSTEM", "Select", "Current", 1),
        ("SYSTEM", "ControlSet001\\Control\\ComputerName\\ComputerName", "ComputerName", CLEAN.name),
        (
            "SYSTEM",
            "ControlSet001\\Control\\TimeZoneInformation",
            "TimeZoneKeyName",
            "W. Europe Standard Time",
        ),
        ("SYSTEM", "ControlSet001\\Control\\TimeZoneInformation", "ActiveTimeBias", 2**32 - 60),
        ("SYSTEM", "ControlSet001\\Services\\Tcpip\\Parameters", "Domain", "corp.example"),
        ("SYSTEM", "ControlSet001\\Services\\W3SVC", "Type", 0x20),
        ("SYSTEM", "ControlSet001\\Services\\MSExchangeIS", "Type", 0x10),
        ("SOFTWARE", "Microsoft\\Windows NT\\CurrentVersion", "CurrentBuild", "14393"),
        ("SOFTWARE", EXCHANGE, "MsiBuildMajor", 2106),
        ("SOFTWARE", EXCHANGE, "MsiInstallPath", "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\"),
        ("SOFTWARE", "Microsoft\\Updates\\Exchange 2016\\KB5000871", "InstalledDate", "3/4/2021"),
        ("SOFTWARE", "Microsoft\\InetStp", "MajorVersion", 10),
        ("NTUSER.DAT", "Volatile Environment", "USERPROFILE", "C:\\Users\\Administrator"),
    ],
)
def test_a_value(name: str, key: str, value: str, told: object) -> None:
    assert hive("clean", name).open(key).value(value).value == told


@pytest.mark.parametrize(("scenario", "patched"), [("clean", True), ("attacked", True), ("probed", False)])
def test_only_a_patched_server_lists_the_update(scenario: str, patched: bool) -> None:
    keys = [key.name for key in hive(scenario, "SOFTWARE").open("Microsoft").subkeys()]
    assert ("Updates" in keys) == patched


def test_sam_names_accounts_and_groups_by_their_numbers() -> None:
    names = hive("clean", "SAM").open("SAM\\Domains\\Account\\Users\\Names")
    assert {key.name: key.value("(Default)").type for key in names.subkeys()} == {
        "Administrator": 500,
        "Guest": 501,
        "DefaultAccount": 503,
    }


def test_sam_and_security_hold_no_secret() -> None:
    users = hive("clean", "SAM").open("SAM\\Domains\\Account\\Users")
    variable = [key.value("V").data for key in users.subkeys() if key.name != "Names"]
    # places 13 and 14 of the variable part are those of the password hashes
    assert [content[13 * 12 : 15 * 12] for content in variable] == [bytes(24)] * 3
    assert [key.name for key in hive("clean", "SECURITY").open("Policy").subkeys()] == [
        "PolAcDmS",
        "PolPrDmN",
        "PolPrDmS",
    ]
