-- The tables that the full pass reads and writes. Additive: over an existing project it only adds what is missing,
-- and it may be applied any number of times.

create table if not exists public.user_profiles (
    user_id uuid primary key
);

alter table public.user_profiles
    add column if not exists memory_md text,
    add column if not exists soul_md text,
    add column if not exists identity_md text,
    add column if not exists user_md text,
    add column if not exists agents_md text,
    add column if not exists tools_md text,
    add column if not exists soulprint_text text,
    add column if not exists import_status text,
    add column if not exists import_stage text,
    add column if not exists progress_percent integer,
    add column if not exists import_cost_json jsonb,
    add column if not exists full_pass_status text default 'pending',
    add column if not exists full_pass_started_at timestamptz,
    add column if not exists full_pass_completed_at timestamptz,
    add column if not exists full_pass_error text,
    -- The Prefect flow run that owns the row: nobody else may change the columns of the full pass.
    add column if not exists full_pass_run_id text,
    -- Of that run, so that a scheduled retry can start the same work again.
    add column if not exists full_pass_parameters jsonb,
    add column if not exists full_pass_attempts integer not null default 0,
    add column if not exists full_pass_next_retry_at timestamptz;

create index if not exists user_profiles_full_pass_retry
    on public.user_profiles (full_pass_next_retry_at)
    where full_pass_status = 'failed' and full_pass_next_retry_at is not null;

create index if not exists user_profiles_full_pass_processing
    on public.user_profiles (user_id)
    where full_pass_status = 'processing';

create table if not exists public.conversation_chunks (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null
);

alter table public.conversation_chunks
    add column if not exists conversation_id text,
    add column if not exists title text,
    add column if not exists content text,
    add column if not exists token_count integer,
    add column if not exists chunk_tier text default 'medium',
    add column if not exists message_count integer,
    add column if not exists is_recent boolean default false,
    add column if not exists created_at timestamptz default now(),
    -- What makes a chunk the same chunk in a later export; null in rows older than the full pass, as the next three.
    add column if not exists chunk_key text,
    -- Of the chunk within its conversation, and of its first and last message within it; from 0.
    add column if not exists position integer,
    add column if not exists first_message integer,
    add column if not exists last_message integer;

create unique index if not exists conversation_chunks_user_chunk_key
    on public.conversation_chunks (user_id, chunk_key);

-- What a model found in a chunk, once per prompt and model: what has been paid for is not asked for again.
create table if not exists public.chunk_facts (
    user_id uuid not null,
    chunk_key text not null,
    prompt_version text not null,
    model text not null,
    -- facts: `facts` is what the chunk says, also when that is nothing. refused: the model would not answer.
    -- failed: `error` says why there is no answer; the next run asks again.
    outcome text not null check (outcome in ('facts', 'refused', 'failed')),
    facts jsonb not null default '[]',
    error text,
    created_at timestamptz not null default now(),
    primary key (user_id, prompt_version, model, chunk_key)
);

-- Message batches that have been handed in and not yet collected: their answers are paid for.
create table if not exists public.extraction_batches (
    batch_id text primary key,
    user_id uuid not null,
    prompt_version text not null,
    model text not null,
    -- custom_id of each request → chunk keys, in the order of the excerpts.
    requests jsonb not null,
    created_at timestamptz not null default now()
);

create index if not exists extraction_batches_user on public.extraction_batches (user_id);

-- What a model replied after extraction, until the pass is complete: a retry of the run does not ask again.
create table if not exists public.model_replies (
    user_id uuid not null,
    -- A hash of the model, the prompt and the shape of the reply.
    request_key text not null,
    reply jsonb not null,
    created_at timestamptz not null default now(),
    primary key (user_id, request_key)
);

-- Until when no run may call a model, because the API has asked for less.
create table if not exists public.model_pauses (
    model text primary key,
    until timestamptz not null
);

-- What a Supabase project grants by default, said for projects that have changed it.
grant select, insert, update, delete on public.user_profiles, public.conversation_chunks, public.chunk_facts,
    public.extraction_batches, public.model_replies, public.model_pauses to service_role;
grant select on public.user_profiles, public.conversation_chunks, public.chunk_facts to authenticated;

alter table public.user_profiles enable row level security;
alter table public.conversation_chunks enable row level security;
alter table public.chunk_facts enable row level security;
alter table public.extraction_batches enable row level security;
alter table public.model_replies enable row level security;
alter table public.model_pauses enable row level security;

drop policy if exists "full pass: users read their own profile" on public.user_profiles;
create policy "full pass: users read their own profile" on public.user_profiles
    for select to authenticated using (user_id = (select auth.uid()));

drop policy if exists "full pass: users read their own chunks" on public.conversation_chunks;
create policy "full pass: users read their own chunks" on public.conversation_chunks
    for select to authenticated using (user_id = (select auth.uid()));

drop policy if exists "full pass: users read their own facts" on public.chunk_facts;
create policy "full pass: users read their own facts" on public.chunk_facts
    for select to authenticated using (user_id = (select auth.uid()));
