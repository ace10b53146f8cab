-- When each turn of a chunk was said: a conversation can go on for months. And what the flow knows of a chunk is named in
-- one place from now on.

alter table public.conversation_chunks
    -- For each of turns; null where the export does not tell, and for all in rows from before it was kept.
    add column if not exists turn_times timestamptz[],
    -- [[first character of content, end, kind], …]: what is left of secrets that the chunk's ends cut in two; null in
    -- rows from before it was kept.
    add column if not exists cut_secrets jsonb;

-- The columns of a chunk that the flow sends, beside chunk_key and content.
create or replace function public.full_pass_chunk_columns()
returns text[] language sql immutable set search_path = '' as $$
    select '{
        conversation_id, title, position, first_message, last_message, message_count, token_count, is_recent,
        created_at, import_source, turns
    }'::text[]
$$;

-- Adds columns to that list, and makes the functions anew that have it in them: what saves chunks, and what keeps users
-- from writing them. One column more is `alter table … add column`, a call of this with its name, and a field of the
-- objects that the flow sends.
create or replace procedure public.full_pass_add_chunk_columns(p_columns text[])
language plpgsql set search_path = '' as $define$
declare
    v_known text[] := public.full_pass_chunk_columns();
    v_columns text[];
begin
    select v_known || coalesce(array_agg(name), '{}') into v_columns
        from unnest(p_columns) as name where name <> all (v_known);
    execute format($create$
create or replace function public.full_pass_chunk_columns()
returns text[] language sql immutable set search_path = '' as $function$
    select %1$L::text[]
$function$
    $create$, v_columns);
    call public.full_pass_define_save_chunks(v_columns);
    execute format($create$
-- After a row of conversation_chunks was written. A row without chunk_key is the app's, and so are columns of its own.
-- The list is within it, because users may not ask for it.
create or replace function public.full_pass_guard_chunk()
returns trigger language plpgsql set search_path = '' as $function$
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
        where key = any (%1$L::text[]) and value is distinct from v_old -> key
        limit 1;
    if found then
        raise exception using errcode = 'insufficient_privilege',
            message = format('%%s.%%s of a chunk of the full pass is written by the full pass only',
                tg_table_name, v_column),
            hint = 'Leave the column out of the change.';
    end if;
    return null;
end $function$
    $create$, array['user_id', 'chunk_key', 'content', 'chunk_tier'] || v_columns);
end $define$;

call public.full_pass_add_chunk_columns('{turn_times, cut_secrets}');

call public.full_pass_publish_functions();
