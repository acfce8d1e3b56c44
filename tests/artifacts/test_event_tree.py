"""Names that the reader numbered, and names that only look so."""

import pytest

from postvakt.artifacts.event_tree import DEEPEST, Object, leaves, unnumbered


@pytest.mark.parametrize(
    ("names", "own"),
    [
        (["Header", "Header_1", "Header_2"], ["Header", "Header", "Header"]),
        (["Header", "Header_2"], ["Header", "Header_2"]),
        (["Header_1", "Header"], ["Header_1", "Header"]),
        (["a", "a_1", "a_1_1"], ["a", "a", "a_1_1"]),
        (["a", "a_²", "a_1"], ["a", "a_²", "a"]),
        (["a", "a_" + "1" * 5000], ["a", "a_" + "1" * 5000]),
        (["", "_1"], ["", ""]),
        ([], []),
    ],
)
def test_a_number_is_taken_off_where_the_reader_put_it(names: list[str], own: list[str]) -> None:
    values = list(range(len(names)))
    for node in (dict(zip(names, values, strict=True)), Object(zip(names, values, strict=True))):
        assert list(unnumbered(node)) == list(zip(own, values, strict=True))


def test_leaves_have_their_paths() -> None:
    tree = {
        "a": {"#attributes": {"xmlns": "x", "Id": 7}, "#text": "t", "b": [1, {"c": None}]},
        "d": Object([("e", 1), ("e", [])]),
    }
    assert leaves(tree, "") == [("a.Id", 7), ("a", "t"), ("a.b", 1), ("a.b.c", None), ("d.e", 1)]
    assert leaves(tree["a"], "r", "_")[:2] == [("r_Id", 7), ("r", "t")]


@pytest.mark.parametrize("more", [-1, 0, 1, 5])
def test_what_lies_too_deep_is_text(more: int) -> None:
    tree: object = "end"
    for _ in range(DEEPEST + more):
        tree = [tree]
    (path, value) = leaves(tree, "p")[0]
    assert path == "p"
    assert value == ("end" if more <= 0 else "[" * more + '"end"' + "]" * more)
