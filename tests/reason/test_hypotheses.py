"""Who it may have been: the argument on findings alone, with the actors of our content."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import msgspec
import pytest

from postvakt.model.fact import Victim
from postvakt.model.report import Acknowledgement
from postvakt.model.story import ActorRow, Story, StoryStep
from postvakt.reason import attribution, hypotheses
from postvakt.reason.hypotheses import Held
from tests.reason.marked import KNOWN, MARKS, READ, SPECS, WHEN, own_marks, shows
from tests.reason.values import finding

CAN_BE_SUPPORTED = [
    actor.id
    for actor in KNOWN.actors
    if len({MARKS[m].kind for m in own_marks(actor.id)} - {"name"}) > 1
    and {MARKS[m].kind for m in own_marks(actor.id)} & {"behaviour", "tool"}
]
PLANTED = {name: own_marks(name) for name in CAN_BE_SUPPORTED}
EXCHANGE = ("exchange",)


def held(marks, **given):
    rows = tuple(shows(mark) for mark in marks)
    roles = given.pop(
        "roles", ("orion",) if any(m.startswith(("sunburst", "orion")) for m in marks) else EXCHANGE
    )
    return Held(findings=rows, coverage=READ, roles=roles, **given)


def first(marks, **given):
    rows = hypotheses.rows(held(marks, **given), KNOWN)
    return rows[0] if rows else None


def argued(findings, *, roles=EXCHANGE, story=None, victim=None, read=READ):
    return attribution.argued(tuple(findings), read, roles, story or Story(), KNOWN, victim)


def test_enough_actors_can_be_told_apart_for_these_tests_to_mean_something():
    assert {"hafnium", "tonto", "shadowpad", "dearcry", "opera", "calypso", "winnti", "apt29"} <= set(PLANTED)


@pytest.mark.parametrize("actor", CAN_BE_SUPPORTED)
def test_who_is_planted_with_its_own_marks_is_first_and_supported(actor):
    found = first(PLANTED[actor])
    assert (found.actor, found.standing) == (actor, "supported")


@pytest.mark.parametrize(
    ("actor", "without"), [(actor, mark) for actor, marks in PLANTED.items() for mark in marks]
)
def test_leaving_out_any_mark_takes_its_points_and_never_names_another(actor, without):
    rest = [mark for mark in PLANTED[actor] if mark != without]
    whole, found = first(PLANTED[actor]), first(rest)
    gone = next(w for w in whole.weighed if w.mark == without)
    assert found.actor == actor
    assert found.points == pytest.approx(whole.points - gone.points)
    assert found.points < whole.points
    kinds = {MARKS[m].kind for m in rest} & {"behaviour", "tool", "infrastructure", "file"}
    if len(kinds) < 2 or not kinds & {"behaviour", "tool"}:
        assert found.standing != "supported"


@pytest.mark.parametrize(
    ("one", "other"), [*permutations(["hafnium", "tonto", "dearcry", "opera", "calypso"], 2)]
)
def test_swapping_all_marks_of_two_actors_swaps_the_answer(one, other):
    swapped = {one: PLANTED[other], other: PLANTED[one]}
    assert first(swapped[one]).actor == other
    assert first(swapped[other]).actor == one


def test_swapping_the_claims_in_the_content_swaps_the_answer():
    """The name of an actor decides nothing: what its file claims does."""
    mine, theirs = SPECS["tonto"].claims, SPECS["calypso"].claims
    changed = [
        msgspec.structs.replace(spec, claims={"tonto": theirs, "calypso": mine}.get(spec.id, spec.claims))
        for spec in KNOWN.actors
    ]
    known = msgspec.structs.replace(KNOWN, actors=tuple(changed))
    assert hypotheses.rows(held(PLANTED["tonto"]), known)[0].actor == "calypso"


ALONE = [m.id for m in KNOWN.marks if m.kind in ("infrastructure", "file", "name") and m.signs]


@pytest.mark.parametrize("mark", ALONE)
def test_one_address_one_hash_or_one_name_is_insufficient(mark):
    rows = hypotheses.rows(held([mark], roles=()), KNOWN)
    assert rows
    assert {row.standing for row in rows} <= {"insufficient"}
    told = argued([shows(mark)], roles=()).summed[0]
    assert told.standing == "insufficient"
    assert "nsufficient" in told.told[0]


def test_all_names_together_are_insufficient():
    names = [m.id for m in KNOWN.marks if m.kind == "name"]
    assert {row.standing for row in hypotheses.rows(held(names), KNOWN)} == {"insufficient"}


def test_all_published_addresses_and_names_together_support_nobody():
    weak = [m.id for m in KNOWN.marks if m.kind in ("infrastructure", "name")]
    assert "supported" not in {row.standing for row in hypotheses.rows(held(weak, roles=()), KNOWN)}


def test_what_everybody_shows_counts_for_nobody():
    found = argued([shows("exchange-flaw-used"), shows("shell-in-web-folder")])
    assert found.rows == ()
    assert found.summed[0].standing == "insufficient"
    assert "No mark of any of 23 actors" in found.summed[0].told[0]


def test_public_tools_alone_support_nobody():
    """Nishang, PowerCat and ProcDump are everybody's: HAFNIUM may not be named for them."""
    found = argued(
        [shows(m) for m in ("nishang", "powercat", "procdump-lsass", "domain-listed", "comsvcs-lsass")]
    )
    assert {row.standing for row in found.rows} == {"insufficient"}


