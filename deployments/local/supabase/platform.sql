-- What a Supabase project has before any migration: roles, the helpers of row level security, accounts, storage's tables.
-- Idempotent. Sources: supabase/postgres, migrations/db (roles, timeouts, default privileges); supabase/storage,
-- migrations/tenant (tables, grants, helpers); supabase/auth (auth.uid and its like).

do $$
declare
    v_role name;
begin
    foreach v_role in array
        '{anon, authenticated, service_role, authenticator, supabase_auth_admin, supabase_storage_admin}'::name[]
    loop
        if to_regrole(v_role) is null then
            execute format('create role %I nologin', v_role);
        end if;
    end loop;
end $$;
alter role service_role bypassrls;
alter role authenticator noinherit;
grant anon, authenticated, service_role to authenticator;

-- A request has the limit of its role; service_role has none of its own, and so the authenticator's.
alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

create schema if not exists auth;
create schema if not exists storage;

create or replace function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
$$;
create or replace function auth.uid() returns uuid language sql stable as $$
    select nullif(auth.jwt() ->> 'sub', '')::uuid
$$;
create or replace function auth.role() returns text language sql stable as $$
    select auth.jwt() ->> 'role'
$$;

create table if not exists auth.users (
    id uuid primary key default gen_random_uuid(),
    email text unique,
    created_at timestamptz not null default now()
);
alter table auth.users add column if not exists created_at timestamptz not null default now();
alter table auth.users owner to supabase_auth_admin;
alter table auth.users enable row level security;
grant usage on schema auth to supabase_auth_admin;

create table if not exists storage.buckets (
    id text primary key,
    name text not null unique,
    owner text not null default '',
    public boolean not null default false,
    file_size_limit bigint,
    allowed_mime_types text[],
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create table if not exists storage.objects (
    id uuid primary key default gen_random_uuid(),
    bucket_id text not null references storage.buckets (id),
    name text not null,
    owner uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    metadata jsonb not null default '{}',
    unique (bucket_id, name)
);
alter table storage.buckets enable row level security;
alter table storage.objects enable row level security;

-- The folders of an object's name, for policies.
create or replace function storage.foldername(name text) returns text[] language sql immutable as $$
    select trim_array(string_to_array(name, '/'), 1)
$$;

-- What is deleted in SQL alone leaves its bytes behind, so only Storage itself may.
create or replace function storage.protect_delete() returns trigger language plpgsql as $$
begin
    if coalesce(current_setting('storage.allow_delete_query', true), '') <> 'true' then
        raise exception using errcode = 'insufficient_privilege',
            message = 'Direct deletion from storage tables is not allowed. Use the Storage API instead.';
    end if;
    return null;
end $$;
create or replace trigger protect_objects_delete before delete on storage.objects
    for each statement execute function storage.protect_delete();

grant usage on schema public, auth, storage to anon, authenticated, service_role;
grant all on storage.buckets, storage.objects to anon, authenticated, service_role;

-- What is made in `public` may be used by all three roles, TRUNCATE included, and row level security decides. A
-- migration that wants less must say so.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
