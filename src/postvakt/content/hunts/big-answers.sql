-- title: The largest answers to one address
-- about: Mail and files leave by the web server too. Bytes sent by path and address, the most first.
-- columns: host, ip, path, requests, bytes_out, first, last
select host, ip, lower(path) as path, count(*) as requests, sum(bytes_out) as bytes_out, min(time) as first, max(time) as last
from web
where bytes_out is not null
group by host, ip, lower(path)
having sum(bytes_out) > 0
order by bytes_out desc, host, ip, path
limit 500
