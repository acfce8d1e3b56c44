"""What a reporting form asks, and where in somebody's workbook each question and its answer stand."""

import re
from typing import Literal

import msgspec

Of = Literal["server", "agency"]
Word = Literal["", "yes", "no", "not-applicable", "yes-clean", "yes-found"]
"""An answer that a list of a form can hold; empty where it is unknown. `yes-clean` and `yes-found` are of scans: it ran
and found nothing, it ran and found something."""

CELL = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
COLUMN = re.compile(r"[A-Z]{1,3}")
ROW = re.compile(r"[1-9][0-9]{0,6}")


class Asked(msgspec.Struct, frozen=True):
    """One thing that forms ask: of each server or of the agency once. `asks` is our wording of it."""

    id: str
    of: Of
    asks: str


QUESTIONS = (
    Asked("runs-exchange", "agency", "Does the agency run Exchange on its own premises?"),
    Asked(
        "internet-connected",
        "agency",
        "Was any Exchange server connected to the Internet since 1 January 2021?",
    ),
    Asked("servers", "agency", "How many Exchange servers are there, of all versions?"),
    Asked("servers-2013", "agency", "How many run Exchange Server 2013?"),
    Asked("servers-2016", "agency", "How many run Exchange Server 2016?"),
    Asked("servers-2019", "agency", "How many run Exchange Server 2019?"),
    Asked("servers-updated", "agency", "How many have the updates of 13 April 2021?"),
    Asked("servers-disconnected", "agency", "How many are disconnected?"),
    Asked("not-updated", "agency", "Which servers are neither updated nor disconnected, and why?"),
    Asked("controls", "agency", "Which controls see to it that an endpoint is updated before it connects?"),
    Asked("expertise", "agency", "Has the agency the expertise to triage memory and disks itself?"),
    Asked("name", "server", "Name of the server"),
    Asked("address", "server", "Address of the server"),
    Asked("address-external", "server", "Address of the server as the Internet sees it"),
    Asked("name-public", "server", "Public name of the server"),
    Asked("exchange-version", "server", "Version of Exchange"),
    Asked("os-version", "server", "Version of the operating system"),
    Asked("runs-owa", "server", "Does it run Outlook on the web (OWA)?"),
    Asked("runs-ecp", "server", "Does it run the control panel (ECP)?"),
    Asked("internet", "server", "Can it be reached from the Internet?"),
    Asked("owa-ecp-disabled", "server", "Have OWA and ECP been disabled?"),
    Asked("disconnected", "server", "Has it been disconnected?"),
    Asked("updated", "server", "Has it the updates of March 2021?"),
    Asked(
        "triaged", "server", "Were memory, web logs, event logs and all registry hives collected and triaged?"
    ),
    Asked("examined", "server", "Were they examined for indications of compromise?"),
    Asked("found", "server", "Was an anomaly or an indication of compromise found?"),
    Asked("memory-imaged", "server", "Was its memory imaged?"),
    Asked("memory-analysed", "server", "Were memory and disk image analysed?"),
    Asked("traffic-analysed", "server", "Was stored network traffic analysed?"),
    Asked("hunted", "server", "Were network and systems hunted for further indications?"),
    Asked("ticket", "server", "Under which ticket number was it reported?"),
    Asked("evicted", "server", "Were accounts and persistence of the intruder removed?"),
    Asked("msert", "server", "Did MSERT finish a full scan, and what did it find?"),
    Asked("test-proxylogon", "server", "Did Test-ProxyLogon run, and what did it find?"),
    Asked("firewall-default-deny", "server", "Does its firewall deny by default?"),
    Asked("firewall-rfc", "server", "Does its firewall enforce RFC compliance?"),
    Asked("software-updated", "server", "Is all of its software updated within 48 hours?"),
    Asked("software-supported", "server", "Is all of its software supported?"),
    Asked("accounts-reviewed", "server", "Were the accounts and groups that Exchange uses reviewed?"),
    Asked("groups-reviewed", "server", "Was membership in privileged groups reviewed?"),
    Asked("roles-reviewed", "server", "Were sensitive roles reviewed?"),
    Asked("least-privilege", "server", "Is least privilege kept to?"),
    Asked("no-domain-admins", "server", "Is no account on it a domain administrator?"),
    Asked("no-cloud-admins", "server", "Do its administrators hold no rights in Microsoft 365?"),
    Asked("attack-paths", "server", "Were attack paths analysed?"),
    Asked("logs-kept", "server", "Are its logs kept and watched?"),
    Asked("anti-malware", "server", "Is anti-malware software on and up to date?"),
    Asked("cdm-visible", "server", "Is it visible to CDM?"),
)
"""In the order in which a form of our own asks them."""


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The cell that tells a workbook's version. `family` is what that text begins with in every version."""

    sheet: str
    cell: str
    says: str
    family: str


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sheet: str
    at: str


class Blank(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of a workbook and the place of its answer.

    `asks` stands in the cell `asks_at`. `at` is a cell; in a list of servers the column or row that all of them share.
    `fills` names one of QUESTIONS; empty where only a person can answer, then nothing is ever written there. `choices`
    is the list that the workbook lets one choose from, `words` which of them an answer is, where yes and no do not say
    it. `number`: the cell takes a whole number above 0. `tell_in` is where it is said what is not known.
    """

    asks: str
    asks_at: str
    at: str
    fills: str = ""
    sheet: str = ""
    choices: tuple[str, ...] = ()
    words: dict[str, str] = {}
    number: bool = False
    tell_in: str = ""


class ServerList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where servers are listed: one a row, or one a column, from `first` to `last`."""

    sheet: str
    along: Literal["rows", "columns"]
    first: str
    last: str
    blanks: tuple[Blank, ...]


class Workbook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a reporting workbook, as its issuer published it. `comments` takes what no other cell can say."""

    id: str
    title: str
    directive: str
    source: str
    version: Mark
    agency: tuple[Blank, ...]
    comments: Place
    servers: ServerList | None = None


def column_number(letters: str) -> int:
    """Return the number of a column, 1 for A."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Return the letters of a column, A for 1."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def cell(servers: ServerList, at: str, place: int) -> str:
    """Return the cell of one question for the server at a place, 0 for the first."""
    if servers.along == "rows":
        return f"{at}{int(servers.first) + place}"
    return f"{column_letters(column_number(servers.first) + place)}{at}"


def room(servers: ServerList) -> int:
    """Return how many servers a list has place for."""
    number = int if servers.along == "rows" else column_number
    return number(servers.last) - number(servers.first) + 1


def cells(servers: ServerList, at: str) -> list[str]:
    """Return the cells of one question, a server each, in order."""
    return [cell(servers, at, place) for place in range(room(servers))]
