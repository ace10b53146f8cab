-- What the full pass owns, users cannot write, whatever policies and rights the app gives them, now or later. Rights and
-- row level security are the first line; behind them stand triggers, because a policy such as "users can update their
-- own profile" has no limit on columns, `grant all on all tables` is given in passing, and TRUNCATE knows no rows. May
-- write: service_role, and whoever is the owner of the table, so also the app's own functions with the owner's rights.

-- Before a statement on a table of the full pass, and before TRUNCATE of one of the app's.
create or replace function public.full_pass_guard_table()
returns trigger language plpgsql set search_path = '' as $$
begin
    if current_user <> 'service_role'
        and not pg_has_role(current_user, (select relowner from pg_catalog.pg_class where oid = tg_relid), 'usage')
    then
        raise exception using errcode = 'insufficient_privilege',
            message = format('%s on %s is for the full pass only', tg_op, tg_table_name);
    end if;
    return null;
end $$;

-- After a row of user_profiles was written: the app's other triggers can no longer change it. A user may make the own
-- row, as one of which nothing is known yet.
create or replace function public.full_pass_guard_profile()
returns trigger language plpgsql set search_path = '' as $$
declare
    v_old jsonb := to_jsonb(old);
    v_column text;
begin
    if pg_has_role(current_user, (select relowner from pg_catalog.pg_class where oid = tg_relid), 'usage') then
        return null;
    end if;
    select key into v_column from jsonb_each(to_jsonb(new)) where case
        when tg_op = 'UPDATE' then
            (key like 'full\_pass\_%' or key in ('user_id', 'progress_percent', 'import_stage', 'import_cost_json'))
            and value is distinct from v_old -> key
        when key = 'full_pass_status' then value in ('"processing"', '"complete"', '"failed"')
        else key like 'full\_pass\_%' and value not in ('null', '0')
    end limit 1;
    if found then
        raise exception using errcode = 'insufficient_privilege',
            message = format('%s.%s is written by the full pass only', tg_table_name, v_column),
            hint = 'Leave the column out of the change.';
    end if;
    return null;
end $$;

-- After a row of conversation_chunks was written. A row without chunk_key is the app's, and so are columns of its own.
create or replace function public.full_pass_guard_chunk()
returns trigger language plpgsql set search_path = '' as $$
declare
    v_old jsonb := to_jsonb(old);
    v_column text;
begin
    if old.chunk_key is null and new.chunk_key is null
        or pg_has_role(current_user, (select relowner from pg_catalog.pg_class where oid = tg_relid), 'usage')
    then
        return null;
    end if;
    select key into v_column from jsonb_each(to_jsonb(new))
        where key in ('user_id', 'chunk_key', 'content', 'chunk_tier', 'conversation_id', 'title', 'position',
                'first_message', 'last_message', 'message_count', 'token_count', 'is_recent', 'created_at')
            and value is distinct from v_old -> key
        limit 1;
    if found then
        raise exception using errcode = 'insufficient_privilege',
            message = format('%s.%s of a chunk of the full pass is written by the full pass only',
                tg_table_name, v_column),
            hint = 'Leave the column out of the change.';
    end if;
    return null;
end $$;

-- The condition is the cheap way out for the rows that the full pass writes by the thousand.
create or replace trigger full_pass_guard after insert or update on public.user_profiles
    for each row when (current_user <> 'service_role') execute function public.full_pass_guard_profile();
create or replace trigger full_pass_guard after insert or update on public.conversation_chunks
    for each row when (current_user <> 'service_role') execute function public.full_pass_guard_chunk();

create or replace trigger full_pass_guard_truncate before truncate on public.user_profiles
    for each statement execute function public.full_pass_guard_table();
create or replace trigger full_pass_guard_truncate before truncate on public.conversation_chunks
    for each statement execute function public.full_pass_guard_table();

create or replace trigger full_pass_guard before insert or update or delete or truncate on public.chunk_facts
    for each statement execute function public.full_pass_guard_table();
create or replace trigger full_pass_guard before insert or update or delete or truncate on public.extraction_batches
    for each statement execute function public.full_pass_guard_table();
create or replace trigger full_pass_guard before insert or update or delete or truncate on public.model_replies
    for each statement execute function public.full_pass_guard_table();
create or replace trigger full_pass_guard before insert or update or delete or truncate on public.model_pauses
    for each statement execute function public.full_pass_guard_table();

-- A Supabase project gives anon and authenticated every right on a new table. On the tables of the full pass they get
-- none but to read facts; on those that are the app's as well, stays what an app may use over the API.
revoke all on public.chunk_facts, public.extraction_batches, public.model_replies, public.model_pauses
    from public, anon, authenticated;
grant select on public.chunk_facts to authenticated;
revoke truncate, references, trigger on public.user_profiles, public.conversation_chunks
    from public, anon, authenticated;
do $$
declare
    v_table name;
begin
    foreach v_table in array '{user_profiles, conversation_chunks}'::name[] loop
        if current_setting('server_version_num')::integer >= 170000 then
            execute format('revoke maintain on public.%I from public, anon, authenticated', v_table);
        end if;
        -- Strangers have nothing to read, unless a policy of the app means them.
        continue when exists (
            select from pg_catalog.pg_policies
            where schemaname = 'public' and tablename = v_table and roles && '{public, anon}'::name[]);
        execute format('revoke all on public.%I from public, anon', v_table);
    end loop;
end $$;

call public.full_pass_publish_functions();
