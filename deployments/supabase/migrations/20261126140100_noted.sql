-- What only an assistant has noted about the person says so where a fact is asked why it is believed.

alter table public.memory_fact_sources
    -- The quote is an assistant's note about the person, and no words of theirs.
    add column if not exists noted boolean not null default false;

-- As before, with `noted`.
create or replace function public.full_pass_save_memory_facts(p_user_id uuid, p_run_id text, p_facts jsonb)
returns integer language plpgsql set search_path = '' as $$
declare
    v_written uuid[];
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    p_facts := public.full_pass_not_erased(p_user_id, p_facts);
    with written as (
        insert into public.memory_facts as stored
            (id, user_id, subject, kind, slot, text, language, stance, status, superseded_by, valid_from, valid_to,
                said_first, said_last, mentions, conversations, section, traces, statement_keys, digest)
        select given.id, p_user_id, subject, kind, slot, text, language, stance, status, (
                -- A correction that was forgotten a moment ago is nothing that holds instead.
                select there.id from (
                    select id from public.memory_facts where user_id = p_user_id
                    union select id from jsonb_to_recordset(p_facts) as given(id uuid)
                ) as there where there.id = given.superseded_by),
            valid_from, valid_to, said_first, said_last, mentions, conversations, section, traces, statement_keys, digest
        from jsonb_populate_recordset(null::public.memory_facts, p_facts) as given
        on conflict (id) do update set (subject, kind, slot, text, language, stance, status, superseded_by, valid_from,
                valid_to, said_first, said_last, mentions, conversations, section, traces, statement_keys, digest,
                updated_at)
            = row (excluded.subject, excluded.kind, excluded.slot, excluded.text, excluded.language, excluded.stance,
                case stored.status when 'forgotten' then 'forgotten' else excluded.status end, excluded.superseded_by,
                excluded.valid_from, excluded.valid_to, excluded.said_first, excluded.said_last, excluded.mentions,
                excluded.conversations, excluded.section, excluded.traces, excluded.statement_keys, excluded.digest,
                now())
        where stored.user_id = p_user_id and stored.origin = 'chats' and stored.digest is distinct from excluded.digest
        returning id
    ) select coalesce(array_agg(id), '{}') into v_written from written;
    delete from public.memory_fact_sources where user_id = p_user_id and fact_id = any (v_written);
    insert into public.memory_fact_sources (user_id, fact_id, chunk_key, conversation_id, message, quote, said_at,
        noted)
    select p_user_id, given.id, source.chunk_key, source.conversation_id, source.message, source.quote, source.said_at,
        coalesce(source.noted, false)
    from jsonb_to_recordset(p_facts) as given(id uuid, sources jsonb),
        jsonb_populate_recordset(null::public.memory_fact_sources, given.sources) as source
    where given.id = any (v_written);
    return cardinality(v_written);
end $$;

-- As before, with `noted`.
create or replace function full_pass.memory_export(p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
begin
    return jsonb_build_object(
        'memory_md', (select memory_md from public.user_profiles where user_id = v_user_id),
        'sections', public.full_pass_stored_sections(v_user_id),
        'entries', public.full_pass_entries(v_user_id),
        'facts', coalesce((
            select jsonb_agg(to_jsonb(f) - '{user_id, digest, statement_keys, traces}'::text[]
                || jsonb_build_object('sources', coalesce(s.sources, '[]')) order by f.said_first, f.id)
            from public.memory_facts as f left join (
                select fact_id, jsonb_agg(jsonb_build_object('conversation_id', conversation_id, 'message', message,
                    'quote', quote, 'said_at', said_at, 'noted', noted) order by said_at, id) as sources
                from public.memory_fact_sources where user_id = v_user_id group by fact_id
            ) as s on s.fact_id = f.id
            where f.user_id = v_user_id), '[]'),
        'versions', coalesce((select jsonb_agg(to_jsonb(v) - 'user_id' order by version)
            from public.memory_versions as v where user_id = v_user_id), '[]'),
        'erased', (select count(*) from public.memory_erasures where user_id = v_user_id));
end $$;

call public.full_pass_publish_functions();
call public.full_pass_open_functions('memory_');
