-- Which upload brought which chunks, so that one import can be taken back. An upload that is delivered again, unchanged, is
-- the same import.

create table if not exists public.memory_imports (
    user_id uuid not null,
    id uuid not null,  -- made of the names and versions of its objects
    delivery_id uuid,  -- the last one of it; null: by hand, or from before imports were kept
    sources text[] not null,  -- as conversation_chunks.import_source
    conversations integer not null,  -- in it, as it was read last
    imported_at timestamptz not null default now(),
    primary key (user_id, id)
);

create table if not exists public.memory_import_chunks (
    user_id uuid not null,
    import_id uuid not null,
    chunk_key text not null,
    primary key (user_id, import_id, chunk_key),
    foreign key (user_id, import_id) references public.memory_imports on delete cascade
);

create unique index if not exists memory_import_chunks_chunk
    on public.memory_import_chunks (user_id, chunk_key, import_id);

call public.full_pass_protect('public.memory_imports', true);
call public.full_pass_protect('public.memory_import_chunks', false);

-- Of before: what there is of one source is one import.
with found as (
    insert into public.memory_imports (user_id, id, sources, conversations, imported_at)
    select user_id, gen_random_uuid(), array[coalesce(import_source, 'unknown')], count(distinct conversation_id),
            max(created_at)
        from public.conversation_chunks as chunk
        where chunk_key is not null
            and not exists (select from public.memory_imports as known where known.user_id = chunk.user_id)
        group by user_id, coalesce(import_source, 'unknown')
    returning user_id, id, sources[1] as source
)
insert into public.memory_import_chunks (user_id, import_id, chunk_key)
select found.user_id, found.id, chunk.chunk_key
    from found join public.conversation_chunks as chunk
        on chunk.user_id = found.user_id and coalesce(chunk.import_source, 'unknown') = found.source
    where chunk.chunk_key is not null;

call public.full_pass_reference_accounts();

-- Remembers that these chunks, as far as they are stored, are in the import p_import ({"id", "delivery_id", "sources",
-- "conversations"}). May be called again, with more of them; imports of which no chunk is left go.
create or replace function public.full_pass_add_to_import(
    p_user_id uuid, p_run_id text, p_import jsonb, p_chunk_keys text[]
) returns void language plpgsql set search_path = '' as $$
declare
    v_id uuid := (p_import ->> 'id')::uuid;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    insert into public.memory_imports (user_id, id, delivery_id, sources, conversations)
    values (p_user_id, v_id, (p_import ->> 'delivery_id')::uuid,
        array(select jsonb_array_elements_text(p_import -> 'sources')), (p_import ->> 'conversations')::integer)
    on conflict (user_id, id) do update set delivery_id = excluded.delivery_id, sources = excluded.sources,
        conversations = excluded.conversations, imported_at = excluded.imported_at;
    insert into public.memory_import_chunks (user_id, import_id, chunk_key)
    select user_id, v_id, chunk_key from public.conversation_chunks
        where user_id = p_user_id and chunk_key = any (p_chunk_keys)
    on conflict do nothing;
    delete from public.memory_import_chunks as held where user_id = p_user_id and not exists (
        select from public.conversation_chunks as chunk
        where chunk.user_id = p_user_id and chunk.chunk_key = held.chunk_key);
    delete from public.memory_imports as import where user_id = p_user_id and not exists (
        select from public.memory_import_chunks as chunk
        where chunk.user_id = p_user_id and chunk.import_id = import.id);
end $$;

