"""What hosts of the example reports are made of: findings with their records, coverage, gaps, questions, chains."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from postvakt.model.memory import EndpointRow, MemoryRow, PieceRow, ProcessRow
from postvakt.model.report import (
    Acknowledgement,
    AnswerRow,
    ChainRow,
    CoverageRow,
    FindingRow,
    GapRow,
    Hole,
    QuestionRow,
    Sample,
    StepRow,
)
from postvakt.model.story import ActorRow, AddressRow, MailRow, PageRow, Story, StoryStep


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()


START = at("2021-01-01")
END = at("2021-03-10T06:00:00")
LOGS = "C/Program Files/Microsoft/Exchange Server/V15/Logging"


def sample(number: int = 0, **changed: Any) -> Sample:
    made = Sample(
        table="http_proxy",
        evidence="e0",
        source=f"{LOGS}/HttpProxy/Ecp/HttpProxy_2021030205-1.LOG",
        locator=117 + number,
        locator_kind="line",
        time=at("2021-03-02T05:12:09.481") + timedelta(minutes=7 * number),
        fields={
            "DateTime": "2021-03-02T05:12:09.481Z",
            "UrlStem": "/ecp/y.js",
            "Method": "POST",
            "AuthenticatedUser": "",
            "AnchorMailbox": "ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb/?#",
            "UserAgent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
            "ClientIpAddress": "203.0.113.77",
            "HttpStatus": "200",
        },
        detail="",
    )
    return msgspec.structs.replace(made, **changed)


def finding(name: str = "ssrf", **changed: Any) -> FindingRow:
    made = FindingRow(
        id=digest(name)[:12],
        rule=f"7c9f2b1e-0000-4000-8000-{digest(name)[:12]}",
        kind="sigma",
        title="A forged request was sent on to the back end and answered",
        level="critical",
        confidence="high",
        stage="access-gained",
        techniques=("T1190",),
        cves=("CVE-2021-26855",),
        count=214,
        undated=0,
        first=at("2021-03-02T05:12:09.481"),
        last=at("2021-03-03T11:40:55"),
        sample=tuple(sample(number) for number in range(5)),
        explain="forged: AnchorMailbox contains `serverinfo~` (`ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb/?#`); "
        "HttpStatus is `200`; not excepted by signed_in",
        means="Somebody who had not signed in made the server send requests to its own back end, and got answers.",
        benign="A penetration test, or a scanner of your own that tests for the flaw.",
        next="Follow the address through all logs of that day, and look for files written after the first request.",
        origin="own",
    )
    return msgspec.structs.replace(made, **changed)


SSRF = finding()

SHELL = finding(
    "shell",
    title="A page that runs what is posted to it lies in a folder of the web server",
    kind="yara",
    stage="file-written",
    count=1,
    first=at("2021-03-02T05:31:40"),
    last=at("2021-03-02T05:31:40"),
    techniques=("T1505.003",),
    cves=("CVE-2021-27065",),
    explain="the content of the file matches the YARA rule oab_dump_script",
    means="The settings of an offline address book were saved as a page, and its ExternalUrl holds script.",
    benign="",
    next="Secure the page and its compiled form, and look in the IIS log for every address that asked for it.",
    sample=(
        sample(
            table="file",
            source="C/inetpub/wwwroot/aspnet_client/discover.aspx",
            locator=0,
            locator_kind="offset",
            time=at("2021-03-02T05:31:40"),
            fields={
                "path": "C/inetpub/wwwroot/aspnet_client/discover.aspx",
                "size": "2164",
                "sha256": digest("discover.aspx"),
                "content": "Name : OAB (Default Web Site)\nExternalUrl : http://f/<script ...>\n",
            },
        ),
    ),
)

POSTED = finding(
    "posted",
    title="Data was posted to a page that is not Exchange's, and it answered",
    stage="shell-used",
    count=38,
    first=at("2021-03-02T05:33:02"),
    last=at("2021-03-03T11:58:10"),
    techniques=("T1505.003", "T1071.001"),
    cves=(),
    explain="cs-uri-stem is like `/aspnet_client/*.aspx`; cs-method is `POST`; sc-status is `200`",
    means="Somebody used a page in a folder in which Exchange has none. What was posted is not in the log.",
    benign="A page of your own that somebody put there.",
    next="Look for processes of w3wp.exe in the same minutes.",
    sample=(
        sample(
            table="iis",
            source="C/inetpub/logs/LogFiles/W3SVC1/u_ex210302.log",
            locator=8123,
            time=at("2021-03-02T05:33:02"),
            fields={
                "date": "2021-03-02",
                "time": "05:33:02",
                "cs-method": "POST",
                "cs-uri-stem": "/aspnet_client/discover.aspx",
                "c-ip": "203.0.113.77",
                "sc-status": "200",
            },
        ),
    ),
)

DUMP = finding(
    "dump",
    title="The memory of LSASS was dumped by command",
    level="high",
    stage="credential-access",
    confidence="medium",
    count=2,
    undated=1,
    first=at("2021-03-02T09:02:11"),
    last=at("2021-03-02T09:02:11"),
    techniques=("T1003.001",),
    cves=(),
    explain="CommandLine contains `comsvcs.dll`; CommandLine contains `minidump`",
    means="Whoever ran this can read the passwords of those who were signed in.",
    benign="A dump that Microsoft's support asked for.",
    next="Reset the passwords of all accounts that were signed in, services included.",
    sample=(
        sample(
            table="event",
            source="C/Windows/System32/winevt/Logs/Security.evtx",
            locator=7712256,
            locator_kind="offset",
            time=at("2021-03-02T09:02:11"),
            fields={
                "EventID": "4688",
                "Computer": "EX01.corp.example",
                "NewProcessName": "C:\\Windows\\System32\\rundll32.exe",
                "CommandLine": "rundll32 comsvcs.dll MiniDump 612 c:\\windows\\temp\\x.dmp full",
            },
            detail="CommandLine contains `comsvcs.dll`; CommandLine contains `minidump`; both in one command",
        ),
    ),
)

KNOWN = finding(
    "known",
    title="A scheduled task runs a script from a temporary folder",
    level="medium",
    stage="context",
    confidence="low",
    count=1,
    undated=1,
    first=None,
    last=None,
    cves=(),
    explain="Command is like `*\\temp\\*.ps1`",
    means="Software that lasts seldom starts from there.",
    next="Read the script.",
    acknowledged=Acknowledgement("T. Okafor", at("2021-03-09T14:00:00"), "our backup agent, see change 4411"),
    sample=(
        sample(
            table="scheduled_task",
            source="C/Windows/System32/Tasks/Backup",
            time=None,
            fields={"Command": "powershell -File C:\\temp\\backup.ps1"},
        ),
    ),
)


def coverage(artifact: str, first: str, last: str, *, every: int = 1, **changed: Any) -> CoverageRow:
    """A source with records on every n-th day from first to last, fewer of them at weekends."""
    begin, end = at(first), at(last)
    days = {
        f"{day:%Y-%m-%d}": (1200 if day.weekday() < 5 else 150) + number % 7 * 60
        for number in range(0, (end - begin).days + 1, every)
        for day in (begin + timedelta(days=number),)
    }
    made = CoverageRow(
        artifact=artifact,
        files=len(days),
        bytes=sum(days.values()) * 311,
        records=sum(days.values()),
        undated=0,
        first=begin,
        last=end,
        holes=(),
        days=days,
    )
    return msgspec.structs.replace(made, **changed)


HOLE = Hole(at("2021-02-19T02:00:00"), at("2021-02-21T09:00:00"))
HTTP_PROXY = coverage("http_proxy", "2021-02-08T00:00:00", "2021-03-10T05:59:30", holes=(HOLE,))
HTTP_PROXY.days.pop("2021-02-20")

COVERAGE = (
    coverage("event", "2020-11-12T03:00:00", "2021-03-10T05:58:00"),
    coverage("event:MSExchange Management", "2020-11-12T03:00:00", "2021-03-10T04:10:00", every=3),
    coverage("event:Security", "2021-02-27T03:00:00", "2021-03-10T05:58:00", lost=311),
    coverage("file", "2016-07-16T00:00:00", "2021-03-10T05:00:00", every=61),
    HTTP_PROXY,
    coverage("iis", "2021-01-01T00:00:01", "2021-03-10T05:59:59"),
)


def gap(
    artifact: str, why: Any, detail: str, source: str = "", locator: int | None = None, count: int = 1
) -> GapRow:
    made = digest(f"{artifact} {why} {source} {detail}")[:10]
    return GapRow(
        id=f"gap-{made}",
        artifact=artifact,
        why=why,
        detail=detail,
        source=source,
        locator=locator,
        count=count,
    )


MISSING = tuple(
    gap(name, "missing", "nothing of it is in the evidence of this host")
    for name in ("ecp_server", "oab_generator")
)
CUT = gap(
    "event",
    "truncated",
    "the last chunk ends in the middle of a record",
    "C/Windows/System32/winevt/Logs/Application.evtx",
    1048576,
)
BAD = gap(
    "iis",
    "unparsed",
    "17 values under 15 field names",
    "C/inetpub/logs/LogFiles/W3SVC1/u_ex210214.log",
    88211,
    31,
)
GAPS = (*MISSING, CUT, BAD)


def question(name: str, asks: str, answer: Any, basis: str, **changed: Any) -> QuestionRow:
    made = QuestionRow(id=name, asks=asks, mandatory=True, answer=answer, since=None, basis=basis)
    return msgspec.structs.replace(made, **changed)


ASKED_SSRF = question(
    "ssrf-answered",
    "Did the server answer a forged request?",
    "yes",
    SSRF.title,
    findings=(SSRF.id,),
)
ASKED_FILE = question(
    "file-written", "Was a file written to the server?", "yes", SHELL.title, findings=(SHELL.id,)
)
ASKED_CREDENTIALS = question(
    "credentials-taken",
    "Were credentials taken?",
    "no-since",
    "nothing found in event:Security from 2021-02-27 03:00Z to 2021-03-10 05:58Z, with less certainty",
    since=at("2021-02-27T03:00:00"),
)
ASKED_WIPED = question(
    "logs-wiped", "Were logs cleared?", "no", "nothing found in event:System", since=START, mandatory=False
)
ASKED_MAIL = question(
    "impact",
    "Was mail taken, or were data destroyed?",
    "unanswerable",
    "ews was not read; or cmdlet_infra was not read",
    mandatory=False,
)
QUESTIONS = (ASKED_SSRF, ASKED_FILE, ASKED_CREDENTIALS, ASKED_WIPED, ASKED_MAIL)

CHAIN = ChainRow(
    id="proxylogon",
    title="ProxyLogon (CVE-2021-26855 and the file writes that follow it)",
    complete=False,
    steps=(
        StepRow(
            step="ssrf",
            title="A forged request is answered by the back end",
            stage="access-gained",
            finding=SSRF.id,
            time=SSRF.first,
        ),
        StepRow(
            step="address",
            title="A virtual directory is given an address that holds code",
            stage="access-gained",
            finding=None,
            time=None,
            missing="not looked for in ecp_server, cmdlet_infra: nothing of it was read",
        ),
        StepRow(
            step="file",
            title="A web shell is written",
            stage="file-written",
            finding=SHELL.id,
            time=SHELL.first,
        ),
        StepRow(
            step="shell",
            title="The web shell is used",
            stage="shell-used",
            finding=POSTED.id,
            time=POSTED.first,
        ),
        StepRow(
            step="lateral",
            title="The intruder goes on to other systems",
            stage="lateral-movement",
            finding=None,
            time=None,
            missing="not seen in event:Security (2021-02-27 to 2021-03-10)",
        ),
    ),
)

ANSWERS = (
    AnswerRow(
        requirement="1.web-logs",
        title="System web logs are collected and triaged",
        state="met",
        basis="read: iis",
    ),
    AnswerRow(
        requirement="1.memory",
        title="System memory is collected and triaged",
        state="unmet",
        basis="not read: memory",
    ),
    AnswerRow(
        requirement="3.a",
        title="The servers are disconnected",
        state="unknown",
        basis="the evidence cannot say this; a person must",
    ),
)


def _ran(pid: int, parent: int, image: str, depth: int, command: str = "", **more: Any) -> ProcessRow:
    return ProcessRow(
        pid=pid,
        parent=parent,
        image=image,
        command=command,
        depth=depth,
        locator=4096 * pid,
        **{"started": at("2021-03-01T05:00:00"), "exited": None, "flags": (), **more},
    )


STORY = Story(
    words=(
        "A, from 203.0.113.7, ran commands through a page on the server in 2 visits: 2021-03-02 05:01Z to 11:00Z.",
        "2021-03-02 05:01Z: a forged request is answered by the back end (214 records of http_proxy).",
    ),
    actors=(
        ActorRow(
            id="A",
            addresses=("203.0.113.7",),
            stage="shell-used",
            first=SSRF.first,
            last=POSTED.last,
            traces=218,
            visits=((at("2021-03-02T05:01:00"), at("2021-03-02T05:40:00"), 215), (END, END, 3)),
            steps=tuple(
                StoryStep(
                    step=step.step,
                    title=step.title,
                    stage=step.stage,
                    findings=(step.finding,) if step.finding else (),
                    traces=2 if step.finding else 0,
                    first=step.time,
                    last=step.time,
                    logs=("http_proxy", "iis") if step.finding else (),
                    joined="the same minutes" if step.stage == "file-written" else "",
                    says="discover.aspx" if step.stage == "file-written" else "",
                    missing=step.missing,
                )
                for step in CHAIN.steps
            ),
            shares=("discover.aspx is also in the traces of nobody that can be named",),
        ),
        ActorRow(
            id="?",
            addresses=(),
            stage="tampering",
            first=None,
            last=None,
            traces=1,
            visits=(),
            steps=(
                StoryStep(
                    step="tampering",
                    title="Traces removed",
                    stage="tampering",
                    findings=(DUMP.id,),
                    traces=1,
                    logs=("event",),
                ),
            ),
        ),
    ),
    pages=(
        PageRow(
            page="/aspnet_client/discover.aspx",
            address="203.0.113.7",
            accounts=("-CORP\\svc",),
            agents=("python-requests/2.25.1",),
            requests=14,
            answered=12,
            methods={"GET": 2, "POST": 12},
            statuses={"200": 12, "404": 2},
            bytes_out=48_113_002,
            first=POSTED.first,
            last=POSTED.last,
        ),
        PageRow(
            page="/aspnet_client/supp0rt.aspx",
            address="198.51.100.9",
            accounts=(),
            agents=(),
            requests=1,
            answered=0,
            methods={"GET": 1},
            statuses={"404": 1},
            bytes_out=None,
            first=None,
            last=None,
        ),
    ),
    mail=(
        MailRow(
            mailbox="board@corp.example",
            deed="exported",
            by="CORP\\EX01$",
            count=2,
            first=POSTED.first,
            last=POSTED.last,
            log="event",
            finding=POSTED.id,
        ),
    ),
    addresses=(
        AddressRow(
            address="203.0.113.7",
            role="client",
            requests=231,
            share=0.0007,
            first=SSRF.first,
            last=POSTED.last,
            agents=2,
            users=0,
            forwarded=0,
            basis="231 requests, 0 users, 2 programs",
        ),
        AddressRow(
            address="192.0.2.5",
            role="balancer",
            requests=310_227,
            share=0.97,
            first=at("2021-02-20T00:00:00"),
            last=END,
            agents=311,
            users=204,
            forwarded=310_227,
            basis="310227 of its 310227 requests name another client",
        ),
    ),
    clock=("The server's own time zone is W. Europe Standard Time.",),
)


MEMORY = MemoryRow(
    source="ex01.memory.raw",
    evidence="e0",
    container="raw",
    holds="system",
    taken=at("2021-03-03T06:10:00"),
    windows="build 14393 (14393.4104.amd64fre.rs1_release), server, by shared-data",
    bytes=16 << 30,
    swept=(16 << 30) - 4096,
    processes=4,
    listed=3,
    tagged=4,
    list_state="closed",
    hidden={"paged out": 812},
    symbols="ntkrnlmp.pdb/0123456789ABCDEF0123456789ABCDEF1/ntkrnlmp.pdb",
    tier="own",
    added={"mem_service": 211},
    running=(
        _ran(508, 412, "C:\\Windows\\System32\\services.exe", 0, flags=("no-parent",)),
        _ran(4920, 508, "C:\\Windows\\System32\\inetsrv\\w3wp.exe", 1, command="w3wp.exe -ap x", odd=1),
        _ran(5120, 4920, "C:\\Windows\\System32\\cmd.exe", 2, command="cmd /c whoami", findings=(DUMP.id,)),
        _ran(6000, 4, "C:\\Temp\\a.exe", 0, flags=("hidden",), exited=at("2021-03-03T06:01:00")),
    ),
    endpoints=(
        EndpointRow(
            pid=4920,
            image="w3wp.exe",
            protocol="tcp",
            local="192.0.2.10:50122",
            remote="203.0.113.9:443",
            state="ESTABLISHED",
            time=at("2021-03-03T06:02:00"),
        ),
    ),
    pieces=(
        PieceRow(kind="yara:x", process="w3wp.exe", count=2, finding=SHELL.id),
        PieceRow(kind="iis", process="unattributed", count=311),
        PieceRow(kind="iis", process="w3wp.exe", count=4),
    ),
    left=3,
)
