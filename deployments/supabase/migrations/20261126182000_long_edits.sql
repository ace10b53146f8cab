-- That thousands of lines a person pastes into MEMORY are taken over within the time that a statement has.

create index if not exists memory_facts_persons on public.memory_facts (user_id, md5(text)) where origin = 'person';

-- It is asked once, as those of the search are.
do $$
begin
    set local enable_seqscan = off;
    perform from public.memory_facts where origin = 'person' and md5(text) = 'x';
    set local enable_seqscan = on;
end $$;

-- As before; each line is looked at once, not once for each entry.
create or replace function public.full_pass_take_over_edits(p_user_id uuid, p_run_id text)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_before jsonb := public.full_pass_stored_entries(p_user_id);
    v_memory_md text;
    v_digest text;
    v_line record;
    v_whole text;
    v_section text := 'decisions';
    v_gone public.memory_entries[];
    v_old public.memory_entries;
    v_fact uuid;
    v_deleted integer := 0;
    v_edited integer := 0;
    v_added integer := 0;
    v_texts text[];
    v_room integer := greatest(2000 - (
        select count(*) from public.memory_facts where user_id = p_user_id and origin = 'person'), 0);
begin
    select memory_md, full_pass_memory_digest into v_memory_md, v_digest
        from public.user_profiles where user_id = p_user_id for update;
    if v_digest is null or btrim(coalesce(v_memory_md, ''), E' \t\r\n') = '' or md5(v_memory_md) = v_digest then
        return jsonb_build_object('deleted', 0, 'edited', 0, 'added', 0);
    end if;
    v_texts := array(select public.full_pass_line(line) from regexp_split_to_table(v_memory_md, '\r?\n') as line);
    if v_memory_md !~ '(^|\n)# MEMORY\s*(\n|$)' and not exists (
        select from public.memory_entries where user_id = p_user_id and text = any (v_texts))
    then
        return jsonb_build_object('deleted', 0, 'edited', 0, 'added', 0);
    end if;
    v_gone := array(select e from public.memory_entries as e where user_id = p_user_id and text <> all (v_texts)
        order by section, position, id);
    for v_line in
        select line, piece as text
        from regexp_split_to_table(v_memory_md, '\r?\n') with ordinality as lines(line, n),
            public.full_pass_pieces(public.full_pass_line(line)) with ordinality as pieces(piece, m)
        order by n, m
    loop
        if v_line.line ~ '^\s*#' then
            v_section := coalesce((select section from public.full_pass_titles()
                where lower(title) = lower(btrim(v_line.line, E'# \t:'))), 'decisions');
            continue;
        end if;
        v_line.text := public.full_pass_line(v_line.text);
        v_whole := public.full_pass_line(v_line.line);
        continue when v_line.text = '' or v_room = 0 or exists (
            select from public.memory_entries where user_id = p_user_id and text in (v_line.text, v_whole));
        v_room := v_room - 1;
        select e.* into v_old from unnest(v_gone) as e
            where e.section = v_section and public.full_pass_shared_words(e.text, v_line.text) >= 0.4
            order by public.full_pass_shared_words(e.text, v_line.text) desc, e.id limit 1;
        if found then
            v_gone := array(select e from unnest(v_gone) as e where e.id <> v_old.id);
            v_fact := public.full_pass_say(p_user_id, v_line.text, v_section, v_old.fact_ids[1]);
            update public.memory_facts set status = 'superseded', superseded_by = v_fact, updated_at = now()
                where user_id = p_user_id and id = any (v_old.fact_ids) and id <> v_fact and status = 'current';
            perform public.full_pass_drop_from_entries(p_user_id, v_old.fact_ids);
            v_edited := v_edited + 1;
        else
            perform public.full_pass_say(p_user_id, v_line.text, v_section, null);
            v_added := v_added + 1;
        end if;
    end loop;
    foreach v_old in array v_gone loop
        update public.memory_facts set suppressed = true, updated_at = now()
            where user_id = p_user_id and id = any (v_old.fact_ids);
        delete from public.memory_entries where user_id = p_user_id and id = v_old.id;
        v_deleted := v_deleted + 1;
    end loop;
    perform public.full_pass_publish_memory(p_user_id, p_run_id, v_before);
    return jsonb_build_object('deleted', v_deleted, 'edited', v_edited, 'added', v_added);
end $$;

call public.full_pass_publish_functions();
