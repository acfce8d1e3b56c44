"""The page: what it obeys, what stands first, whether everybody can find their way in it, how large it may grow."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest

from postvakt import report
from postvakt.model.report import Report, Window
from postvakt.report import html_form, layout, words
from tests.report import hostile, values
from tests.report.pages import Element, read
from tests.report.parts import finding, sample

render = report.FORMATS["html"].render


@pytest.fixture(scope="module", params=["one", "every", "hostile", "nobody", "lean"])
def page(request: pytest.FixtureRequest) -> Element:
    return read(render(PAGES[request.param]))


PAGES: dict[str, Report] = {
    "one": values.ONE,
    "every": values.EVERY_OUTCOME,
    "hostile": hostile.HOSTILE,
    "nobody": values.report(),
    "lean": values.fleet(70, findings=3),
}


def test_policy_names_the_style_and_the_script(page: Element) -> None:
    (policy,) = [each for each in page.find("meta") if "http-equiv" in each.attributes]
    (style,), (script,) = page.find("style"), page.find("script")
    assert policy.attributes["content"] == (
        f"default-src 'none'; style-src '{_hash(style.text)}'; script-src '{_hash(script.text)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def test_loads_nothing_and_obeys_nothing_inline(page: Element) -> None:
    loading = {"src", "srcset", "action", "data", "poster", "background", "ping", "style", "xlink:href"}
    for each in page.all():
        assert not loading & set(each.attributes), each.shape
        assert not [name for name in each.attributes if name.startswith("on")], each.shape
        assert each.attributes.get("href", "#").startswith("#"), each.shape
    assert not page.find(
        "link", "iframe", "object", "embed", "img", "base", "form", "audio", "video", "foreignobject"
    )


@pytest.mark.parametrize("asset", ["page.css", "page.js"])
def test_assets_reach_for_nothing(asset: str) -> None:
    text = html_form._asset(asset)
    assert not re.search(r"@import|url\((?!#)|https?:|innerHTML|outerHTML|insertAdjacent|eval|fetch|</", text)


def test_no_element_comes_from_evidence() -> None:
    plain = read(render(hostile.filled(values.ONE, "x:y `z`")))
    attacked = read(render(hostile.HOSTILE))
    assert [each.shape for each in _built(attacked)] == [each.shape for each in _built(plain)]


def _built(page: Element) -> list[Element]:
    """The elements that are the page's own: not those that mark text as unseen, cut short or quoted.

    Labels carry evidence's text as such; they are compared by their names."""
    marks = ("cp", "more", "ev")
    built = [
        each
        for each in page.all()
        if each.tag not in ("style", "script", "meta")
        and not (each.tag in ("span", "code") and each.attributes.get("class") in marks)
    ]
    for each in built:
        for name in ("aria-label",):
            if name in each.attributes:
                each.attributes[name] = ""
    return built


def test_hostile_text_is_there_as_text() -> None:
    page = read(render(values.report(hostile.HOST)))
    told = page.find("body")[0].text
    assert "<script>alert(1)</script>" in told
    assert "{{ 7*7 }}" in told
    assert "U+202E" in told
    assert "NULU+0000 ×3after" in told
    assert "loneU+" not in told
    assert "U+D83D" in told
    assert not set(told) & set("\u202e\u2066\u200b\ufeff\x1b\x00\x9b\x07")


def test_every_name_a_host_has_is_escaped_in_labels() -> None:
    page = read(render(values.report(values.host('"><script>x</script>'))))
    labels = [each.attributes["aria-label"] for each in page.find("div") if "aria-label" in each.attributes]
    assert any('"><script>x</script>' in label for label in labels)
    assert len(page.find("script")) == 1


