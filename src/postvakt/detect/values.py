"""What one test says of one value: the meaning of every Sigma modifier, in one place."""

import functools
import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime

import re2

from postvakt.detect.plan import Test

Says = Callable[[str], bool]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,38})|0[xX][0-9a-fA-F]{1,32}")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?")
SIGN_64 = 1 << 64
LONGEST_GLOB = 1 << 20


def fold(text: str) -> str:
    """Return text as it is compared where case does not matter."""
    return text.casefold()


def number_of(text: str) -> int | None:
    """Return the whole number that a text renders in decimal or as 0x hex, or None.

    A decimal with leading zeros is an identifier, not a number. A negative one is read as the unsigned 64-bit
    number of the same bits, which is how an event's hex masks come out of a signed column.
    """
    if len(text) > 40 or _NUMBER.fullmatch(text) is None:
        return None
    number = int(text, 16) if text[1:2] in "xX" and len(text) > 2 else int(text)
    return number + SIGN_64 if -SIGN_64 < number < 0 else number


def compile_regex(pattern: str, flags: str = "") -> "re2._Regexp":
    """Return a linear-time regular expression. Raises ValueError for what it cannot express (look-around...)."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = "i" not in flags
    options.dot_nl = "s" in flags
    written = pattern.replace("\\Z", "\\z")
    try:
        return re2.compile(f"(?m:{written})" if "m" in flags else written, options)
    except re2.error as why:
        said = why.args[0].decode() if why.args and isinstance(why.args[0], bytes) else str(why)
        raise ValueError(said) from None


@functools.lru_cache(maxsize=8192)
def says(test: Test) -> Says:
    """Return the function that tells whether a value passes a test.

    `null`, `present`, `exists` and `same` ask about rows, not about a value; they are not answered here.
    """
    return _MAKERS[test.op](test)


def says_empty(test: Test) -> bool:
    """Tell whether a test accepts the empty text, which a pair without a value counts as."""
    return test.op not in ("null", "present", "exists", "same") and says(test)("")


def _equals(test: Test) -> Says:
    wanted, number = test.text, number_of(test.text)
    if "c" in test.flags:
        return lambda value: value == wanted
    if number is None:
        return lambda value: fold(value) == wanted
    return lambda value: fold(value) == wanted or number_of(value) == number


def _contains(test: Test) -> Says:
    wanted = test.text
    if "c" in test.flags:
        return lambda value: wanted in value
    return lambda value: wanted in fold(value)


def _starts(test: Test) -> Says:
    wanted = test.text
    if "c" in test.flags:
        return lambda value: value.startswith(wanted)
    return lambda value: fold(value).startswith(wanted)


def _ends(test: Test) -> Says:
    wanted = test.text
    if "c" in test.flags:
        return lambda value: value.endswith(wanted)
    return lambda value: fold(value).endswith(wanted)


def _glob(test: Test) -> Says:
    pattern = compile_regex(test.regex, "s")
    if "c" in test.flags:
        return lambda value: pattern.fullmatch(_bytes(value)) is not None
    return lambda value: pattern.fullmatch(_bytes(fold(value))) is not None


def _regex(test: Test) -> Says:
    pattern = compile_regex(test.regex, test.flags)
    return lambda value: pattern.search(_bytes(value)) is not None


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _cidr(test: Test) -> Says:
    network = ipaddress.ip_network(test.text, strict=False)

    def inside(value: str) -> bool:
        address = address_of(value)
        return address is not None and address.version == network.version and address in network

    return inside


@functools.lru_cache(maxsize=65536)
def address_of(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a text is, mapped IPv4 as IPv4; None for anything else."""
    try:
        address = ipaddress.ip_address(value.strip().partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _compares(accepts: Callable[[float, float], bool]) -> Callable[[Test], Says]:
    def made(test: Test) -> Says:
        bound = _quantity(test.text)

        def compared(value: str) -> bool:
            amount = _quantity(value)
            return amount is not None and bound is not None and accepts(amount, bound)

        return compared

    return made


def _quantity(text: str) -> int | float | None:
    if len(text) > 2 and text[1] in "xX":
        return number_of(text)
    if len(text) > 80 or _DECIMAL.fullmatch(text) is None:
        return None
    return float(text) if "." in text else int(text)


def _time_part(part: Callable[[datetime], int]) -> Callable[[Test], Says]:
    def made(test: Test) -> Says:
        wanted = int(test.text)

        def falls(value: str) -> bool:
            instant = _instant(value)
            return instant is not None and part(instant) == wanted

        return falls

    return made


def _instant(value: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return instant if instant.tzinfo is None else instant.astimezone(UTC)


_MAKERS: dict[str, Callable[[Test], Says]] = {
    "equals": _equals,
    "contains": _contains,
    "starts": _starts,
    "ends": _ends,
    "glob": _glob,
    "regex": _regex,
    "cidr": _cidr,
    "lt": _compares(lambda value, bound: value < bound),
    "lte": _compares(lambda value, bound: value <= bound),
    "gt": _compares(lambda value, bound: value > bound),
    "gte": _compares(lambda value, bound: value >= bound),
    "minute": _time_part(lambda at: at.minute),
    "hour": _time_part(lambda at: at.hour),
    "day": _time_part(lambda at: at.day),
    "week": _time_part(lambda at: at.isocalendar().week),
    "month": _time_part(lambda at: at.month),
    "year": _time_part(lambda at: at.year),
}


def same(test: Test, values: list[str | None], others: list[str | None]) -> bool:
    """Tell whether a field's value equals another field's; open ends let it contain, begin or end with it."""
    starts, ends = "<" in test.flags, ">" in test.flags
    for value in values:
        for other in others:
            if value is None or other is None:
                continue
            one, two = fold(value), fold(other)
            if starts and ends:
                held = two in one
            elif starts:
                held = one.startswith(two)
            elif ends:
                held = one.endswith(two)
            else:
                held = one == two
            if held:
                return True
    return False
