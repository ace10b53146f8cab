-- The sections without a pass: `regenerate-sections` writes them for a user whom no pass has, and leaves the state of the
-- pass alone.

-- Writes sections, and keeps a version when something has changed. A column that p_sections does not name stays.
create or replace function public.full_pass_write_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text
) returns void language plpgsql set search_path = '' as $$
declare
    v_was jsonb := public.full_pass_stored_sections(p_user_id);
    v_now jsonb;
begin
    update public.user_profiles set
        soul_md = case when p_sections ? 'soul_md' then p_sections ->> 'soul_md' else soul_md end,
        identity_md = case when p_sections ? 'identity_md' then p_sections ->> 'identity_md' else identity_md end,
        user_md = case when p_sections ? 'user_md' then p_sections ->> 'user_md' else user_md end,
        agents_md = case when p_sections ? 'agents_md' then p_sections ->> 'agents_md' else agents_md end,
        tools_md = case when p_sections ? 'tools_md' then p_sections ->> 'tools_md' else tools_md end,
        soulprint_text = p_soulprint_text
    where user_id = p_user_id;
    v_now := public.full_pass_stored_sections(p_user_id);
    if v_now = v_was then
        return;
    end if;
    if jsonb_strip_nulls(v_was) <> '{}' and not exists (
        select from public.memory_versions where user_id = p_user_id and kind = 'sections')
    then
        perform public.full_pass_add_version(p_user_id, null, 'sections', null, null, v_was);
    end if;
    perform public.full_pass_add_version(p_user_id, p_run_id, 'sections', null, null, v_now);
end $$;

-- By the run that owns the user.
create or replace function public.full_pass_save_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text
) returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    perform public.full_pass_write_sections(p_user_id, p_run_id, p_sections, p_soulprint_text);
end $$;

-- By a run that owns nobody. p_owner: the run that the row named when MEMORY was read from it as p_memory_md. Raises
-- FP001 when a pass has had the user since, or has them now. Returns false, and writes nothing, when MEMORY is another by
-- now: what the person has forgotten may stand in the sections.
create or replace function public.full_pass_save_regenerated_sections(
    p_user_id uuid, p_run_id text, p_owner text, p_memory_md text, p_sections jsonb, p_soulprint_text text
) returns boolean language plpgsql set search_path = '' as $$
declare
    v_row record;
begin
    select full_pass_run_id, full_pass_status, memory_md into v_row
        from public.user_profiles where user_id = p_user_id for update;
    if not found or v_row.full_pass_run_id is distinct from p_owner or v_row.full_pass_status = 'processing' then
        raise exception using errcode = 'FP001', message = 'a full pass has the user, or has had them since',
            detail = coalesce(v_row.full_pass_run_id, 'no run');
    end if;
    if v_row.memory_md is distinct from p_memory_md then
        return false;
    end if;
    perform public.full_pass_write_sections(p_user_id, p_run_id, p_sections, p_soulprint_text);
    return true;
end $$;

-- Adds what a regeneration has cost: import_cost_json.regenerations has the sums of those since the last pass began.
create or replace function public.full_pass_add_regeneration_cost(p_user_id uuid, p_cost jsonb)
returns void language sql set search_path = '' as $$
    update public.user_profiles
    set import_cost_json = coalesce(import_cost_json, '{}') || jsonb_build_object('regenerations',
        public.full_pass_cost_of_runs(jsonb_build_object(
            'total', p_cost -> 'total', 'earlier_runs', import_cost_json -> 'regenerations')))
    where user_id = p_user_id;
$$;

-- As before, and what regenerations have cost stays beside it.
create or replace function public.full_pass_save_cost(p_user_id uuid, p_run_id text, p_cost jsonb)
returns void language sql set search_path = '' as $$
    update public.user_profiles
    set import_cost_json = p_cost || jsonb_build_object('earlier_runs', import_cost_json -> 'earlier_runs')
        || jsonb_strip_nulls(jsonb_build_object('regenerations', import_cost_json -> 'regenerations'))
    where user_id = p_user_id and full_pass_run_id = p_run_id;
$$;

call public.full_pass_publish_functions();