@pytest.mark.parametrize(
    ("row", "headline"),
    [
        (values.host(), "Compromised: credentials were reached for"),
        (values.ATTEMPTED, "Attempted: an attempt was made and failed"),
        (values.INCONCLUSIVE, "Inconclusive"),
        (values.NOT_EXAMINED, "Not examined"),
        (values.CLEAR_SINCE, "Clear since 2021-02-08 00:00Z"),
        (values.CLEAR, "Clear"),
    ],
)
def test_verdict_first_then_what_could_not_be_seen(row: values.HostRow, headline: str) -> None:
    page = read(render(values.report(row)))
    heads = [each.text for each in page.find("h1", "h2", "h3")]
    assert heads[1] == f"{row.host} {headline}"
    assert heads[2:5] == ["Why", "What to do next", "What could not be seen"]
    # Before the verdict the page says no more than whose directive, which window and how much.
    body = page.find("body")[0].text
    assert len(body[: body.index(headline)].split()) < 60


def test_several_hosts_are_summed_up_first() -> None:
    page = read(render(values.EVERY_OUTCOME))
    heads = [each.text for each in page.find("h2", "h3")]
    assert heads[:3] == ["All hosts Compromised: 1 of 6 hosts", "What could not be seen", "Every host"]
    assert "Of 2 nobody can say whether an attack succeeded" in page.find("section")[0].text


@pytest.mark.parametrize(
    "told",
    [
        "Was mail taken, or were data destroyed? Cannot be answered: ews was not read",
        "Were credentials taken? Answerable only since 2021-02-27 03:00:00Z 04:00:00 +01:00. Before then: not known.",
        "nothing of it is in the evidence of this host",
        "C/Windows/System32/winevt/Logs/Application.evtx at 1048576",
        "Not seen: not looked for in ecp_server, cmdlet_infra: nothing of it was read",
        "Acknowledged by T. Okafor on 2021-03-09 14:00:00Z: our backup agent, see change 4411",
        "2021-03-02 05:12:09.481Z 06:12:09 +01:00",
        "2 matched records without a time stand in no timeline.",
        "1 rule not asked: correlation rules are not asked",
        "The names disagree: also named EX01-OLD",
        "311 lost",
        values.digest("EX01"),
    ],
)
def test_one_server_says(told: str) -> None:
    assert told in _words(read(render(values.ONE)).find("main")[0].text)


def _words(text: str) -> str:
    return " ".join(text.split())


def test_finding_opens_to_its_records() -> None:
    page = read(render(values.ONE))
    opened = page.find("details", id="h1-f1")[0]
    fields = {row.find("th")[0].text: row.find("td")[0].text for row in opened.find("tr")}
    assert fields["ClientIpAddress"] == "203.0.113.77"
    assert fields["AuthenticatedUser"] == "empty"
    assert [row.find("th")[0].text for row in opened.find("table")[0].find("tr", **{"class": "cited"})] == [
        "AnchorMailbox",
        "HttpStatus",
    ]
    assert "5 of 214 records shown." in opened.text


def test_missing_link_is_drawn_as_missing() -> None:
    steps = read(render(values.ONE)).find("ol", **{"class": "chain"})[0].find("li")
    assert [step.attributes["class"] for step in steps] == [
        "seen broken",
        "unseen broken",
        "seen",
        "seen broken",
        "unseen broken",
    ]


def test_landmarks_and_headings(page: Element) -> None:
    assert page.find("html")[0].attributes["lang"] == "en"
    assert [len(page.find(tag)) for tag in ("main", "h1", "title")] == [1, 1, 1]
    assert [len(page.find(tag, **{"class": "page"})) for tag in ("header", "footer")] == [1, 1]
    levels = [int(each.tag[1]) for each in page.find("h1", "h2", "h3", "h4")]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_ids_are_unique_and_links_lead_somewhere(page: Element) -> None:
    ids = [each.attributes["id"] for each in page.all() if "id" in each.attributes]
    assert len(ids) == len(set(ids))
    wanted = {each.attributes["href"][1:] for each in page.find("a", "use")}
    wanted |= {
        each.attributes["aria-labelledby"] for each in page.all() if "aria-labelledby" in each.attributes
    }
    assert wanted <= set(ids)


