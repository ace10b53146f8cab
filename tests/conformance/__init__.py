"""What Supabase and Claude do by their own documents and code, and that the full pass bears it. See README.md."""
