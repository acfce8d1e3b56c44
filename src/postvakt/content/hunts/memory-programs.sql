-- title: Programs in memory that few servers run
-- about: A path that one server of many runs is worth a look; on one server alone, what its rarest programs are.
-- columns: program, servers, processes, example_host, example_command, first
select lower(p."Image") as program, count(distinct h.host) as servers, count(*) as processes,
       min(h.host) as example_host, min(p."CommandLine") as example_command, min(p.created) as first
from mem_process p left join hosts h using (evidence, source)
where p."Image" is not null
group by all
order by servers, processes, program
