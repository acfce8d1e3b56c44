"""Builds against flaws, and a host's dated builds over time. Numbers are those of Microsoft's list of builds."""

from datetime import UTC, datetime

import pytest

from postvakt import content
from postvakt.model.report import BuildRow, Window
from postvakt.reason import updating
from postvakt.reason.builds import disagreements, exposure, numbered, sightings, state, unlisted
from tests.reason.values import WINDOW, finding

OWN = content.load()
FLAWS = {flaw.id: flaw for flaw in OWN.flaws}
REGISTRY = "SOFTWARE ExchangeServer Setup (cumulative update only)"
FIXED_IN_MARCH = [
    "15.2.221.18",
    "15.2.330.11",
    "15.2.397.11",
    "15.2.464.15",
    "15.2.529.13",
    "15.2.595.8",
    "15.2.659.12",
    "15.2.721.13",
    "15.2.792.10",
    "15.1.1415.10",
    "15.1.1466.16",
    "15.1.1531.12",
    "15.1.1591.18",
    "15.1.1713.10",
    "15.1.1779.8",
    "15.1.1847.12",
    "15.1.1913.12",
    "15.1.1979.8",
    "15.1.2044.13",
    "15.1.2106.13",
    "15.1.2176.9",
    "15.0.847.64",
    "15.0.1395.12",
    "15.0.1473.6",
    "15.0.1497.12",
]


def of(flaw, build, exact=True):
    number = numbered(build)
    assert number is not None
    return state(FLAWS[flaw], number, exact=exact)


def day(number, hour=0, month=3):
    return datetime(2021, month, number, hour, tzinfo=UTC)


def ran(build, first, until, source="http_proxy rows"):
    return BuildRow(build=build, first=first, until=until, source=source)


def rows(*builds, findings=(), window=WINDOW):
    told = exposure(sightings(builds), OWN.flaws, findings, window)
    return {row.flaw: row for row in told}


@pytest.mark.parametrize("build", FIXED_IN_MARCH)
def test_each_update_of_march_2021_and_the_build_before_it(build):
    head, _, revision = build.rpartition(".")
    assert of("proxylogon", build) == of("unified-messaging", build) == "fixed"
    assert of("proxylogon", f"{head}.{int(revision) - 1}") == "vulnerable"


@pytest.mark.parametrize(
    ("flaw", "build", "told"),
    [
        ("proxylogon", "15.1.2106.2", "vulnerable"),  # a larger number than the fixed 15.1.2044.13
        ("proxylogon", "15.1.2242.4", "fixed"),  # 2016 CU20 holds it
        ("proxylogon", "15.2.858.5", "fixed"),
        ("proxylogon", "15.2.2562.17", "fixed"),
        ("proxylogon", "15.01.2106.013", "fixed"),
        ("proxylogon", "15.0.1320.4", "vulnerable"),  # 2013 CU17 got none
        ("proxylogon", "15.1.1261.35", "vulnerable"),  # 2016 CU7 got none
        ("proxylogon", "15.1.1415.8", "vulnerable"),  # one table has this as fixed, the others not
        ("proxylogon", "14.3.123.4", "not-affected"),
        ("unified-messaging", "14.3.509.0", "vulnerable"),
        ("unified-messaging", "14.3.513.0", "fixed"),
        ("unified-messaging", "14.2.390.3", "vulnerable"),
        ("april-2021", "15.1.2242.4", "vulnerable"),
        ("april-2021", "15.1.2242.8", "fixed"),
        ("april-2021", "15.1.2106.13", "vulnerable"),  # CU18 got March, not April
        ("april-2021", "15.1.2308.8", "fixed"),
        ("proxyshell", "15.1.2176.12", "fixed"),
        ("proxyshell-write", "15.1.2176.12", "vulnerable"),
        ("proxyshell-write", "15.1.2176.14", "fixed"),
        ("proxynotshell", "15.1.2375.32", "vulnerable"),
        ("proxynotshell", "15.2.1118.20", "fixed"),
        ("proxynotshell", "14.3.513.0", "unknown"),
        ("ntlm-relay", "15.1.2507.35", "vulnerable"),
        ("ntlm-relay", "15.1.2507.37", "needs-setting"),
        ("ntlm-relay", "15.2.1544.4", "needs-setting"),
        ("ntlm-relay", "15.0.1497.48", "unknown"),
        ("hybrid-identity", "15.2.1748.24", "needs-setting"),
        ("hybrid-identity", "15.2.1258.39", "vulnerable"),
        ("owa-spoofing", "15.2.2562.41", "vulnerable"),
        ("owa-spoofing", "15.2.2562.43", "fixed"),
    ],
)
def test_build(flaw, build, told):
    assert of(flaw, build) == told


