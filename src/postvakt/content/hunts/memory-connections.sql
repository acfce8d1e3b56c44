-- title: Connections in memory, by program and the other side's address
-- about: The web server waits for others; what it opened itself, and what cmd.exe or rundll32.exe has, is rare.
-- columns: host, program, pid, protocol, remote, port, state, connections, first, last
select h.host, n."Image" as program, n."ProcessId" as pid, n."Protocol" as protocol, n."DestinationIp" as remote,
       n."DestinationPort" as port, n.state, count(*) as connections, min(n.time) as first, max(n.time) as last
from mem_netconn n left join hosts h using (evidence, source)
where n."DestinationIp" is not null
group by all
order by h.host, connections, program, remote, port, pid
