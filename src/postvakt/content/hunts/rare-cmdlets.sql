-- title: Exchange cmdlets that were seldom run
-- about: Who ran which cmdlet of Exchange, the rarest first. New-MailboxExportRequest, Set-OabVirtualDirectory and the like stand out here.
-- columns: host, cmdlet, accounts, runs, first, last
select h.host, c."Cmdlet" as cmdlet, string_agg(distinct c."AuthenticatedUser", ', ' order by c."AuthenticatedUser") as accounts,
       count(*) as runs, min(c.time) as first, max(c.time) as last
from cmdlet_infra c left join hosts h using (evidence, source)
where coalesce(c."Cmdlet", '') != ''
group by h.host, c."Cmdlet"
order by runs, h.host, cmdlet