@pytest.mark.parametrize(
    ("flaw", "build", "told"),
    [
        ("proxylogon", "15.1.2106.2", "unknown"),  # CU18: the update may lie on it
        ("proxylogon", "15.1.2106", "unknown"),
        ("proxylogon", "15.1.2242.4", "fixed"),
        ("proxylogon", "15.1.1261.35", "vulnerable"),  # no update of CU7 exists
        ("unified-messaging", "14.3.123.4", "unknown"),  # the service pack, not the rollup
    ],
)
def test_a_source_that_knows_the_cumulative_update_alone(flaw, build, told):
    assert of(flaw, build, exact=False) == told


@pytest.mark.parametrize("text", ["", "15.1", "15.1.2106.x", "Version 15.1"])
def test_no_build(text):
    assert numbered(text) is None


def test_patched_days_after_the_file():
    shell = finding("file-written", cves=("CVE-2021-27065",), first=day(1, 2))
    probe = finding("probe", cves=("CVE-2021-26855",), first=day(1, 1))
    row = rows(
        ran("15.1.2106.2", day(1, month=1), day(7, 3)),
        ran("15.1.2106.13", day(7, 4), day(12)),
        findings=(shell, probe),
    )["proxylogon"]
    assert (row.state, row.attempt, row.success) == ("fixed", day(1, 1), day(1, 2))
    assert (row.exposed, row.vulnerable_until) == (day(1, month=1), day(7, 3))
    assert (row.patched_after, row.patched_by) == (day(7, 3), day(7, 4))
    assert row.told[1].startswith("Patched 6 days after the first file was written (2021-03-01 02:00Z")


def test_a_wide_interval_is_told_with_both_ends():
    shell = finding("file-written", first=day(1))
    row = rows(
        ran("15.1.2106.2", day(1, month=1), day(3)), ran("15.1.2106.13", day(8), day(12)), findings=(shell,)
    )
    told = row["proxylogon"]
    assert "Patched between 2 days and 7 days after" in told.told[1]
    assert [(s.first, s.last) for s in told.stretches if not s.build] == [(day(3), day(8))]


def test_an_attempt_after_the_patch():
    failed = finding("attempt-failed", cves=("CVE-2021-26855",), first=day(6))
    told = rows(
        ran("15.1.2106.2", day(1), day(4)), ran("15.1.2106.13", day(4, 1), day(12)), findings=(failed,)
    )
    assert told["proxylogon"].told[1].startswith("Patched 1 day before the first attempt")
    assert len(told["unified-messaging"].told) == 1


def test_never_patched():
    row = rows(ran("15.1.2106.2", day(1, month=1), day(12)))["proxylogon"]
    assert (row.state, row.patched_after, row.patched_by) == ("vulnerable", None, None)
    assert not [stretch for stretch in row.stretches if not stretch.build]


def test_fixed_when_first_seen_leaves_the_time_before_unknown():
    row = rows(ran("15.1.2106.13", day(4), day(12)))["proxylogon"]
    assert (row.state, row.patched_after, row.patched_by, row.exposed) == ("fixed", None, day(4), None)
    assert row.stretches[0].build == ""
    assert (row.stretches[0].first, row.stretches[0].last) == (WINDOW.start, day(4))


