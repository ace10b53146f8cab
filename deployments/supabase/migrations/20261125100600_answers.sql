-- What models answered and will answer. It is paid for, so it is kept whatever becomes of the run.

-- Keeps what a model answered for chunks. p_outcomes: array of {"chunk_key", "outcome", "facts"?, "error"?}. Not
-- fenced: an answer is right whichever run asked for it, and it has been paid for. An answer is never overwritten.
-- Returns for how many seconds no run may call the model.
create or replace function public.full_pass_save_facts(
    p_user_id uuid, p_prompt_version text, p_model text, p_outcomes jsonb
) returns double precision language plpgsql set search_path = '' as $$
begin
    insert into public.chunk_facts as stored (user_id, chunk_key, prompt_version, model, outcome, facts, error)
    select distinct on (o.chunk_key)
           p_user_id, o.chunk_key, p_prompt_version, p_model, o.outcome, coalesce(o.facts, '[]'), o.error
    from jsonb_to_recordset(p_outcomes) as o(chunk_key text, outcome text, facts jsonb, error text)
    on conflict (user_id, prompt_version, model, chunk_key) do update set
        outcome = excluded.outcome, facts = excluded.facts, error = excluded.error, created_at = now()
    where stored.outcome = 'failed';
    return public.full_pass_pause(p_model, 0);
end $$;

-- Lets no run call the model for p_seconds from now, or longer if that has been said already. Returns for how many
-- seconds no run may call it. The database's clock counts, so the workers' need not agree.
create or replace function public.full_pass_pause(p_model text, p_seconds double precision)
returns double precision language plpgsql set search_path = '' as $$
begin
    if p_seconds > 0 then
        insert into public.model_pauses as stored (model, until)
        values (p_model, clock_timestamp() + make_interval(secs => p_seconds))
        on conflict (model) do update set until = greatest(stored.until, excluded.until);
    end if;
    return coalesce(
        (select greatest(extract(epoch from until - clock_timestamp()), 0)
         from public.model_pauses where model = p_model), 0);
end $$;

-- Remembers a message batch that has been handed in, until full_pass_end_batch.
create or replace function public.full_pass_add_batch(
    p_user_id uuid, p_batch_id text, p_prompt_version text, p_model text, p_requests jsonb
) returns void language sql set search_path = '' as $$
    insert into public.extraction_batches (batch_id, user_id, prompt_version, model, requests)
    values (p_batch_id, p_user_id, p_prompt_version, p_model, p_requests)
    on conflict (batch_id) do nothing;
$$;

create or replace function public.full_pass_end_batch(p_batch_id text)
returns void language sql set search_path = '' as $$
    delete from public.extraction_batches where batch_id = p_batch_id;
$$;

-- Keeps what a model replied to a request, until full_pass_complete. Not fenced: it has been paid for.
create or replace function public.full_pass_save_reply(p_user_id uuid, p_request_key text, p_reply jsonb)
returns void language sql set search_path = '' as $$
    insert into public.model_replies (user_id, request_key, reply)
    values (p_user_id, p_request_key, p_reply)
    on conflict (user_id, request_key) do nothing;
$$;

call public.full_pass_publish_functions();
