"""Where tcpip.sys keeps what it knows of a connection, a row a build.

Microsoft publishes no symbols for these structures. The numbers are those that the network tables of the
Volatility project publish for these builds (9600: from revision 19935 on); none is known of 26100.
"""

from collections.abc import Mapping

import msgspec


class EndpointLayout(msgspec.Struct, frozen=True, kw_only=True):
    """Places in one kind of endpoint, in bytes. A listener has no remote side and no state."""

    tag: bytes
    size: int
    owner: int
    created: int
    family: int
    port: int
    address: int
    remote_port: int = 0
    state: int = 0


class NetworkLayout(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of one build. `indirect` says whether a UDP endpoint's address lies one pointer further away."""

    connection: EndpointLayout
    listener: EndpointLayout
    datagram: EndpointLayout
    indirect: bool


def _connection(owner: int, created: int) -> EndpointLayout:
    return EndpointLayout(
        tag=b"TcpE",
        size=max(owner, created) + 24,
        owner=owner,
        created=created,
        family=16,
        address=24,
        state=108,
        port=112,
        remote_port=114,
    )


LISTENER_63 = EndpointLayout(tag=b"TcpL", size=128, owner=40, created=64, address=88, family=96, port=106)
LISTENER_10 = EndpointLayout(tag=b"TcpL", size=136, owner=48, created=64, address=96, family=40, port=114)
DATAGRAM_63 = EndpointLayout(tag=b"UdpA", size=144, owner=40, created=88, address=96, family=32, port=120)
DATAGRAM_10 = EndpointLayout(tag=b"UdpA", size=152, owner=40, created=88, address=128, family=32, port=120)
DATAGRAM_20348 = EndpointLayout(tag=b"UdpA", size=192, owner=40, created=88, address=168, family=32, port=160)

NETWORKS: Mapping[int, NetworkLayout] = {
    9600: NetworkLayout(
        connection=_connection(608, 624), listener=LISTENER_63, datagram=DATAGRAM_63, indirect=True
    ),
    14393: NetworkLayout(
        connection=_connection(600, 616), listener=LISTENER_10, datagram=DATAGRAM_10, indirect=False
    ),
    17763: NetworkLayout(
        connection=_connection(712, 728), listener=LISTENER_10, datagram=DATAGRAM_10, indirect=False
    ),
    20348: NetworkLayout(
        connection=_connection(752, 776), listener=LISTENER_10, datagram=DATAGRAM_20348, indirect=False
    ),
}
STATES: Mapping[str, int] = {
    "CLOSED": 0,
    "LISTENING": 1,
    "SYN_SENT": 2,
    "ESTABLISHED": 4,
    "CLOSE_WAIT": 7,
    "TIME_WAIT": 12,
}
