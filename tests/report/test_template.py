"""A template filled: what it holds then, what it did not lose, what is refused, what is never claimed."""

import io
import random
import re
import zipfile
from typing import Any

import msgspec
import openpyxl
import pytest

from postvakt.errors import EvidenceError, UsageError
from postvakt.model.form import QUESTIONS, column_letters, column_number
from postvakt.model.report import AnswerRow, HostRow, Said
from postvakt.report import agency_replies, filled, replies, sheet_xml, template
from postvakt.report.replies import TRIAGED
from tests.report import hostile, templates_made, values
from tests.report.parts import at, coverage, finding
from tests.report.templates_made import MAP, parts, repacked

# openpyxl says here itself what it would lose.
pytestmark = pytest.mark.filterwarnings("ignore:Data Validation extension")

READ = tuple(
    coverage(name, "2021-01-01T00:00:00", "2021-03-10T00:00:00") for _, needed in TRIAGED for name in needed
)
DONE = tuple(
    AnswerRow(requirement=name, title=name, state="met", basis="read")
    for name in ("1.memory", "1.web-logs", "1.event-logs", "1.hives")
)
WHOLE = values.host("EX07", coverage=READ, answers=DONE)
SAID = Said(state="met", words="imaged with our own tools", by="T. Okafor", at=at("2021-03-04T10:00:00"))


def fill(*hosts: HostRow, content: bytes | None = None, **changed: Any) -> tuple[filled.Filled, ...]:
    content = templates_made.template() if content is None else content
    return filled.fill(values.report(*hosts, **changed), "form.xlsx", content, [MAP])


