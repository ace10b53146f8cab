-- What the runs of a user have cost. Like every function of the full pass these run with the caller's rights.

-- What the run has cost so far; written by the owner also after it has failed. Beside it stays, as earlier_runs, what
-- the failed runs before it have cost.
create or replace function public.full_pass_save_cost(p_user_id uuid, p_run_id text, p_cost jsonb)
returns void language sql set search_path = '' as $$
    update public.user_profiles
    set import_cost_json = p_cost || jsonb_build_object('earlier_runs', import_cost_json -> 'earlier_runs')
    where user_id = p_user_id and full_pass_run_id = p_run_id;
$$;

-- The sums of {"total": sums, "earlier_runs": sums|null}, each of the numbers in them; null where one is unknown.
create or replace function public.full_pass_cost_of_runs(p_cost jsonb)
returns jsonb language sql immutable set search_path = '' as $$
    select jsonb_object_agg(key, total) from (
        select key, case when bool_or(value = 'null'::jsonb) then null else sum((value #>> '{}')::numeric) end as total
        from (select p_cost -> 'total' as sums union all select p_cost -> 'earlier_runs') as runs,
             jsonb_each(case when jsonb_typeof(sums) = 'object' then sums else '{}'::jsonb end)
        group by key
    ) as summed;
$$;

call public.full_pass_publish_functions();
