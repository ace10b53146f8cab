"""A synthetic ChatGPT export: years of conversations of one invented person, with facts planted at known places."""

from tests.sample.export import PlantedFact, conversations, planted_facts, write_export

__all__ = ["PlantedFact", "conversations", "planted_facts", "write_export"]