def test_what_many_do_after_an_exploit_names_nobody():
    """Everything that an opportunist shares with a known group, at once."""
    theirs = {c.mark for c in SPECS["opportunist"].claims if not c.against}
    common = [c.mark for c in SPECS["hafnium"].claims if c.mark in theirs and MARKS[c.mark].signs]
    found = argued([shows(m) for m in common])
    hafnium = next(row for row in found.rows if row.actor == "hafnium")
    assert len(common) > 10
    assert hafnium.points > hypotheses.ENOUGH
    assert hafnium.standing == "insufficient"


def test_a_shared_mark_counts_by_how_many_show_it():
    whole = first(["tunnel-page"])
    showing = hypotheses.shared(KNOWN)["tunnel-page"]
    assert len(showing) == 3
    assert [(w.side, w.points, w.how) for w in whole.weighed if w.mark == "tunnel-page"] == [
        ("for", 0.8, "5 × 0.5 (reported) / 3 that show it = 0.8")
    ]
    # One more actor that names it, and it counts less for all: rarity cannot be forgotten.
    claim = next(c for c in SPECS["luckymouse"].claims if c.mark == "tunnel-page")
    more = msgspec.structs.replace(SPECS["tick"], claims=(*SPECS["tick"].claims, claim))
    known = msgspec.structs.replace(KNOWN, actors=tuple(more if a.id == "tick" else a for a in KNOWN.actors))
    (again,) = [
        w for w in hypotheses.rows(held(["tunnel-page"]), known)[0].weighed if w.mark == "tunnel-page"
    ]
    assert again.points == 0.6


@pytest.mark.parametrize("actor", CAN_BE_SUPPORTED)
def test_the_sum_is_that_of_its_lines(actor):
    for row in hypotheses.rows(held([*PLANTED[actor], "nishang", "hives-saved"]), KNOWN):
        assert row.points == pytest.approx(sum(w.points for w in row.weighed))
        for line in (w for w in row.weighed if w.side == "for"):
            claim = next(c for c in SPECS[row.actor].claims if c.mark == line.mark)
            sure = {"confirmed": 1, "reported": 0.5}[claim.sure]
            by_hand = MARKS[line.mark].weight * sure / (1 + len(line.shared_with))
            assert line.points == pytest.approx(by_hand, abs=0.0501)


def test_a_report_of_2025_is_no_evidence_of_2021():
    (then,) = [
        w for w in _hafnium([shows("logs-cleared"), shows("snap-in-export")]) if w.mark == "logs-cleared"
    ]
    assert (then.side, then.points) == ("indifferent", 0)
    assert "2024-01-01" in then.how
    late = WHEN.replace(year=2025)
    (now,) = [
        w
        for w in _hafnium([shows("logs-cleared", first=late, last=late), shows("snap-in-export")])
        if w.mark == "logs-cleared"
    ]
    assert now.side == "for"
    undated = shows("logs-cleared", first=None, last=None)
    (never,) = [w for w in _hafnium([undated, shows("snap-in-export")]) if w.mark == "logs-cleared"]
    assert never.side == "indifferent"


def _hafnium(findings):
    rows = hypotheses.rows(Held(findings=findings, coverage=READ, roles=EXCHANGE), KNOWN)
    return next(row for row in rows if row.actor == "hafnium").weighed


