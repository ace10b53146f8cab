-- A run that was told to go goes on as the same run: it is the same attempt, which began when it first did, and what it
-- has cost before is not forgotten.

create or replace function public.full_pass_claim(
    p_user_id uuid, p_run_id text, p_parameters jsonb, p_replaces text default null
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_row record;
    v_attempts integer;
begin
    select full_pass_status, full_pass_run_id into v_row
        from public.user_profiles where user_id = p_user_id for update;
    if not found then
        return jsonb_build_object('found', false, 'claimed', false, 'owner', null);
    end if;
    if v_row.full_pass_status = 'processing'
        and v_row.full_pass_run_id is distinct from p_run_id
        and v_row.full_pass_run_id is distinct from p_replaces
    then
        return jsonb_build_object('found', true, 'claimed', false, 'owner', v_row.full_pass_run_id);
    end if;
    update public.user_profiles set
        full_pass_status = 'processing',
        full_pass_started_at = case
            when full_pass_run_id = p_run_id and full_pass_status = 'processing' then coalesce(full_pass_started_at, now())
            else now()
        end,
        full_pass_error = null,
        -- What failed runs before this one have cost is not forgotten, nor what it has itself.
        import_cost_json = case
            when full_pass_status = 'complete' and full_pass_run_id is distinct from p_run_id then null
            else jsonb_build_object('earlier_runs', public.full_pass_cost_of_runs(import_cost_json))
        end,
        full_pass_attempts = case
            when full_pass_run_id = p_run_id
                then coalesce(full_pass_attempts, 0) + (full_pass_status is distinct from 'processing')::integer
            when full_pass_status = 'complete' then 1
            -- Another export is another matter.
            when (full_pass_parameters ->> 'delivery_id', full_pass_parameters ->> 'storage_path')
                is distinct from (p_parameters ->> 'delivery_id', p_parameters ->> 'storage_path') then 1
            else full_pass_attempts + 1
        end,
        full_pass_run_id = p_run_id,
        full_pass_parameters = p_parameters,
        full_pass_next_retry_at = null,
        progress_percent = 0,
        import_stage = 'download_conversations'
    where user_id = p_user_id
    returning full_pass_attempts into v_attempts;
    return jsonb_build_object('found', true, 'claimed', true, 'owner', p_run_id, 'attempts', v_attempts);
end $$;

call public.full_pass_publish_functions();
