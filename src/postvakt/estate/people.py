"""Who is known on a synthetic server: accounts and their identifiers, for documentation only."""

import msgspec

from postvakt.estate.plans import ServerPlan

NETBIOS = "CORP"
DOMAIN_SID = "S-1-5-21-1004336348-1177238915-682003330"
MACHINE_SID = "S-1-5-21-2094102843-311576647-1417001333"
"""The identifier of the server's own account database."""

SYSTEM_SID = "S-1-5-18"
NOBODY_SID = "S-1-0-0"


class Account(msgspec.Struct, frozen=True):
    """An account of the domain."""

    name: str
    sid: str


OPERATOR = Account("adm-kim", f"{DOMAIN_SID}-1310")
"""The person who runs the servers, by an account of their own."""

HEALTH_MAILBOX = Account("HealthMailbox7f3a9d1", f"{DOMAIN_SID}-1142")
USERS = tuple(
    Account(name, f"{DOMAIN_SID}-{2000 + number}")
    for number, name in enumerate(
        (
            *("ana", "bo", "chidi", "dara", "elin", "femi", "gita", "hugo", "ines", "jun", "kaia", "lars"),
            *("mona", "nils", "oda", "pia", "quan", "rosa", "sami", "tove", "uma", "vera", "wim", "yara"),
        )
    )
)


def administrator(server: ServerPlan) -> Account:
    """Return the domain's first administrator, who has the name that the language gives."""
    return Account(server.machine.language.administrator, f"{DOMAIN_SID}-500")


def machine(server: ServerPlan) -> Account:
    """Return the server's own account in the domain."""
    return Account(f"{server.name}$", f"{DOMAIN_SID}-{1600 + server.index}")
