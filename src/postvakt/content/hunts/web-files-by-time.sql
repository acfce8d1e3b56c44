-- title: Scripts in folders of the web server, newest first
-- about: Pages and handlers that the web server runs, by when they were written. Compare with the hours of the findings.
-- columns: host, time, seen_in, path, size, sha256
select host, time, seen_in, path, size, sha256
from files
where regexp_matches(lower(replace(path, '\', '/')), '(inetpub|httpproxy|clientaccess|frontend).*\.(aspx?|ashx|asmx|asax|config)$')
order by time desc nulls last, host, path
