"""Event records, registry cells, file records and programs carved out of memory."""

import struct

import pytest

from postvakt.memory.carving import PAGE
from tests.memory.carving import at, kinds, one, rows, wide

TICKS = 132_592_179_060_000_000
MICROS = 1_614_744_306_000_000


def event(number=4711, ticks=TICKS, words=("corp\\admin", "EX01"), size=None):
    body = b"\x0f\x01\x01\x00" + bytes(24) + b"\x00\x00".join(wide(word) for word in words) + b"\0\0"
    whole = 24 + len(body) + 4
    body += bytes(-whole % 8)
    whole = size or 24 + len(body) + 4
    return struct.pack("<IIQQ", 0x2A2A, whole, number, ticks) + body + struct.pack("<I", whole)


def test_event_record():
    row = one("evtx_record", at(event(), 704))
    assert (row["record_id"], row["time"]) == (4711, MICROS)
    assert row["text"] == "corp\\admin | EX01"
    assert not row["page_fragment"]


def test_event_record_whose_end_is_elsewhere():
    data = at(event(size=0x4000)[:-4], PAGE - 72)
    row = one("evtx_record", data)
    assert row["page_fragment"]
    assert row["size"] == 72


@pytest.mark.parametrize(
    "record",
    [event(ticks=5), event()[:24] + b"zzzz" + event()[28:], event(size=12), event(size=0x20000)],
    ids=["no time", "no fragment", "too small", "too big"],
)
def test_what_is_no_event_record(record):
    assert "evtx_record" not in kinds(at(record, 704))


def hbin(*cells, base=0x3000):
    body = b"".join(struct.pack("<i", -len(cell) - 4) + cell for cell in cells)
    return (b"hbin" + struct.pack("<II", base, PAGE) + bytes(20) + body).ljust(PAGE, b"\0")


def node(name, ticks=TICKS):
    head = b"nk" + struct.pack("<HQ", 0x20, ticks) + bytes(60) + struct.pack("<HH", len(name), 0) + name
    return head + bytes(-(len(head) + 4) % 8)


def value(name, kind, data, place=None):
    size = len(data) | (0 if place is not None else 0x80000000)
    raw = struct.pack("<I", place) if place is not None else data.ljust(4, b"\0")
    head = b"vk" + struct.pack("<HI", len(name), size) + raw + struct.pack("<IHH", kind, 1, 0) + name
    return head + bytes(-(len(head) + 4) % 8)


def test_registry_cells():
    told = wide("C:\\evil.exe\0")
    data = told + bytes(-(len(told) + 4) % 8)
    page = hbin(data, node(b"Run"), value(b"Updater", 1, told, 0x3020), value(b"Count", 4, b"\x07"))
    found = rows(bytes(PAGE) + page)
    assert [(row["kind"], row["text"]) for row in found] == [
        ("registry_key", "Run"),
        ("registry_value", "Updater = C:\\evil.exe"),
        ("registry_value", "Count = 7"),
    ]
    assert found[0]["time"] == MICROS
    assert found[1]["value"] == "C:\\evil.exe"


def test_a_value_whose_data_is_on_another_page_is_a_fragment():
    row = one("registry_value", hbin(value(b"Far", 1, b"\0" * 40, 0x9000)))
    assert (row["text"], row["page_fragment"]) == ("Far", True)


def test_what_is_no_bin():
    assert kinds(hbin(node(b"Run"), base=0x3004)) == []
    assert kinds(at(hbin(node(b"Run")), 16)) == []
    assert kinds(hbin(node(b"Run", ticks=1))) == []


def attribute(kind, body):
    size = 24 + len(body) + -len(body) % 8
    return (struct.pack("<IIBBHHHIHH", kind, size, 0, 0, 0x18, 0, 0, len(body), 0x18, 0) + body).ljust(
        size, b"\0"
    )


def record(name, content=b"", flags=1, number=b"\x01\x00"):
    stamps = struct.pack("<4Q", TICKS, TICKS + 10_000_000, TICKS, TICKS)
    told = struct.pack("<Q", 77) + stamps + bytes(24) + bytes([len(name), 1]) + wide(name)
    body = (
        attribute(0x10, stamps + bytes(16)) + attribute(0x30, told) + attribute(0x80, content) + b"\xff" * 4
    )
    head = b"FILE" + struct.pack("<HHQHHHHII", 0x30, 3, 0, 1, 1, 0x38, flags, 0x200, 1024) + bytes(16)
    made = bytearray((head + number + bytes(6) + body).ljust(1024, b"\0"))
    for sector in (1, 2):
        end = sector * 512 - 2
        made[0x30 + 2 * sector : 0x32 + 2 * sector] = made[end : end + 2]
        made[end : end + 2] = number
    return bytes(made)


SHELL = b'<%@ Page Language="Jscript"%>' + b" " * 200 + b"<!-- kept in the record itself -->"


def test_file_record():
    row = one("mft_record", bytes(1024) + record("help.aspx", SHELL))
    assert (row["name"], row["created"], row["modified"]) == ("help.aspx", MICROS, MICROS + 1_000_000)
    assert row["value"] == SHELL.decode()
    assert row["detail"] == "parent record 77"


def test_words_at_the_ends_of_sectors_are_put_back():
    content = bytes(range(33, 127)) * 4
    assert one("mft_record", record("a.aspx", content))["value"] == content.decode()


def test_deleted_and_content_of_no_script():
    row = one("mft_record", record("secret.docx", b"words", flags=0))
    assert row["detail"] == "parent record 77, deleted"
    assert "value" not in row


def test_what_is_no_file_record():
    assert kinds(b"FILE of another kind".ljust(2048, b"x")) == []
    assert kinds(at(record("a.txt"), 16)) == []


def program(flags=0x2022, stamp=1_614_744_306, magic=0x20B, machine=0x8664, size=PAGE * 2):
    head = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64) + b"PE\0\0"
    head += struct.pack("<HHIIIHH", machine, 3, stamp, 0, 0, 0xF0, flags)
    return (head + struct.pack("<H", magic) + bytes(54) + struct.pack("<I", size)).ljust(PAGE, b"\0")


def test_program():
    row = one("program", program())
    assert row["compiled"] == MICROS
    assert (row["text"], row["page_fragment"]) == (f"x64 library, {PAGE * 2} bytes in memory", True)


def test_a_compiled_page_tells_its_name():
    data = program() + at(wide("App_Web_a1b2c3d4.dll"), 64, PAGE)
    assert one("program", data, sure=True)["name"] == "App_Web_a1b2c3d4.dll"
    assert one("app_web", data)["name"] == "App_Web_a1b2c3d4.dll"


def test_what_is_no_program():
    assert kinds(b"MZ and a word".ljust(PAGE, b"x")) == []
    assert kinds(program(machine=0x1234)) == []
    assert kinds(at(program(), 16, 3 * PAGE)) == []