def book(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_cells_hold_the_answers() -> None:
    (made,) = fill(values.host(), values.INCONCLUSIVE)
    listed, status = book(made.content)["List"], book(made.content)["Status"]
    assert [listed[f"B{row}"].value for row in range(2, 7)] == [
        "EX01 (Unknown address)", "2016 (15.1.1913.5)", None, "Yes", None,
    ]  # fmt: skip
    assert [listed[f"C{row}"].value for row in range(2, 7)][3] is None
    assert status["B3"].value == "Yes"
    assert "List, row 4, EX01: Unknown - not read: memory, event logs, registry hives" in status["B5"].value
    assert "List, row 6, EX01, EX04: Unknown - nobody has said" in status["B5"].value
    assert listed["D2"].value is None


def test_what_stays_open_is_told() -> None:
    (made,) = fill(values.host())
    assert "Status B2, Name?: a person must say" in made.open
    assert any(
        line.startswith("List B4, EX01, Was it triaged?: Unknown - not read: memory") for line in made.open
    )


def test_every_other_byte_is_kept() -> None:
    content = templates_made.template()
    before, after = parts(content), parts(fill(values.host(), content=content)[0].content)
    assert list(before) == list(after)
    changed = [name for name in before if before[name] != after[name]]
    assert changed == ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"]
    for name in changed:
        assert _without_cells(before[name]) == _without_cells(after[name])
    assert templates_made.OUTER in after["xl/worksheets/sheet1.xml"]


def _without_cells(xml: bytes) -> bytes:
    bare = re.sub(rb"(?s)<c [^>]*?/>|<c [^>]*[^/]>.*?</c>", b"", xml)
    return re.sub(rb' (ht|customHeight)="[^"]*"', b"", bare)


def test_rules_of_the_sheets_are_intact() -> None:
    before, after = book(templates_made.template()), book(fill(values.host())[0].content)
    assert list(before.defined_names) == list(after.defined_names)
    for sheet in before.sheetnames:
        assert _rules(before[sheet]) == _rules(after[sheet])
        assert before[sheet].merged_cells.ranges == after[sheet].merged_cells.ranges
        assert before[sheet].protection.sheet == after[sheet].protection.sheet
        assert before[sheet].sheet_state == after[sheet].sheet_state
        for row in before[sheet].iter_rows():
            for cell in row:
                assert cell.style_id == after[sheet][cell.coordinate].style_id


def _rules(sheet: Any) -> list[tuple[str, ...]]:
    rules = [(str(rule.sqref), str(rule.formula1)) for rule in sheet.data_validations.dataValidation]
    return [*rules, *((str(each.sqref), str(len(each.rules))) for each in sheet.conditional_formatting)]


@pytest.mark.parametrize("absent", [name for name, _ in TRIAGED])
def test_never_triaged_without(absent: str) -> None:
    lost = dict(TRIAGED)[absent]
    host = msgspec.structs.replace(WHOLE, coverage=tuple(row for row in READ if row.artifact not in lost))
    (made,) = fill(host)
    assert book(made.content)["List"]["B4"].value is None
    assert f"Unknown - not read: {absent}" in book(made.content)["Status"]["B5"].value


def test_triaged_where_all_was_read() -> None:
    assert book(fill(WHOLE)[0].content)["List"]["B4"].value == "Yes"


def test_a_word_does_not_stand_in_for_reading() -> None:
    said = (msgspec.structs.replace(DONE[0], said=(SAID,)), *DONE[1:])
    read = tuple(row for row in READ if row.artifact != "memory")
    reply = replies.of_server(values.ONE, msgspec.structs.replace(WHOLE, coverage=read, answers=said))[
        "triaged"
    ]
    assert not reply.known
    assert reply.why == "not read: memory; T. Okafor says that it was done elsewhere"


def test_a_file_without_records_was_not_read() -> None:
    empty = tuple(
        msgspec.structs.replace(row, records=0) if row.artifact == "memory" else row for row in READ
    )
    assert replies.not_read(msgspec.structs.replace(WHOLE, coverage=empty)) == ["memory"]


@pytest.mark.parametrize(
    ("state", "said", "cell"),
    [("met", True, "Yes"), ("unmet", True, "No"), ("unmet", False, None), ("not-applicable", False, "N/A")],
)
def test_list_takes_a_word_of_its_own(state: Any, said: bool, cell: str | None) -> None:
    row = AnswerRow(requirement="3.a", title="x", state=state, basis="so", said=(SAID,) if said else ())
    (made,) = fill(values.host(answers=(row,)))
    assert book(made.content)["List"]["B6"].value == cell


def test_numbers_wait_for_the_word_that_these_are_all() -> None:
    listed = AnswerRow(
        requirement="1.identify", title="x", state="met", basis="so", of="agency", said=(SAID,)
    )
    denied = msgspec.structs.replace(listed, state="unmet")
    assert book(fill(values.host())[0].content)["Status"]["B4"].value is None
    assert book(fill(values.host(), answers=(denied,))[0].content)["Status"]["B4"].value is None
    assert book(fill(values.host(), answers=(listed,))[0].content)["Status"]["B4"].value == 1
    (none,) = fill(answers=(listed,))
    assert book(none.content)["Status"]["B4"].value is None
    assert "0, which the cell does not take" in book(none.content)["Status"]["B5"].value


def test_more_servers_than_places_are_more_workbooks() -> None:
    made = fill(*(values.host(f"EX{number:02}") for number in range(templates_made.PLACES + 1)))
    assert [book(one.content)["List"]["B2"].value[:4] for one in made] == ["EX00", "EX03"]
    assert "part 2 of 2" in book(made[1].content)["Status"]["B5"].value


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", '=HYPERLINK("http://198.51.100.7/")', hostile.BRIEF]
)
def test_text_of_evidence_never_begins_a_formula(name: str) -> None:
    (made,) = fill(values.host(name))
    cell = book(made.content)["List"]["B2"]
    assert cell.data_type != "f"
    assert not cell.value.startswith(("=", "+", "-", "@", "\t"))
    assert b"<f>" not in parts(made.content)["xl/worksheets/sheet2.xml"]


def test_an_escape_in_a_text_is_spelled() -> None:
    assert (
        b">_x005F_x003D_1+1 ("
        in parts(fill(values.host("_x003D_1+1"))[0].content)["xl/worksheets/sheet2.xml"]
    )
    assert sheet_xml.literal("_x003D_1+1") == "_x005F_x003D_1+1"


def _set(sheet: str, cell: str, value: Any) -> bytes:
    def change(made: Any) -> None:
        made[sheet][cell] = value

    return templates_made.template(change)


def _locked(made: Any) -> None:
    made["List"]["C3"].protection = openpyxl.styles.Protection(locked=True)


def _other_list(made: Any) -> None:
    made["List"].data_validations.dataValidation[0].formula1 = '"Yes, No, Perhaps"'


def _edited(part: str, old: bytes, new: bytes) -> bytes:
    return repacked(templates_made.template(), {part: lambda xml: xml.replace(old, new)})


