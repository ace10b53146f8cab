-- Everything that the full pass knows of one person: given out, or erased.

-- The key of a user's hashes, which nobody reads: not to be given out, but to be erased.
grant select (user_id), delete on public.memory_secrets to service_role;

-- The tables with rows of users, that of the profiles first and that of the chunks last: whoever has no profile gets no
-- run any more, and no run writes for them.
create or replace function public.full_pass_tables_of_users()
returns text[] language sql stable set search_path = '' as $$
    select array_agg(c.relname::text order by c.relname <> 'user_profiles', c.relname = 'conversation_chunks', c.relname)
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relname <> 'memory_secrets' and exists (
        select from pg_catalog.pg_trigger as t where t.tgrelid = c.oid and t.tgname = 'full_pass_guard');
$$;

-- Nothing of what waits for the user is started any more. Returns how many deliveries there were.
create or replace function public.full_pass_withdraw(p_user_id uuid)
returns integer language plpgsql set search_path = '' as $$
declare
    v_deliveries integer;
begin
    update public.user_profiles set full_pass_next_retry_at = null where user_id = p_user_id;
    delete from public.full_pass_deliveries where user_id = p_user_id;
    get diagnostics v_deliveries = row_count;
    return v_deliveries;
end $$;

-- Deletes rows of the user, p_most at a time, so that no statement takes longer than it may: to be called until there are
-- none. Returns {table: rows}, without tables that had none.
create or replace function public.full_pass_erase(p_user_id uuid, p_most integer default 2000)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_table text;
    v_rows integer;
    v_left integer := p_most;
    v_erased jsonb := '{}';
begin
    foreach v_table in array public.full_pass_tables_of_users() loop
        execute format('delete from public.%1$I where ctid = any (array('
            'select ctid from public.%1$I where user_id = $1 limit $2 for update))', v_table) using p_user_id, v_left;
        get diagnostics v_rows = row_count;
        if v_rows > 0 then
            v_erased := v_erased || jsonb_build_object(v_table, v_rows);
        end if;
        v_left := v_left - v_rows;
        exit when v_left <= 0;
    end loop;
    if v_left > 0 then
        delete from public.memory_secrets where user_id = p_user_id;
    end if;
    return v_erased;
end $$;

-- The user's rows of a table in the order of its primary key, p_most at a time: those after the row p_after. Without a
-- primary key all of them at once. A column `user_id` stands in none.
create or replace function public.full_pass_export(
    p_user_id uuid, p_table text, p_after jsonb default null, p_most integer default 500
) returns jsonb language plpgsql stable set search_path = '' as $$
declare
    v_key text;
    v_rows jsonb;
begin
    if not p_table = any (public.full_pass_tables_of_users()) then
        raise exception 'public.% holds nothing of the full pass about users', p_table using errcode = 'undefined_table';
    end if;
    select string_agg(format('t.%I', a.attname), ', ' order by k.place) into v_key
    from pg_catalog.pg_index as i, unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
    join pg_catalog.pg_attribute as a on a.attnum = k.attnum
    where i.indrelid = format('public.%I', p_table)::regclass and i.indisprimary and a.attrelid = i.indrelid
        and a.attname <> 'user_id';
    if v_key is null then
        if p_after is not null then
            return '[]';
        end if;
        execute format('select coalesce(jsonb_agg(to_jsonb(t) - ''user_id''), ''[]'') from public.%I as t'
            ' where t.user_id = $1', p_table) into v_rows using p_user_id;
        return v_rows;
    end if;
    execute format('select coalesce(jsonb_agg(page.row), ''[]'') from ('
        'select to_jsonb(t) - ''user_id'' as row from public.%1$I as t where t.user_id = $1 and ($2 is null or (%2$s) > ('
        'select %2$s from jsonb_populate_record(null::public.%1$I, $2) as t)) order by %2$s limit $3) as page',
        p_table, v_key) into v_rows using p_user_id, p_after, p_most;
    return v_rows;
end $$;

call public.full_pass_publish_functions();
