"""A server at work: everything that ordinary days leave in its logs."""

from datetime import datetime, timedelta

from tests.strangers import days, events, logs, pages, web
from tests.strangers.ground import Gathered, Server
from tests.strangers.hives import hives

SHELLS_OF_OTHERS = (
    "/aspnet_client/shell.aspx",
    "/owa/auth/RedirSuiteServerProxy.aspx",
    "/aspnet_client/discover.aspx",
    "/owa/auth/errorEE.aspx",
)


def working(
    server: Server,
    *,
    audited: bool = True,
    sysmon: bool = False,
    with_hives: bool = True,
    with_pages: bool = True,
    exchange_logs: bool = True,
) -> Gathered:
    """Return the gathered evidence of an ordinary server."""
    gathered = Gathered(server)
    days.ordinary(gathered)
    events.quiet(gathered, audited=audited, sysmon=sysmon)
    if exchange_logs:
        logs.quiet(gathered)
    else:
        gathered.proxy.clear()
    if with_pages:
        pages.product(gathered, server.begins - timedelta(days=60))
    if with_hives:
        hives(gathered, server.begins - timedelta(days=60))
    return gathered


def looked_for(gathered: Gathered, when: datetime, client: str) -> None:
    """Someone asks for shells that others may have left; none is there."""
    for number, stem in enumerate(SHELLS_OF_OTHERS):
        web.direct(
            gathered,
            when + timedelta(seconds=number),
            stem,
            client=client,
            agent="Mozilla/5.0 (compatible)",
            status=404,
        )