-- Facts that these have replaced hold again, and stand in MEMORY in their own words until a pass writes them anew.
create or replace function public.full_pass_hold_again(p_user_id uuid, p_replaced_by uuid[])
returns void language sql set search_path = '' as $$
    with holding as (
        update public.memory_facts set status = 'current', superseded_by = null, valid_to = null, digest = null,
                updated_at = now()
            where user_id = p_user_id and status = 'superseded' and superseded_by = any (p_replaced_by)
                and id <> all (p_replaced_by)
            returning *
    )
    insert into public.memory_entries (user_id, id, section, position, text, fact_ids, origin)
    select p_user_id, id, section, (select coalesce(max(e.position), 0) from public.memory_entries as e
            where e.user_id = p_user_id and e.section = holding.section),
        btrim(regexp_replace(text, '\s+', ' ', 'g')), array[id], 'facts'
    from holding where section is not null and not suppressed
    on conflict (user_id, id) do nothing;
$$;

-- Deletes chunks with what models answered about them and the facts that nothing else says.
create or replace function public.full_pass_take_back(p_user_id uuid, p_chunk_keys text[])
returns void language plpgsql set search_path = '' as $$
declare
    v_facts uuid[] := array(
        select distinct s.fact_id from public.memory_fact_sources as s join public.memory_facts as f on f.id = s.fact_id
        where s.user_id = p_user_id and s.chunk_key = any (p_chunk_keys) and f.origin = 'chats' and not exists (
            select from public.memory_fact_sources as other
            where other.fact_id = s.fact_id and other.chunk_key <> all (p_chunk_keys)));
    v_erasures uuid[] := array(select id from public.memory_erasures where user_id = p_user_id);
begin
    perform public.full_pass_hold_again(p_user_id, v_facts);
    delete from public.chunk_facts where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    perform public.full_pass_erase_facts(p_user_id, v_facts, false);
    -- What an import said is no past of the person's, and may come again with another.
    delete from public.memory_erasures where user_id = p_user_id and id <> all (v_erasures);
    perform public.full_pass_withdraw_sources(p_user_id, array(
        select id from public.memory_fact_sources where user_id = p_user_id and chunk_key = any (p_chunk_keys)));
    perform set_config('full_pass.deleting_chunks', 'known', true);
    delete from public.conversation_chunks where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    perform set_config('full_pass.deleting_chunks', '', true);
    -- As full_pass_end_import writes it.
    update public.user_profiles set full_pass_imports = (
        select jsonb_object_agg(source, coalesce(full_pass_imports -> source, '{}')
            || jsonb_build_object('conversations', stored.conversations))
        from (
            select coalesce(import_source, 'unknown') as source, count(distinct conversation_id) as conversations
            from public.conversation_chunks where user_id = p_user_id and chunk_key is not null group by 1
        ) as stored
    ) where user_id = p_user_id;
end $$;

create or replace function full_pass.forget_import(p_import uuid, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
    v_delivery_id uuid;
begin
    select delivery_id into v_delivery_id from public.memory_imports where user_id = v_user_id and id = p_import;
    if not found then
        raise exception using errcode = 'no_data_found', message = 'there is no such import';
    end if;
    if exists (select from public.user_profiles where user_id = v_user_id and full_pass_status = 'processing') then
        raise exception using errcode = 'object_in_use', message = 'a full pass has the user',
            hint = 'Call it again when the pass has ended.';
    end if;
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    perform public.full_pass_take_back(v_user_id, array(
        select chunk_key from public.memory_import_chunks as own
        where user_id = v_user_id and import_id = p_import and not exists (
            select from public.memory_import_chunks as other
            where other.user_id = v_user_id and other.chunk_key = own.chunk_key and other.import_id <> p_import)));
    delete from public.memory_imports where user_id = v_user_id and id = p_import;
    -- A retry of it would bring it back, and nobody has delivered it again.
    update public.user_profiles set full_pass_next_retry_at = null
        where user_id = v_user_id and full_pass_parameters ->> 'delivery_id' = v_delivery_id::text;
    return public.full_pass_publish_memory(v_user_id, null, v_before);
end $$;

-- What users and service_role call, as the functions of memory: takes back what only this import brought.
create or replace function public.forget_import(import uuid, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.forget_import(import, p_user_id) $$;

call public.full_pass_publish_functions();
call public.full_pass_open_functions('forget_import');