def test_nothing_of_a_source_that_was_not_read_counts_for_absence():
    read = [row for row in READ if row.artifact == "iis"]
    findings = (shows("tonto-servers"),)
    (row,) = hypotheses.rows(Held(findings=findings, coverage=read, roles=EXCHANGE), KNOWN)
    sides = {w.mark: w.side for w in row.weighed}
    assert sides["tonto-shadowpad"] == "not-visible"
    whole = hypotheses.rows(Held(findings=findings, coverage=READ, roles=EXCHANGE), KNOWN)[0]
    assert {w.mark: w.side for w in whole.weighed}["tonto-shadowpad"] == "not-seen"
    assert row.points == whole.points


def test_a_word_that_is_not_in_the_rows_at_hand_is_not_decided():
    many = shows("opera-on-disk", count=900, sample=())
    rows = hypotheses.rows(
        Held(findings=(many, shows("opera-started")), coverage=READ, roles=EXCHANGE), KNOWN
    )
    (line,) = [w for w in rows[0].weighed if w.mark == "opera-on-disk"]
    assert line.side == "not-visible"
    assert "0 of 900 rows" in line.how


def test_a_rule_without_the_word_shows_nothing():
    other = shows("opera-on-disk", sample=(), count=0)
    assert hypotheses.rows(Held(findings=(other,), coverage=READ, roles=EXCHANGE), KNOWN) == ()


def test_the_name_of_anothers_rule_decides_nothing():
    named = finding(
        "impact", origin="pack", rule="APT_HAFNIUM", title="APT_HAFNIUM_Chopper", techniques=("T1486",)
    )
    assert argued([named]).rows == ()


def test_an_acknowledged_finding_does_not_count():
    put_aside = Acknowledgement(by="A. Person", at=WHEN, reason="our own test")
    assert argued([shows(m, acknowledged=put_aside) for m in PLANTED["tonto"]]) == attribution.Argued()


def test_solarwinds_without_exchange_is_the_separate_campaign():
    found = argued([shows(m) for m in PLANTED["apt29"]], roles=("other",))
    assert [row.actor for row in found.rows] == ["apt29"]
    assert found.rows[0].standing == "supported"
    assert "ED 21-01" in " ".join(found.summed[0].told)


def test_solarwinds_and_what_hafnium_does_without_exchange_is_still_not_hafnium():
    marks = [*PLANTED["apt29"], "procdump-lsass", "powercat", "nishang"]
    found = argued([shows(m) for m in marks], roles=("other",))
    assert found.rows[0].actor == "apt29"
    hafnium = next(row for row in found.rows if row.actor == "hafnium")
    assert hafnium.standing in ("insufficient", "contradicted")
    assert any(w.mark == "entry" and w.points == -4 for w in hafnium.weighed)


def test_solarwinds_says_nothing_for_an_exchange_actor_on_an_exchange_server():
    found = argued([shows("sunburst-domain"), shows("exchange-flaw-used")])
    assert [row.actor for row in found.rows] == ["apt29"]
    assert found.summed[0].standing != "supported"


def test_a_scanner_is_a_hypothesis_and_falls_where_somebody_got_in():
    scan = shows("microsoft-scan", stage="authorised-scan")
    found = argued([scan])
    assert (found.rows[0].actor, found.rows[0].standing) == ("authorised-scanner", "possible")
    got_in = argued([scan, shows("exchange-flaw-used", stage="access-gained")])
    scanner = next(row for row in got_in.rows if row.actor == "authorised-scanner")
    assert scanner.standing == "contradicted"


def test_an_opportunist_is_first_by_what_opportunists_do():
    late = datetime(2021, 3, 14, tzinfo=UTC)
    marks = ("shells-looked-for", "probes", "shell-client", "published-shell-names")
    found = argued([shows(m, first=late, last=late, stage="probe") for m in marks])
    assert found.rows[0].actor == "opportunist"
    assert found.rows[0].standing in ("possible", "insufficient")


def test_equal_points_are_told_as_a_tie():
    found = argued([shows("winnti-servers"), shows("tick-domains")])
    assert len({row.points for row in found.rows[:2]}) == 1
    tied = {row.actor for row in found.rows[:2]}
    assert set(found.summed[0].actors) == tied
    assert found.summed[0].told[0].startswith("A tie: ")
    assert found.summed[0].standing == "insufficient"


