-- Imports have a source, and an import changes only what is of its own: whoever has ChatGPT and Claude has both. What
-- models answered about a chunk outlives it for a time, because it is paid for and the chunk may come back.

alter table public.conversation_chunks
    -- Whose history: claude, or claude:0123456789abcdef where the export tells the account. Null: of an import from
    -- before sources were kept.
    add column if not exists import_source text,
    -- At which characters of content a speaker's label begins; null in rows from before it was kept, about which no
    -- model can be asked.
    add column if not exists turns integer[];

-- Since when there is no chunk for the answer; null: there is one.
alter table public.chunk_facts add column if not exists unused_since timestamptz;

-- Source → {"conversations": how many are stored, "kept": how many of them its last import lacked, and were too many to
-- be removed unasked, "imported_at"}.
alter table public.user_profiles add column if not exists full_pass_imports jsonb;

-- All chunks of a conversation in their order. Unique, as chunk_key is.
create unique index if not exists conversation_chunks_user_conversation
    on public.conversation_chunks (user_id, conversation_id, position, chunk_key);
create unique index if not exists chunk_facts_unused
    on public.chunk_facts (unused_since, user_id, prompt_version, model, chunk_key)
    where unused_since is not null;

-- What is known of conversations that are gone is no longer shown.
drop policy if exists "full pass: users read their own facts" on public.chunk_facts;
create policy "full pass: users read their own facts" on public.chunk_facts
    for select to authenticated using (user_id = (select auth.uid()) and unused_since is null);

call public.full_pass_define_save_chunks('{
    conversation_id, title, position, first_message, last_message, message_count, token_count, is_recent, created_at,
    import_source, turns
}');

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
                'first_message', 'last_message', 'message_count', 'token_count', 'is_recent', 'created_at',
                'import_source', 'turns')
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

-- Says of chunks that they are of p_source.
create or replace function public.full_pass_adopt_chunks(
    p_user_id uuid, p_run_id text, p_source text, p_chunk_keys text[]
) returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.conversation_chunks set import_source = p_source
        where user_id = p_user_id and chunk_key = any (p_chunk_keys) and import_source is distinct from p_source;
end $$;

-- Deletes the user's chunks named by p_chunk_keys, and not what models answered about them. Returns how many.
create or replace function public.full_pass_prune_chunks(p_user_id uuid, p_run_id text, p_chunk_keys text[])
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    delete from public.conversation_chunks where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;

-- After the chunks of an import are saved and pruned. Deletes rows older than the full pass, which have no key, where
-- their conversation has come in anew, or where they name none. Notes which chunks are no longer recent, and since when
-- answers are without a chunk; with p_erase it deletes those. p_kept: source of the import → conversations that the export lacks and that were kept.
-- Returns how many rows were deleted.
create or replace function public.full_pass_end_import(p_user_id uuid, p_run_id text, p_kept jsonb, p_erase boolean)
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    delete from public.conversation_chunks as old
        where old.user_id = p_user_id and old.chunk_key is null and (old.conversation_id is null or exists (
            select from public.conversation_chunks as new
            where new.user_id = p_user_id and new.conversation_id = old.conversation_id and new.chunk_key is not null));
    get diagnostics v_deleted = row_count;
    -- Of other sources, too, which this import has not written.
    update public.conversation_chunks set is_recent = false
        where user_id = p_user_id and chunk_key is not null and is_recent and created_at < now() - interval '180 days';
    update public.chunk_facts as answer set unused_since = null
        from public.conversation_chunks as chunk
        where answer.user_id = p_user_id and answer.unused_since is not null
            and chunk.user_id = p_user_id and chunk.chunk_key = answer.chunk_key;
    update public.chunk_facts as answer set unused_since = now()
        where answer.user_id = p_user_id and answer.unused_since is null and not exists (
            select from public.conversation_chunks as chunk
            where chunk.user_id = p_user_id and chunk.chunk_key = answer.chunk_key);
    if p_erase then
        delete from public.chunk_facts where user_id = p_user_id and unused_since is not null;
    end if;
    update public.user_profiles as profile set full_pass_imports = (
        select jsonb_object_agg(source, jsonb_build_object(
            'conversations', stored.conversations,
            'kept', coalesce(p_kept -> source, full_pass_imports -> source -> 'kept', '0'),
            'imported_at', case when p_kept ? source then to_jsonb(now())
                else full_pass_imports -> source -> 'imported_at' end))
        from (
            select coalesce(import_source, 'unknown') as source, count(distinct conversation_id) as conversations
            from public.conversation_chunks where user_id = p_user_id and chunk_key is not null group by 1
        ) as stored
    ) where user_id = p_user_id;
    return v_deleted;
end $$;

-- Deletes answers that have been without a chunk for so long, at most p_limit. Returns how many.
create or replace function public.full_pass_forget_answers(p_unused_for interval, p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    delete from public.chunk_facts where ctid = any (array(
        select answer.ctid from public.chunk_facts as answer
        where unused_since <= now() - p_unused_for and not exists (
            -- It has come back, in an import that has not ended.
            select from public.conversation_chunks as chunk
            where chunk.user_id = answer.user_id and chunk.chunk_key = answer.chunk_key)
        limit p_limit
        for update skip locked));
    get diagnostics v_deleted = row_count;
    return v_deleted;
end $$;

-- Of chunks about which no model can be asked: the last answer, whatever prompt and model it is by. Returns an array of
-- {"chunk_key", "outcome", "facts"} objects.
create or replace function public.full_pass_older_facts(p_user_id uuid, p_chunk_keys text[])
returns jsonb language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(to_jsonb(found)), '[]') from (
        select distinct on (chunk_key) chunk_key, outcome, facts from public.chunk_facts
        where user_id = p_user_id and chunk_key = any (p_chunk_keys) and outcome = 'facts'
        order by chunk_key, created_at desc
    ) as found;
$$;

call public.full_pass_publish_functions();
