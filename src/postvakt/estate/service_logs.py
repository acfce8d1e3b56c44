"""Logs of Exchange's services of a synthetic server: web services, cmdlets over remote PowerShell, messages."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, operators, traffic
from postvakt.estate.deeds import MailRead
from postvakt.estate.people import NETBIOS, OPERATOR, USERS, machine
from postvakt.estate.placed import Made
from postvakt.estate.plans import DOMAIN, ServerPlan
from postvakt.estate.text_log import Line, daily, exchange_header, hours, stamp

EWS_HEADER = (
    "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,AuthenticationType,"
    "IsAuthenticated,AuthenticatedUser,Organization,UserAgent,VersionInfo,ClientIpAddress,ServerHostName,"
    "FrontEndServer,SoapAction,HttpStatus,RequestSize,ResponseSize,ErrorCode,ImpersonatedUser,ProxyAsUser,ActAsUser,"
    "Cookie,CorrelationGuid,TotalRequestTime,GenericInfo,AuthenticationErrors,GenericErrors"
)
CMDLET_HEADER = (
    "DateTime,StartTime,RequestId,ClientRequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,"
    "ServerHostName,ProcessId,ProcessName,ThreadId,CultureInfo,Organization,AuthenticatedUser,ExecutingUserSid,"
    "IsAdmin,ClientApplication,Cmdlet,Parameters,TotalTime,ErrorType,ExecutionResult,GenericInfo,GenericErrors"
)
MESSAGE_HEADER = (
    "date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,"
    "internal-message-id,message-id,network-message-id,recipient-address,recipient-status,total-bytes,recipient-count,"
    "related-recipient-address,reference,message-subject,sender-address,return-path,message-info,directionality,"
    "tenant-id,original-client-ip,original-server-ip,custom-data"
)
EWS_FIELDS = EWS_HEADER.split(",")
CMDLET_FIELDS = CMDLET_HEADER.split(",")
MESSAGE_FIELDS = MESSAGE_HEADER.split(",")
ACTIONS = ("GetFolder", "FindItem", "GetItem", "SyncFolderItems", "GetUserAvailability")


def service_logs(server: ServerPlan) -> Iterator[Made]:
    """Yield the files of all three. Exchange 2010 has the messages' alone."""
    exchange = server.machine.exchange
    if server.machine.release.has_front_end_proxy:
        yield from daily(
            server,
            _web_services(server),
            path=lambda day: f"{exchange}/Logging/Ews/Ews_{day:%Y%m%d}00-1.LOG",
            header=lambda day: exchange_header("EWS Logs", day, EWS_FIELDS, server.build_at(day)),
        )
        folder = f"{exchange}/Logging/CmdletInfra/Powershell-Proxy/Cmdlet"
        yield from daily(
            server,
            _cmdlets(server),
            path=lambda day: f"{folder}/Rps_Cmdlet_{day:%Y%m%d}00-1.LOG",
            header=lambda day: exchange_header("Rps Cmdlet Logs", day, CMDLET_FIELDS, server.build_at(day)),
        )
    yield from daily(
        server,
        _messages(server),
        path=lambda day: f"{exchange}/TransportRoles/Logs/MessageTracking/MSGTRK{day:%Y%m%d}00-1.LOG",
        header=lambda day: exchange_header("Message Tracking Log", day, MESSAGE_FIELDS, server.build_at(day)),
    )


def _text(fields: list[str], row: dict[str, object]) -> str:
    return ",".join([_quoted(str(row.get(name, ""))) for name in fields])


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if "," in value or '"' in value else value


def _head(server: ServerPlan, instant: datetime) -> dict[str, object]:
    major, minor, build, revision = server.build_at(instant)
    return {
        "DateTime": stamp(instant),
        "MajorVersion": major,
        "MinorVersion": minor,
        "BuildVersion": build,
        "RevisionVersion": revision,
        "ServerHostName": server.name,
    }


