"""The table of builds."""

import pytest

from postvakt import content
from postvakt.content.library import Text, builds
from postvakt.errors import ContentError

BUILDS = {build.number: build for build in content.load().builds}
MARCH = [
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
APRIL = ["15.0.1497.15", "15.1.2176.12", "15.1.2242.8", "15.2.792.13", "15.2.858.10"]
HEAD = "build,name,kb,date\n"


@pytest.mark.parametrize("number", MARCH)
def test_update_of_march(number):
    build = BUILDS[number]
    assert (build.kb, build.date) == ("KB5000871", "2021-03-02")
    assert build.name.endswith("Mar21SU")


@pytest.mark.parametrize("number", APRIL)
def test_update_of_april(number):
    assert (BUILDS[number].kb, BUILDS[number].date) == ("KB5001779", "2021-04-13")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("15.1.2044.8", "2016 CU17"),  # a public list calls it 2019
        ("15.1.2242.4", "2016 CU20"),
        ("15.2.858.5", "2019 CU9"),
        ("15.2.2562.46", "SE RTM"),
        ("15.1.1847.10", "2016 CU14"),
    ],
)
def test_name(number, name):
    assert BUILDS[number].name.startswith(name)


def test_no_build_twice():
    assert len(BUILDS) == len(content.load().builds)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("build,name\n", "line 1: the first line is not"),
        (HEAD + "15.1.2176.9,2016 CU19,KB5000871\n", "line 2: 3 fields, not 4"),
        (HEAD + "15.1.2176,2016 CU19,,\n", "line 2: '15.1.2176' is no build"),
        (HEAD + "15.1.2176.9,,,\n", "line 2: a build without a name"),
        (HEAD + "15.1.2176.9,2016 CU19,KB581424x,\n", "line 2: 'KB581424x' is no KB"),
        (HEAD + "15.1.2176.9,2016 CU19,,2 March\n", "line 2: '2 March' is no date"),
        (HEAD + '15.1.2176.9,"2016,,\n', "line 2: unexpected end of data"),
    ],
)
def test_malformed(text, why):
    with pytest.raises(ContentError, match=r"^builds/x\.csv: ") as told:
        list(builds(Text("builds/x.csv", text)))
    assert why in str(told.value)
