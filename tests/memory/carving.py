"""Bytes by hand, and what is carved out of them."""

import functools

from postvakt.memory.carving import OVERLAP, PAGE, finder, of_windows
from postvakt.memory.sweep import Sweep

PROXY = (
    "2021-03-03T04:05:06.789Z,6f1c8f5e-0000-4000-8000-00000000000a,15,1,2176,2,,Ecp,mail.corp.example,/ecp/y.js,,"
    "FBA,false,,,ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb/?#,ExchangeServicesClient/0.0.0.0,198.51.100.7,EX01,"
    "200,200,,POST,Proxy,ex01.corp.example,15.01.2176.000,IntraForest,X-BEResource-Cookie,,,,336,327,,,0,0"
)
IIS = (
    "2021-03-03 04:05:06 192.0.2.10 POST /ecp/y.js &CorrelationID=<empty>;&cafeReqId=1; 443 - 198.51.100.7"
    " python-requests/2.25.1 - 200 0 0 15"
)
ECP = (
    '2021-03-03T04:06:00.001Z,EX01,ECP.Request,"S:TIME=13;S:SID=0f;S:CMD=Set-OabVirtualDirectory.ExternalUrl='
    "''http://f/x'';S:REQID=;S:URL=/ecp/DDI/DDIService.svc/SetObject?schema=OABVirtualDirectory;S:REFERRER=;S:EX=;"
    'S:ACTID=77;S:RS=0;S:BLD=15.1.2176.2"'
)
REQUEST = (
    "POST /ecp/y.js HTTP/1.1\r\nHost: mail.corp.example\r\nUser-Agent: python-requests/2.25.1\r\n"
    "Cookie: X-BEResource=a]@ex01.corp.example:444/mapi/emsmdb/?#~1941962753\r\n\r\n<body/>"
)


@functools.cache
def found_by():
    """The anchors, compiled once."""
    return finder()


def windows(data, size=1 << 20, overlap=OVERLAP, start=0x10000):
    """Yield windows over bytes that begin at an address."""
    at = 0
    while True:
        yield start + at, data[at : at + size]
        if at + size >= len(data):
            return
        at += size - overlap


def rows(data, size=1 << 20, overlap=OVERLAP, start=0x10000, *, sure=False, keeper=None):
    """Return the carved rows of bytes as mappings."""
    sweep = Sweep(found_by(), keeper=keeper)
    return [
        dict(row.values) for row in sweep.rows(of_windows(windows(data, size, overlap, start), sure=sure))
    ]


def one(kind, data, **how):
    """Return the only row of a kind."""
    (row,) = [row for row in rows(data, **how) if row["kind"] == kind]
    return row


def kinds(data, **how):
    """Return the kinds that are carved, in the order of places."""
    return [row["kind"] for row in rows(data, **how)]


def at(data, offset=700, size=3 * PAGE, fill=b"\0"):
    """Return bytes in the midst of others."""
    return fill * offset + data + fill * (size - offset - len(data))


def wide(text):
    """Return a text in two bytes a letter."""
    return text.encode("utf-16-le")
