"""Which words on servers speak of one server: short names, full names and addresses brought together.

A full name is a server. A short name is the server with the one full name that begins with it; where two full names
do, it stays by itself, and so does what is known by an address that two servers have. Names that several servers may
share (of a load balancer, of a certificate) join nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

import msgspec

from postvakt.model.inventory import Naming

NETBIOS = 15
"""Characters after which Windows cuts a short name."""

NO_NAMES = frozenset(("localhost", "localhost.localdomain", "-", "unknown"))


class Server(msgspec.Struct):
    """One server with every word on it. `fits` are the full names that its short name could mean, where two could."""

    key: str
    words: list[Naming] = []
    fits: tuple[str, ...] = ()


def servers(words: Iterable[Naming]) -> list[Server]:
    """Return the servers that words speak of, by name."""
    every = [_clean(word) for word in words]
    joined = _Joined(word for word in every if _full(word.names))
    for word in every:
        if _full(word.names):
            joined.add(joined.root(_full(word.names)[0]), word)
    for word in every:
        if word.names and not _full(word.names):
            joined.add_short(word)
    for word in every:
        if not word.names and (word.aliases or word.addresses):
            joined.add_known_by_place(word)
    return sorted(joined.servers.values(), key=lambda server: server.key)


def short(name: str) -> str:
    """Return a name's first part in lower case; an address stays whole."""
    return name.lower() if is_address(name) else name.lower().partition(".")[0]


def is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _clean(word: Naming) -> Naming:
    """Return a word with its names in lower case and those that are addresses among its addresses."""
    names = tuple(dict.fromkeys(name.strip().rstrip(".").lower() for name in word.names))
    return msgspec.structs.replace(
        word,
        names=tuple(name for name in names if name and name not in NO_NAMES and not is_address(name)),
        aliases=tuple(
            dict.fromkeys(name.rstrip(".").lower() for name in word.aliases if not is_address(name))
        ),
        addresses=tuple(
            dict.fromkeys(a for a in (*word.addresses, *filter(is_address, names)) if _of_a_host(a))
        ),
    )


def _of_a_host(address: str) -> bool:
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return not (told.is_loopback or told.is_unspecified or told.is_multicast or told.is_link_local)


def _full(names: Sequence[str]) -> list[str]:
    return [name for name in names if "." in name]


class _Joined:
    """The servers as far as they are known: by full name first, then what fits one of them."""

    def __init__(self, full: Iterable[Naming]) -> None:
        self.servers: dict[str, Server] = {}
        self._above: dict[str, str] = {}
        self._of_short: dict[str, set[str]] = defaultdict(set)
        self._of_address: dict[str, set[str]] = defaultdict(set)
        every = list(full)
        for word in every:
            names = _full(word.names)
            for name in names:
                self._above[self.root(name)] = self.root(names[0])
        for word in every:
            root = self.root(_full(word.names)[0])
            for name in word.names:
                self._of_short[short(name)].add(root)

    def root(self, name: str) -> str:
        """Return the name that stands for all that were said to be one server's."""
        while (above := self._above.setdefault(name, name)) != name:
            name = above
        return name

    def add(self, key: str, word: Naming) -> Server:
        server = self.servers.setdefault(key, Server(key))
        server.words.append(word)
        for address in word.addresses:
            self._of_address[address].add(key)
        return server

    def add_short(self, word: Naming) -> None:
        fits = self._fitting(word.names[0])
        if len(fits) > 1:
            # What is said beside the short name may tell which of them is meant.
            fits = self._named_beside(word, fits) or fits
        if len(fits) == 1:
            self.add(next(iter(fits)), word)
        else:
            self.add(word.names[0], word).fits = tuple(sorted(fits))

    def _named_beside(self, word: Naming, fits: set[str]) -> set[str]:
        by_alias = fits & {self.root(name) for name in word.aliases if name in self._above}
        return by_alias or {
            key for address in word.addresses for key in self._of_address.get(address, ()) if key in fits
        }

    def _fitting(self, name: str) -> set[str]:
        fits = self._of_short.get(name, set())
        if not fits and len(name) == NETBIOS:
            cut = [roots for other, roots in self._of_short.items() if other.startswith(name)]
            fits = set().union(*cut)
        return fits

    def add_known_by_place(self, word: Naming) -> None:
        """A word that gives no name of the machine itself: by an address or a name that is one server's alone."""
        by_address = {key for address in word.addresses for key in self._of_address.get(address, ())}
        by_alias = {self.root(name) for name in word.aliases if name in self._above}
        by_alias |= {key for name in word.aliases if "." not in name for key in self._fitting(name)}
        for found in (by_alias, by_address):
            if len(found) == 1:
                self.add(next(iter(found)), word)
                return
        told = word.addresses or word.aliases
        self.add(told[0], word)