def test_everything_has_a_name(page: Element) -> None:
    for table in page.find("table"):
        assert table.find("caption")[0].text.strip()
        assert all("scope" in head.attributes for head in table.find("th"))
    for region in page.find("section"):
        assert "aria-labelledby" in region.attributes or "aria-label" in region.attributes
    for drawing in page.find("svg"):
        named = drawing.attributes.get("role") == "img" and drawing.attributes.get("aria-label")
        hidden = [
            each for each in (drawing, *drawing.above()) if each.attributes.get("aria-hidden") == "true"
        ]
        assert named or hidden
    for box in page.find("div", **{"class": "scroll"}):
        assert box.attributes["tabindex"] == "0"
        assert box.attributes["aria-label"]
    assert all(each.text.strip() for each in page.find("summary", "a"))


def test_regions_of_one_page_have_different_names() -> None:
    page = read(render(values.EVERY_OUTCOME))
    names = [each.attributes["aria-label"] for each in page.find("div", role="region")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("place", "limit"),
    [(1, layout.FULL), (10, layout.FULL), (11, layout.BRIEF), (61, layout.LEAN), (1001, None)],
)
def test_limits(place: int, limit: layout.Limits | None) -> None:
    assert layout.limits(place) == limit


def test_beyond_the_limits_a_host_keeps_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "TIERS", ((1, layout.FULL), (2, layout.BRIEF), (3, layout.LEAN)))
    page = read(render(values.EVERY_OUTCOME))
    assert [each.attributes["id"] for each in page.find("section", **{"class": "host"})] == ["h1", "h2", "h3"]
    rows = page.find("table", **{"class": "hosts"})[0].find("tbody")[0].find("tr")
    assert [row.find("th")[0].text for row in rows] == ["EX01", "EX06", "EX04", "EX05", "EX02", "EX03"]
    assert [len(row.find("a")) for row in rows] == [1, 1, 1, 0, 0, 0]
    assert "The first 3 are told below" in page.text


def test_records_take_no_more_room_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    small = msgspec.structs.replace(layout.FULL, characters=5000)
    monkeypatch.setattr(layout, "TIERS", ((1, small),))
    huge = sample(fields={"cs-uri-query": "A" * 1500})
    found = tuple(finding(name, sample=(huge, huge)) for name in "abc")
    page = read(render(values.report(values.host(findings=found))))
    assert page.text.count("A" * 1500) == 3
    assert page.text.count("this page has no room left for them") == 3


@pytest.mark.parametrize(
    ("length", "told"), [(2000, "A" * 2000), (2001, "A" * 2000 + " … 1 more characters")]
)
def test_long_values_are_cut_and_counted(length: int, told: str) -> None:
    made = values.report(values.host(findings=(finding(sample=(sample(fields={"f": "A" * length}),)),)))
    assert [each.text for each in read(render(made)).find("td", **{"class": "ev"})] == [told]


@pytest.mark.parametrize(
    "instant",
    [datetime.min.replace(tzinfo=UTC), datetime(1601, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],
)
def test_absurd_times_do_not_stop_the_report(instant: datetime) -> None:
    odd = finding("odd", first=instant, last=instant, sample=(sample(time=instant),))
    both = values.host(
        findings=(finding(), odd),
        coverage=(
            msgspec.structs.replace(
                values.COVERAGE[0], first=instant, last=instant, days={f"{instant.date()}": 1}
            ),
        ),
    )
    for made in (values.report(both), values.report(both, window=Window(instant, instant))):
        told = render(made).decode()
        assert instant.replace(tzinfo=None, microsecond=0).isoformat(sep=" ") in told


def test_every_word_of_the_model_has_its_words() -> None:
    page = read(render(values.EVERY_OUTCOME)).text
    assert all(outcome.means in page for outcome in words.OUTCOMES.values())
