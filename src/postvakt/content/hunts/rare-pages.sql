-- title: Pages that few addresses asked for
-- about: A web shell is asked for by its owner and by hardly anybody else. Pages answered with 2xx to one or two addresses, POST first.
-- columns: host, path, methods, addresses, requests, bytes_out, first, last
select host, lower(path) as path, string_agg(distinct method, ', ' order by method) as methods,
       count(distinct ip) as addresses, count(*) as requests, sum(bytes_out) as bytes_out,
       min(time) as first, max(time) as last
from web
where status between 200 and 299 and regexp_matches(lower(path), '\.(aspx?|ashx|asmx|svc|js)$')
group by host, lower(path)
having count(distinct ip) <= 2
order by bool_or(method = 'POST') desc, addresses, requests desc, host, path
