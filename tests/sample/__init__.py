"""A synthetic ChatGPT export: years of conversations of one invented person, with facts planted at known places."""

from tests.sample.chatgpt_export import PlantedFact, generate, planted_facts, write_export

__all__ = ["PlantedFact", "generate", "planted_facts", "write_export"]
