-- The chunks of an export.

-- Makes full_pass_save_chunks for chunks of these columns, beside chunk_key and content. One more is `alter table … add
-- column`, a call of this with a list that is longer by it, and a field of the objects that the flow sends. The function
-- is made, and does not make its statement at each call, because a statement that is not planned yet copies its
-- arguments several times, and p_chunks is large.
create or replace procedure public.full_pass_define_save_chunks(p_columns text[])
language plpgsql set search_path = '' as $define$
declare
    v_columns text;
    v_given text;
    v_stored text;
    v_excluded text;
begin
    select
        string_agg(format('%I', name), ', '),
        string_agg(
            -- Null is no date in an older schema.
            format(case name when 'created_at' then 'coalesce(given.%I, ''epoch'')' else 'given.%I' end, name), ', '),
        string_agg(format('stored.%I', name), ', '),
        string_agg(format('excluded.%I', name), ', ')
    into v_columns, v_given, v_stored, v_excluded
    from unnest(p_columns) as name;
    execute format($create$
-- Inserts chunks, or brings the row of the same chunk_key up to date; an unchanged row is not touched, so that what
-- other systems hang on it (embeddings) stays valid. p_chunks: array of objects with columns of the table; others than
-- the flow's are ignored. Returns how many rows were written.
create or replace function public.full_pass_save_chunks(p_user_id uuid, p_run_id text, p_chunks jsonb)
returns integer language plpgsql set search_path = '' as $function$
declare
    v_written integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    insert into public.conversation_chunks (user_id, chunk_tier, chunk_key, content, %1$s)
    select distinct on (chunk_key) p_user_id, 'medium', chunk_key, content, %2$s
    from jsonb_populate_recordset(null::public.conversation_chunks, p_chunks) as given
    -- Not left to `on conflict … where`, which locks, and so writes, also the rows that it then leaves as they are. The
    -- text is not compared: chunk_key is its hash.
    where (
        select (%3$s) is not distinct from (%2$s) from public.conversation_chunks as stored
        where stored.user_id = p_user_id and stored.chunk_key = given.chunk_key
    ) is not true
    on conflict (user_id, chunk_key) do update set (%1$s) = row (%4$s);
    get diagnostics v_written = row_count;
    return v_written;
end $function$
    $create$, v_columns, v_given, v_stored, v_excluded);
end $define$;

call public.full_pass_define_save_chunks('{
    conversation_id, title, position, first_message, last_message, message_count, token_count, is_recent, created_at
}');

-- Deletes the user's chunks named by p_chunk_keys with their facts, and the rows older than the full pass, which have
-- no key. Returns how many chunks.
create or replace function public.full_pass_prune_chunks(p_user_id uuid, p_run_id text, p_chunk_keys text[])
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    delete from public.conversation_chunks
        where user_id = p_user_id and (chunk_key is null or chunk_key = any (p_chunk_keys));
    get diagnostics v_deleted = row_count;
    delete from public.chunk_facts where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    return v_deleted;
end $$;

call public.full_pass_publish_functions();
