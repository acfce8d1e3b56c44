-- title: Logons of an account from an address that is rare for it
-- about: Network and remote-desktop logons by account and address, the rarest pair first.
-- columns: host, account, address, logons, first, last
select host, account, address, count(*) as logons, min(time) as first, max(time) as last
from (
    select h.host, e.time,
           list_filter(e."EventData", lambda p: p.name = 'TargetUserName')[1].value as account,
           list_filter(e."EventData", lambda p: p.name = 'IpAddress')[1].value as address,
           list_filter(e."EventData", lambda p: p.name = 'LogonType')[1].value as kind
    from event e left join hosts h using (evidence, source)
    where e."EventID" = 4624 and e."Channel" = 'Security'
)
where kind in ('3', '10') and coalesce(address, '-') != '-' and account not like '%$'
group by host, account, address
order by logons, host, account, address
