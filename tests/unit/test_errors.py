"""The exception tree and what it tells."""

from collections.abc import Iterator

import pytest

from hub import errors
from hub.errors import BadInput, Overloaded, TooLarge, TracksideError, shorten


def tree(kind: type[TracksideError] = TracksideError) -> Iterator[type[TracksideError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


@pytest.mark.parametrize("kind", list(tree()))
def test_every_class_is_drawn_with_its_status(kind: type[TracksideError]) -> None:
    drawn = (errors.__doc__ or "").splitlines()
    line = next(line for line in drawn if kind.__name__ in line.split())
    assert kind is TracksideError or str(kind.status) in line.split()


def test_no_two_classes_share_a_code() -> None:
    codes = [kind.code for kind in tree()]
    assert len(codes) == len(set(codes))


def test_bad_input_tells_where_what_was_found_and_what_was_expected() -> None:
    error = BadInput("run.facets.x", 7, "an object", "See the specification.")
    assert str(error) == "run.facets.x: expected an object, found 7. See the specification."
    assert error.details["path"] == "run.facets.x"


def test_what_is_found_is_cut_before_it_is_shown() -> None:
    assert len(shorten("x" * 10_000_000)) == 80
    assert shorten(b"ab") == "b'ab'"


def test_limits_are_told_to_programs() -> None:
    assert TooLarge(10, 11).details == {"limit": 10}
    assert Overloaded("too much", retry_after=3).details == {"retry_after": 3}
