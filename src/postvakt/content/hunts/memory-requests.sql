-- title: Requests, cookies and script in memory, by whose memory they stand in
-- about: What came to w3wp.exe as a request stands in its memory for a while, also where the log was wiped.
-- columns: host, kind, process, pid, text, pieces, physical, source
select h.host, c.kind, c.process, c.pid, c.text, count(*) as pieces, min(c.physical) as physical, c.source
from mem_carved c left join hosts h using (evidence, source)
where c.kind in ('http_request', 'cookie', 'script', 'command_line')
group by all
order by h.host, c.kind, pieces desc, physical, c.text
