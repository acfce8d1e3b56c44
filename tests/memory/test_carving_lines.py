"""Lines of logs carved out of memory: whole, in two bytes a letter, cut at a page's edge, hostile, and almost ones."""

import pytest

from postvakt.memory.carving import PAGE
from tests.memory.carving import ECP, IIS, PROXY, at, kinds, one, rows, wide

MICROS = 1_614_744_306_000_000


@pytest.mark.parametrize("encoded", [str.encode, wide], ids=["ascii", "utf-16"])
def test_http_proxy(encoded):
    row = one("http_proxy", at(encoded(PROXY) + encoded("\r\n")))
    assert (row["Protocol"], row["UrlStem"], row["HttpStatus"]) == ("Ecp", "/ecp/y.js", 200)
    assert row["AnchorMailbox"] == "ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb/?#"
    assert (row["AuthenticatedUser"], row["ClientIpAddress"]) == ("", "198.51.100.7")
    assert (row["BuildVersion"], row["RoutingHint"]) == (2176, "X-BEResource-Cookie")
    assert row["time"] == MICROS + 789_000
    assert row["text"] == PROXY
    assert row["locator"] == 0x10000 + 700
    assert row["encoding"] == ("ascii" if encoded is str.encode else "utf-16le")
    assert not row["page_fragment"]


@pytest.mark.parametrize("encoded", [str.encode, wide], ids=["ascii", "utf-16"])
def test_iis(encoded):
    row = one("iis", at(encoded(IIS) + encoded("\r\n")))
    assert (row["cs-method"], row["cs-uri-stem"], row["sc-status"]) == ("POST", "/ecp/y.js", 200)
    assert (row["c-ip"], row["s-ip"], row["s-port"]) == ("198.51.100.7", "192.0.2.10", 443)
    assert row["cs-uri-query"] == "&CorrelationID=<empty>;&cafeReqId=1;"
    assert row["cs(User-Agent)"] == "python-requests/2.25.1"
    assert row["time"] == MICROS
    assert row["text"] == IIS


@pytest.mark.parametrize("encoded", [str.encode, wide], ids=["ascii", "utf-16"])
def test_ecp_server(encoded):
    row = one("ecp_server", at(encoded(ECP) + encoded("\r\n")))
    assert (row["ServerName"], row["EventId"]) == ("EX01", "ECP.Request")
    assert row["CMD"] == "Set-OabVirtualDirectory.ExternalUrl=''http://f/x''"
    assert row["URL"] == "/ecp/DDI/DDIService.svc/SetObject?schema=OABVirtualDirectory"
    assert row["BLD"] == "15.1.2176.2"
    assert row["time"] == MICROS + 54_001_000


def test_a_line_whose_beginning_is_on_another_page_is_known_by_its_fields():
    cut = PROXY[PROXY.index(",Ecp,") :]
    row = one("http_proxy", bytes(PAGE) + b"x" + b"\0" * (PAGE - 1) + cut.encode() + b"\r\n" + bytes(PAGE))
    assert row["AnchorMailbox"].startswith("ServerInfo~a]@")
    assert row["time"] is None
    assert row["page_fragment"]


def test_a_line_whose_end_is_on_another_page_is_shown_as_far_as_it_stands():
    place = PAGE - PROXY.index(",198.51.100.7") - 4
    data = b"x" + b"\0" * (place - 1) + PROXY.encode()[: PAGE - place] + b"\x01\x02" * 2048
    row = one("http_proxy", data)
    assert row["page_fragment"]
    assert row["AnchorMailbox"] == "ServerInfo~a]@ex01.corp.example:444/mapi/emsmdb/?#"
    assert "HttpStatus" not in row
    assert row["time"] == MICROS + 789_000


def test_a_whole_line_over_an_edge_is_kept_and_marked():
    row = one("http_proxy", at(PROXY.encode() + b"\r\n", PAGE - 100))
    assert (row["HttpStatus"], row["page_fragment"]) == (200, True)
    assert row["text"] == PROXY


def test_pages_that_are_known_to_go_on_cut_nothing():
    row = one("http_proxy", at(PROXY.encode() + b"\r\n", PAGE - 100), sure=True)
    assert (row["HttpStatus"], row["page_fragment"]) == (200, False)


def test_the_line_of_another_page_is_not_put_to_this_one():
    head = IIS[: IIS.index("-requests")]
    data = at(head.encode() + b" of something else altogether\r\n", PAGE - len(head))
    row = one("iis", data)
    assert row["text"] == head
    assert "sc-status" not in row
    assert row["page_fragment"]


def test_hostile_bytes_survive_as_text():
    line = (
        PROXY.replace("ExchangeServicesClient", "A\x1b[2J\u202eB").encode().replace(b"/0.0.0.0", b"\xff\xfe")
    )
    row = one("http_proxy", at(line + b"\n"))
    assert row["UserAgent"] == "A\\x1b[2J\\x202eB\\xff\\xfe"
    assert row["HttpStatus"] == 200


def test_quotes_hold_commas():
    row = one("http_proxy", at(PROXY.replace("ExchangeServicesClient/0.0.0.0", '"a,""b"').encode() + b"\n"))
    assert (row["UserAgent"], row["HttpStatus"]) == ('a,"b', 200)


NEAR = [
    pytest.param(b"a list,Ecp,of words,without a path\n", id="no path after the protocol"),
    pytest.param(PROXY.replace(",200,200,", ",ok,200,").encode() + b"\n", id="no status"),
    pytest.param(b"he wrote GET /ecp/y.js and went away\n", id="prose"),
    pytest.param(IIS.replace("198.51.100.7", "somebody").encode() + b"\n", id="no address"),
    pytest.param(IIS.replace(" 443 ", " 99443 ").encode() + b"\n", id="no port"),
    pytest.param(b"S:CMD=\n", id="no command"),
]


@pytest.mark.parametrize("data", NEAR)
def test_almost(data):
    assert not {"http_proxy", "iis", "ecp_server"} & set(kinds(at(data)))


def test_two_lines_of_a_file_are_two_rows():
    data = at((PROXY + "\r\n" + PROXY.replace("200,200", "500,500") + "\r\n").encode(), size=8 * PAGE)
    assert [row["HttpStatus"] for row in rows(data) if row["kind"] == "http_proxy"] == [200, 500]


def test_an_absurd_stamp_is_none():
    assert one("iis", at(IIS.replace("2021-03-03", "2021-13-99").encode() + b"\n"))["time"] is None
