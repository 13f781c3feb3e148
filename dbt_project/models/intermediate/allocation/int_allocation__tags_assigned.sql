-- What resource_owners says of each set of tags and cost categories on the bill, by day: the one row that assigns it.
-- A named value beats one nobody names, a tag beats a cost category, then the smaller text. A value of a key that the
-- catalog assigns by, but that nobody is named for, assigns to nobody: it must be seen. Sets without such a key have no row.
with

lines as (
    select billing_period, charge_date, tags, cost_categories from {{ ref('stg_aws_cur__line_items') }}
    union all
    select billing_period, charge_date, tags, cast(null as varchar) as cost_categories
    from {{ ref('stg_focus__line_items') }}
),

owners as (
    select * from {{ ref('stg_catalog__resource_owners') }}
    where resource_kind in {{ tag_kinds() }}
),

-- The key ends at the first `=`.
assigning_keys as (
    select distinct resource_kind, split_part(resource_id, '=', 1) as tag_key, valid_from, valid_to
    from owners
),

change_dates as (
    select valid_from as change_date from assigning_keys
    union
    select valid_to as change_date from assigning_keys
),

any_key as (
    select count(*) as key_count from assigning_keys
),

-- One pass over the tags of the lines, and none where the catalog assigns nothing by them: the join is empty then.
tag_sets as (
    select
        lines.billing_period,
        coalesce(lines.tags, '') as tags,
        coalesce(lines.cost_categories, '') as cost_categories,
        min(lines.charge_date) as first_date,
        max(lines.charge_date) as last_date
    from lines
    inner join any_key
        on any_key.key_count > 0
    where lines.tags is not null or lines.cost_categories is not null
    group by all
),

key_names as (
    select distinct resource_kind, tag_key from assigning_keys
),

looked_up as (
    select
        tag_sets.*,
        key_names.resource_kind,
        key_names.tag_key,
        {{ json_text(
            "nullif(case key_names.resource_kind when 'aws_tag' then tag_sets.tags else tag_sets.cost_categories end, '')",
            'key_names.tag_key'
        ) }} as tag_value
    from tag_sets
    cross join key_names
),

valued as (
    select *, tag_key || '=' || tag_value as resource_id from looked_up
    where tag_value <> ''
),

stretch_starts as (
    select billing_period, tags, cost_categories, first_date as valid_from from valued
    union
    select valued.billing_period, valued.tags, valued.cost_categories, change_dates.change_date as valid_from
    from valued
    inner join change_dates
        on valued.first_date < change_dates.change_date
        and valued.last_date >= change_dates.change_date
),

stretches as (
    select
        *,
        coalesce(
            lead(valid_from) over (partition by billing_period, tags, cost_categories order by valid_from),
            cast('9999-12-31' as date)
        ) as valid_to
    from stretch_starts
),

assigned as (
    select
        stretches.billing_period,
        stretches.tags,
        stretches.cost_categories,
        stretches.valid_from,
        stretches.valid_to,
        valued.resource_kind || ':' || valued.resource_id as assigned_by,
        owners.party_id
    from stretches
    inner join valued
        on stretches.billing_period = valued.billing_period
        and stretches.tags = valued.tags
        and stretches.cost_categories = valued.cost_categories
    inner join assigning_keys
        on valued.resource_kind = assigning_keys.resource_kind
        and valued.tag_key = assigning_keys.tag_key
        and {{ valid_on('assigning_keys', 'stretches.valid_from') }}
    left join owners
        on valued.resource_kind = owners.resource_kind
        and valued.resource_id = owners.resource_id
        and {{ valid_on('owners', 'stretches.valid_from') }}
    qualify
        row_number() over (
            partition by stretches.billing_period, stretches.tags, stretches.cost_categories, stretches.valid_from
            order by
                case when owners.party_id is null then 1 else 0 end,
                case valued.resource_kind when 'aws_tag' then 0 else 1 end,
                valued.resource_id,
                owners.party_id
        ) = 1
)

select * from assigned