def _web_services(server: ServerPlan) -> Iterator[Line]:
    dice = server.random("web services")
    for visit in traffic.ordinary(server):
        if visit.protocol == "Ews" and visit.account is not None:
            row = {
                **_head(server, visit.time),
                "RequestId": visit.request,
                "AuthenticationType": visit.authentication,
                "IsAuthenticated": "true",
                "AuthenticatedUser": f"{NETBIOS}\\{visit.account.name}",
                "UserAgent": visit.agent,
                "ClientIpAddress": visit.client,
                "FrontEndServer": server.name,
                "SoapAction": dice.choice(ACTIONS),
                "HttpStatus": 200,
                "ActAsUser": f"{visit.account.name}@{DOMAIN}",
                "TotalRequestTime": dice.randrange(3, 90),
            }
            yield Line(visit.time, _text(EWS_FIELDS, row))
    for read in attack.mail_reads(server):
        yield _mail_read(server, read, dice)


def _mail_read(server: ServerPlan, read: MailRead, dice: random.Random) -> Line:
    row = {
        **_head(server, read.time),
        "RequestId": uuid.UUID(int=dice.getrandbits(128), version=4),
        "AuthenticationType": "Kerberos",
        "IsAuthenticated": "true",
        "AuthenticatedUser": f"{NETBIOS}\\{machine(server).name}",
        "UserAgent": attack.AGENTS[1],
        "ClientIpAddress": server.address,
        "FrontEndServer": server.name,
        "SoapAction": read.action,
        "HttpStatus": 200,
        "ActAsUser": read.reader,
        "TotalRequestTime": dice.randrange(3, 90),
    }
    return Line(read.time, _text(EWS_FIELDS, row), read.trace("ews"))


def _cmdlets(server: ServerPlan) -> Iterator[Line]:
    """An administrator's cmdlets, and what the console asks by itself every six hours."""
    for hour in hours(server):
        if hour.hour % 6 == 0:
            yield _cmdlet(
                server, hour + timedelta(minutes=17), "Get-ExchangeServer", f'-Identity "{server.name}"'
            )
    for one in operators.cmdlets(server):
        if one.panel is None:
            yield _cmdlet(server, one.time, one.cmdlet, one.parameters)


def _cmdlet(server: ServerPlan, instant: datetime, name: str, parameters: str) -> Line:
    row = {
        **_head(server, instant),
        "StartTime": stamp(instant - timedelta(seconds=1)),
        "RequestId": uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {stamp(instant)} {name}"),
        "ProcessId": 7344,
        "ProcessName": "w3wp#MSExchangePowerShellAppPool",
        "ThreadId": 41,
        "CultureInfo": server.machine.language.locale,
        "AuthenticatedUser": f"{NETBIOS}\\{OPERATOR.name}",
        "ExecutingUserSid": OPERATOR.sid,
        "IsAdmin": "True",
        "ClientApplication": "ManagementShell",
        "Cmdlet": name,
        "Parameters": parameters,
        "TotalTime": 141,
        "ExecutionResult": "Success",
    }
    return Line(instant, _text(CMDLET_FIELDS, row))


def _messages(server: ServerPlan) -> Iterator[Line]:
    dice = server.random("messages")
    for hour in hours(server):
        count = dice.randrange(4, 9) if hour.hour in traffic.OFFICE_HOURS else 1
        for _ in range(count):
            instant = hour + timedelta(seconds=dice.randrange(0, 3600))
            sender, recipient = dice.sample(USERS, 2)
            row = {
                "date-time": stamp(instant),
                "client-ip": server.address,
                "client-hostname": server.fqdn,
                "server-ip": server.address,
                "server-hostname": server.name,
                "connector-id": f"{server.name}\\Default {server.name}",
                "source": "SMTP",
                "event-id": "RECEIVE",
                "internal-message-id": dice.randrange(10_000, 9_000_000),
                "message-id": f"<{uuid.UUID(int=dice.getrandbits(128), version=4)}@{DOMAIN}>",
                "recipient-address": f"{recipient.name}@{DOMAIN}",
                "total-bytes": dice.randrange(2_000, 90_000),
                "recipient-count": 1,
                "message-subject": "Minutes",
                "sender-address": f"{sender.name}@{DOMAIN}",
                "return-path": f"{sender.name}@{DOMAIN}",
                "directionality": "Originating",
            }
            yield Line(instant, _text(MESSAGE_FIELDS, row))