def _encrypted() -> bytes:
    content = bytearray(templates_made.template())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1
    return bytes(content)


SHEET = "xl/worksheets/sheet2.xml"
REFUSED = {
    "text": (b"Agency,Answer\n", "is not a workbook"),
    "empty": (b"", "is not a workbook"),
    "of old or with a password": (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512),
        "is locked with a password",
    ),
    "zip with a password": (_encrypted(), "is locked with a password"),
    "cut off": (templates_made.template()[:-900], "is damaged"),
    "with macros": (repacked(templates_made.template(), {}, {"xl/vbaProject.bin": b"x"}), "holds macros"),
    "a zip of something else": (
        repacked(b"PK\x05\x06" + bytes(18), {}, {"a.txt": b"x"}),
        "has no xl/workbook.xml",
    ),
    "another version": (
        _set("Status", "A1", "Form (Version 9.0)"),
        "is another version: 'Form (Version 9.0)'",
    ),
    "another form": (_set("Status", "A1", "Holiday list"), "is none of the known templates"),
    "another question": (
        _set("List", "A4", "Was it raining?"),
        "sheet List, A4: is another version: it asks 'Was it r",
    ),
    "another list": (templates_made.template(_other_list), "it lets choose from 'Yes, No, Perhaps'"),
    "filled already": (_set("List", "D5", "No"), "sheet List, D5: is filled already ('No')"),
    "a locked cell": (templates_made.template(_locked), "sheet List, C3: is locked"),
    "with a document type": (_edited(SHEET, b"<worksheet", b"<!DOCTYPE x><worksheet"), "is damaged"),
    "broken sheet": (_edited(SHEET, b"</sheetData>", b""), "is damaged: xl/worksheets/sheet2.xml"),
    "without rows": (_edited(SHEET, b"sheetData", b"otherData"), "it holds no rows"),
    "a text that is not there": (
        _edited(SHEET, b"<v>", b"<v>99"),
        "sheet List, A2: is another version: it asks nothing",
    ),
    "a style that is no number": (_edited(SHEET, b' s="', ' s="²'.encode()), "sheet List, B2: is locked"),
    "no sheet": (templates_made.template(lambda made: made.remove(made["List"])), "has no sheet List"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_in_one_line(kind: str) -> None:
    content, says = REFUSED[kind]
    with pytest.raises(EvidenceError) as why:
        fill(values.host(), content=content)
    assert str(why.value).startswith("form.xlsx: ")
    assert says in str(why.value)
    assert "\n" not in str(why.value)


@pytest.mark.parametrize(
    "part", ["xl/workbook.xml", "xl/styles.xml", "xl/sharedStrings.xml", SHEET, "xl/_rels/workbook.xml.rels"]
)
@pytest.mark.parametrize("seed", range(12))
def test_damage_is_refused_or_harmless(part: str, seed: int) -> None:
    chance = random.Random(f"{part} {seed}")

    def damaged(xml: bytes) -> bytes:
        held = bytearray(xml)
        for _ in range(1 + seed % 4):
            at = chance.randrange(len(held))
            held[at : at + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(4))
        return bytes(held)

    def digits(xml: bytes) -> bytes:
        return re.sub(
            rb'(<v>|s="|r="B?)\d+',
            lambda found: found[1] + chance.choice((b"9" * 9, b"-1", "²".encode())),
            xml,
            count=3,
        )

    for harm in (damaged, digits):
        try:
            fill(values.host(), content=repacked(templates_made.template(), {part: harm}))
        except EvidenceError as why:
            assert "\n" not in str(why)  # noqa: PT017  (harm may also miss what is read)


def test_a_bomb_is_refused() -> None:
    content = repacked(templates_made.template(), {}, {"xl/media/a.bin": bytes(template.MOST_BYTES + 1)})
    with pytest.raises(EvidenceError, match="unpacks to more than"):
        fill(values.host(), content=content)


def test_a_case_of_another_directive_is_refused() -> None:
    with pytest.raises(UsageError, match="is a form of ed-21-02; this case answers ed-25-02"):
        fill(values.host(), directive="ed-25-02")


def test_everything_that_is_asked_has_a_reply() -> None:
    asked = {of: {one.id for one in QUESTIONS if one.of == of} for of in ("server", "agency")}
    assert set(replies.of_server(values.ONE, values.host())) == asked["server"]
    assert set(agency_replies.of_agency(values.ONE)) == asked["agency"]


def _on_condition(basis: str) -> HostRow:
    row = AnswerRow(requirement="s1.triage.1", title="x", state="unknown", basis=basis)
    return values.host(answers=(row,))


YES, NO = (
    _on_condition(f"connected: {word}, said by T. Okafor at 2021-04-01T10:00:00Z: so; x")
    for word in ("yes", "no")
)


@pytest.mark.parametrize(
    ("hosts", "word"),
    [((YES, NO), "yes"), ((NO, NO), "no"), ((NO, values.CLEAR), ""), ((values.CLEAR,), ""), ((), "")],
)
def test_connected_is_denied_only_of_every_server(hosts: tuple[HostRow, ...], word: str) -> None:
    assert agency_replies.of_agency(values.report(*hosts))["internet-connected"].word == word


@pytest.mark.parametrize(
    ("host", "word"),
    [
        (values.host(), "yes"),
        (values.ATTEMPTED, "yes"),
        (values.CLEAR, "no"),
        (values.CLEAR_SINCE, ""),
        (values.INCONCLUSIVE, ""),
        (values.NOT_EXAMINED, ""),
        (msgspec.structs.replace(values.CLEAR, findings=(finding(),)), "yes"),
        (msgspec.structs.replace(values.CLEAR, findings=(finding(stage="authorised-scan"),)), "no"),
    ],
)
def test_nothing_found_is_said_only_of_a_clear_server(host: HostRow, word: str) -> None:
    assert replies.of_server(values.ONE, host)["found"].word == word


@pytest.mark.parametrize(
    ("build", "named"),
    [
        ("15.2.858.5", "Microsoft Exchange Server 2019"),
        ("15.2.2562.17", "Microsoft Exchange Server SE"),
        ("15.0.1497.2", "Microsoft Exchange Server 2013"),
        ("14.3.513.0", "Microsoft Exchange Server 2010"),
        ("99.1", ""),
    ],
)
def test_product_of_a_build(build: str, named: str) -> None:
    assert replies.product(build) == named


@pytest.mark.parametrize(
    ("number", "letters"), [(1, "A"), (26, "Z"), (27, "AA"), (340, "MB"), (702, "ZZ"), (703, "AAA")]
)
def test_columns(number: int, letters: str) -> None:
    assert column_letters(number) == letters
    assert column_number(letters) == number


NAMESPACE = sheet_xml.MAIN.encode()
SMALL = (
    b'<worksheet xmlns="' + NAMESPACE + b'"><sheetData><row r="1" ht="9" customHeight="1"><c r="A1" s="3"/>'
    b'<c r="D1"><v>7</v></c></row><row r="2"/></sheetData></worksheet>'
)


def test_a_cell_that_is_not_there_comes_between_its_neighbours() -> None:
    made = sheet_xml.changed(sheet_xml.read(SMALL), {"B1": "<b>", "E1": 5, "A1": "x"}, {1: 30, 2: 20})
    assert sheet_xml.read(made).cells["B1"].value == "<b>"
    assert re.findall(rb'r="([A-Z]+1)"', made) == [b"A1", b"B1", b"D1", b"E1"]
    assert b'<row r="1" ht="30" customHeight="1">' in made
    assert b'<row r="2" ht="20" customHeight="1"/>' in made


def test_a_row_is_never_made_less_tall() -> None:
    assert sheet_xml.changed(sheet_xml.read(SMALL), {}, {1: 5}) == SMALL


def test_a_row_that_is_not_there_is_a_fault() -> None:
    with pytest.raises(ValueError, match="row 3 is not there"):
        sheet_xml.changed(sheet_xml.read(SMALL), {"A3": "x"}, {})


def test_prefixes_are_refused() -> None:
    xml = SMALL.replace(b"<row", b"<m:row").replace(b"</row", b"</m:row")
    with pytest.raises(ValueError, match="prefixes"):
        sheet_xml.read(xml.replace(b"<worksheet ", b'<worksheet xmlns:m="' + NAMESPACE + b'" '))


def test_zip_times_are_the_templates() -> None:
    before = zipfile.ZipFile(io.BytesIO(templates_made.template())).infolist()
    after = zipfile.ZipFile(io.BytesIO(fill(values.host())[0].content)).infolist()
    assert [one.date_time[0] for one in before] == [one.date_time[0] for one in after]