def test_victims_count_only_as_somebody_states_them():
    said = Victim(sector="Utility", country="KZ", by="A. Person", at=WHEN)
    without = first(["mikroceen-servers"])
    stated = first(["mikroceen-servers"], victim=said)
    assert {w.mark: w.side for w in without.weighed}["mikroceen-victims"] == "not-visible"
    assert stated.points == without.points + 1
    elsewhere = first(["mikroceen-servers"], victim=msgspec.structs.replace(said, country="FR"))
    assert {w.mark: w.side for w in elsewhere.weighed}["mikroceen-victims"] == "not-seen"
    assert argued([shows("exchange-flaw-used")], victim=said).rows == ()


@pytest.mark.parametrize(
    ("day", "mark"),
    [(20, "in-january"), (54, "in-january"), (58, "before-patch"), (61, "after-patch"), (75, "after-week")],
)
def test_the_first_attack_dates_the_time_marks(day, mark):
    when = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=day)
    look = {m: hypotheses._look(MARKS[m], Held(findings=(shows("powercat", first=when),), coverage=READ)) for m in
            ("in-january", "before-patch", "after-patch", "after-week")}  # fmt: skip
    assert [m for m, one in look.items() if one.told] == [mark]


def _party(name, address, findings):
    steps = (StoryStep(step="s", title="t", stage="shell-used", findings=tuple(f.id for f in findings)),)
    return ActorRow(id=name, addresses=(address,), stage="shell-used", first=WHEN, last=WHEN, traces=1, visits=(),
                    steps=steps)  # fmt: skip


def test_two_actors_on_one_server():
    theirs = [shows(m, address="203.0.113.7") for m in PLANTED["opera"]]
    others = [shows(m, address="198.51.100.9") for m in PLANTED["tonto"]]
    story = Story(actors=(_party("a", "203.0.113.7", theirs), _party("b", "198.51.100.9", others)))
    found = argued([*theirs, *others], story=story)
    whole, *parties = found.summed
    assert set(whole.actors) == {"opera", "tonto"}
    assert "Several actors on one server are possible" in whole.told[0]
    assert whole.standing == "possible"
    assert {(p.party, p.actors, p.standing) for p in parties} == {
        ("a", ("opera",), "supported"),
        ("b", ("tonto",), "supported"),
    }


def test_two_actors_whose_traces_cannot_be_told_apart_stand_side_by_side():
    found = argued([shows(m) for m in (*PLANTED["dearcry"], *PLANTED["tonto"])])
    assert set(found.summed[0].actors) == {"dearcry", "tonto"}


def test_the_marks_of_one_kind_from_two_parties_make_no_one_actor():
    """One half of Tonto's marks from each of two addresses: the host as a whole may not be called supported."""
    one, other = (
        [shows("tonto-shadowpad", address="203.0.113.7")],
        [shows("tonto-servers", address="198.51.100.9")],
    )
    story = Story(actors=(_party("a", "203.0.113.7", one), _party("b", "198.51.100.9", other)))
    found = argued([*one, *other], story=story)
    assert found.summed[0].standing != "supported"
    assert {p.standing for p in found.summed[1:]} == {"possible", "insufficient"}


def test_rows_are_kept_short_and_the_others_are_counted():
    found = argued([shows(m.id) for m in KNOWN.marks if m.signs and not m.common], roles=())
    assert len(found.rows) == 5
    sides = [{w.side for w in row.weighed} & {"not-seen", "not-visible"} for row in found.rows]
    assert [bool(side) for side in sides] == [True, True, False, False, False]
    assert found.summed[0].others == len(KNOWN.actors) - 5


def test_a_host_on_which_nothing_happened_has_no_row():
    assert argued([finding("context")]) == attribution.Argued()


def test_a_stage_of_anothers_rule_speaks_against_nobody():
    foreign = finding("impact", origin="pack", rule="theirs", techniques=("T1486",))
    found = argued([shows("microsoft-scan", stage="authorised-scan"), foreign])
    assert (found.rows[0].actor, found.rows[0].standing) == ("authorised-scanner", "possible")


def test_without_a_clear_lead_nobody_is_supported():
    rows = hypotheses.rows(held([*PLANTED["tonto"], *PLANTED["calypso"]]), KNOWN)
    assert [row.standing for row in rows[:2]] == ["possible", "possible"]
    assert rows[0].points - rows[1].points < hypotheses.LEAD


@pytest.mark.parametrize(
    ("value", "by_hand"), [(0.25, 0.3), (0.45, 0.5), (5 * 0.5 / 3, 0.8), (4.0, 4.0), (0.0, 0.0)]
)
def test_a_half_is_rounded_up_as_by_hand(value, by_hand):
    assert hypotheses._rounded(value) == by_hand
