-- One row per account with its owner.
select
    account_id as account,
    vendor,
    payer_account_id as payer,
    party_id,
    coalesce(parties.name, party_id) as owner,
    coalesce(party_id = (select party_id from site_party), false) as is_own,
    account_id || ' ' || coalesce(parties.name, party_id) as label
from dim_account as accounts
left join dim_party as parties using (party_id)
order by label
