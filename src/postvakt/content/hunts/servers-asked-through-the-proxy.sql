-- title: Servers that the front end was made to ask
-- about: The front end passes requests to servers of the organisation. A target named once, or one with odd characters, may be a forged one.
-- columns: host, target, requests, addresses, paths, first, last
select host, target, count(*) as requests, count(distinct ip) as addresses, count(distinct lower(path)) as paths,
       min(time) as first, max(time) as last
from web
where log = 'http_proxy' and coalesce(target, '') != ''
group by host, target
order by requests, host, target