def test_a_cumulative_update_can_open_what_was_closed():
    row = rows(ran("15.1.2044.13", day(3), day(5)), ran("15.1.2106.2", day(6), day(12)))["proxylogon"]
    assert (row.state, row.patched_by) == ("vulnerable", None)
    assert "It had been fixed before" in row.told[1]


def test_a_finding_of_another_flaw_or_an_acknowledged_one_is_no_success():
    other = finding("access-gained", cves=("CVE-2021-34473",), first=day(2))
    assert rows(ran("15.1.2106.2", day(1), day(12)), findings=(other,))["proxylogon"].success is None


def test_only_flaws_that_were_published_when_the_evidence_was_taken():
    assert set(rows(ran("15.1.2106.2", day(1), day(12)))) == {"proxylogon", "unified-messaging"}
    assert len(rows(ran("15.1.2106.2", day(1), day(12)), window=Window(day(1), None))) == len(FLAWS)


def test_no_build_at_all_is_unknown():
    assert {row.state for row in rows().values()} == {"unknown"}


def test_the_registry_against_the_logs():
    logs = ran("15.1.2106.13", day(4), day(12))
    same = disagreements(sightings([logs, ran("15.1.2106.2", None, None, REGISTRY)]))
    assert ["it does not change with an update" in told for told in same] == [True]
    other = disagreements(sightings([logs, ran("15.1.2044.4", None, None, REGISTRY)]))
    assert ["another cumulative update" in told for told in other] == [True]
    alone = disagreements(sightings([ran("15.1.2106.2", None, None, REGISTRY)]))
    assert ["only the cumulative update is told" in told for told in alone] == [True]
    assert disagreements(sightings([logs])) == ()


def test_an_older_build_after_a_newer_one_is_told_and_the_last_sight_decides():
    builds = (
        ran("15.1.2106.13", day(4), day(4), "exchange_setup completed"),
        ran("15.1.2106.2", day(1), day(9)),
    )
    assert ["an older build after a newer one" in told for told in disagreements(sightings(builds))] == [True]
    row = rows(*builds)["proxylogon"]
    assert row.state == "vulnerable"
    assert not [told for told in row.told if "It had been fixed before" in told]


def test_a_build_that_the_table_does_not_have_is_told():
    seen = sightings([ran("15.1.2507.99", day(1), day(2)), ran("15.1.2507.72", day(3), day(4))])
    assert [told.split(" is ")[0] for told in unlisted(OWN.builds, seen)] == ["15.1.2507.99"]


def advised(build):
    builds = [ran(build, day(1), day(12))]
    told = exposure(sightings(builds), OWN.flaws, (), WINDOW)
    return " ".join(updating.advice(sightings(builds), told, OWN.flaws, OWN.builds))


@pytest.mark.parametrize(
    ("build", "told", "not_told"),
    [
        (
            "15.1.2106.2",
            "At once, without another cumulative update: 2016 CU18 Mar21SU (KB5000871, 15.1.2106.13)",
            "",
        ),
        ("15.1.2106.2", "the cumulative update first, 2016 CU23 (2022H1) (15.1.2507.6)", "replace it. "),
        ("15.1.2106.2", "elevated command prompt", ""),
        ("15.1.2106.2", "Restart the server afterwards", ""),
        ("15.1.1261.35", "a later cumulative update comes first", "At once"),
        ("15.2.792.3", "2019 CU15 Aug26SU (KB5121574, 15.2.1748.49)", "SE RTM"),
        (
            "15.0.1497.2",
            "Install the newest for its version in the table of 2026-08-11: 2013 CU23 Mar23SU",
            "At once",
        ),
        ("14.3.509.0", "Update Rollup 32 for 2010 SP3 (14.3.513.0)", "cumulative update comes first"),
    ],
)
def test_what_to_install(build, told, not_told):
    said = advised(build)
    assert told in said
    assert not not_told or not_told not in said


def test_nothing_to_install_where_nothing_is_open():
    assert advised("15.1.2106.13") == ""
