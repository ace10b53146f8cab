from tests.unit.conftest import model, supabase

__all__ = ["model", "supabase"]
