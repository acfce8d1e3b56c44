"""What a case answers to what a form asks of the agency once. Numbers of servers wait for somebody's word that the
servers in the evidence are all there are.
"""

from collections.abc import Callable, Mapping

from postvakt.model.form import QUESTIONS, Word
from postvakt.model.report import HostRow, Report
from postvakt.report.replies import NOBODY, Reply, latest, product, servers, unknown, why

APRIL = ("april-2021",)
"""The flaw that the updates of 13 April 2021 close."""


def of_agency(report: Report) -> dict[str, Reply]:
    """Return the replies to everything that is asked of the agency once."""
    return {asked.id: _AGENCY[asked.id](report) for asked in QUESTIONS if asked.of == "agency"}


def _runs_exchange(report: Report) -> Reply:
    named = [host.host for host in report.hosts if "exchange" in host.roles]
    if named:
        return Reply(word="yes", why=f"in the evidence: {', '.join(named[:20])}")
    return unknown("no Exchange server was handed in, and the evidence knows only of what was handed in")


def _connected(report: Report) -> Reply:
    """One connected server is a yes; a no needs somebody's word on each of them."""
    facing = [row.name for row in report.inventory if row.facing == "internet"]
    if facing:
        return Reply(word="yes", why=f"reached from the Internet: {', '.join(facing[:20])}")
    told = [_condition("connected", host) for host in servers(report)]
    yes = next((reply for reply in told if reply.word == "yes"), None)
    if yes is not None:
        return yes
    return told[0] if told and all(reply.word == "no" for reply in told) else unknown(NOBODY)


def _counted(counts: Callable[[HostRow], bool | None], what: str) -> Callable[[Report], Reply]:
    """Return the number of servers of a kind; known only where somebody says that all servers were listed."""

    def reply(report: Report) -> Reply:
        told = [counts(host) for host in servers(report)]
        number, open_ = sum(one is True for one in told), sum(one is None for one in told)
        listed = next((row for row in report.answers if row.requirement == "1.identify"), None)
        if open_:
            return unknown(f"{number} {what} in the evidence; of {open_} it is not known")
        if listed is None or listed.state != "met":
            return unknown(f"{number} {what} in the evidence; that these are all servers nobody has said")
        return Reply(number=number, why=why(listed))

    return reply


def _of_year(year: str) -> Callable[[HostRow], bool | None]:
    def counts(host: HostRow) -> bool | None:
        build = latest(host.builds)
        return product(build.build).endswith(year) if build else None

    return counts


def _april(host: HostRow) -> bool | None:
    states = {row.state for row in host.exposure if row.flaw in APRIL}
    return None if not states or states & {"unknown", "needs-setting"} else "vulnerable" not in states


def _cut_off(host: HostRow) -> bool | None:
    row = next((row for row in host.answers if row.requirement == "3.a"), None)
    if row is None or not row.said or row.state not in ("met", "unmet"):
        return None
    return row.state == "met"


def _open_servers(report: Report) -> Reply:
    rows = []
    for host in servers(report):
        build = latest(host.builds)
        if not (_april(host) or _cut_off(host)):
            state = "not updated" if _april(host) is False else "update unknown"
            away = "still connected" if _cut_off(host) is False else "disconnection unknown"
            rows.append(f"{host.host}: {state} ({build.build if build else 'build unknown'}), {away}")
    if not rows:
        return Reply(
            text="None of the servers in the evidence.", why="every server is updated or disconnected"
        )
    return Reply(text=f"{'; '.join(rows)}. Why, and until when, a person must say.", why="builds and answers")


def _controls(report: Report) -> Reply:
    row = next((row for row in report.answers if row.requirement == "s2.2"), None)
    if row is not None and row.said and row.state == "met":
        return Reply(text=row.said[0].words, why=why(row))
    return unknown(why(row) if row is not None else NOBODY)


def _expertise(report: Report) -> Reply:
    told = (_condition("expertise", host) for host in servers(report))
    return next((reply for reply in told if reply.known), unknown(NOBODY))


def _condition(name: str, host: HostRow) -> Reply:
    """Return what somebody said of a condition: the answers that it decides tell it, `expertise: yes, said by ...`."""
    words: Mapping[Word, str] = {"yes": f"{name}: yes, said by ", "no": f"{name}: no, said by "}
    for row in host.answers:
        for word, said in words.items():
            if said in row.basis:
                return Reply(word=word, why=row.basis[row.basis.index(said) :].split("; ")[0])
    return unknown(NOBODY)


_AGENCY: Mapping[str, Callable[[Report], Reply]] = {
    "runs-exchange": _runs_exchange,
    "internet-connected": _connected,
    "servers": _counted(lambda host: True, "servers"),
    "servers-2013": _counted(_of_year("2013"), "of version 2013"),
    "servers-2016": _counted(_of_year("2016"), "of version 2016"),
    "servers-2019": _counted(_of_year("2019"), "of version 2019"),
    "servers-updated": _counted(_april, "updated"),
    "servers-disconnected": _counted(_cut_off, "disconnected"),
    "not-updated": _open_servers,
    "controls": _controls,
    "expertise": _expertise,
}
