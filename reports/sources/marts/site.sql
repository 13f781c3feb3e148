-- One row whatever the data: whose site this is.
select
    party_id,
    coalesce(parties.name, party_id, 'All parties') as title
from site_party
left join dim_party as parties using (party_id)
