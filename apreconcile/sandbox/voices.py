"""The voices on offer: a sample of the hundreds that the service lists, in its newest form (MCP, SKILL v0.6.1)."""

from __future__ import annotations

from apreconcile.sandbox.agent_fields import SKYLAR

_KEYS = ("voice_id", "voice_name", "provider", "gender", "accent", "preview_audio_url")
_SAMPLE = (
    (SKYLAR, "Skylar - Friendly Guide", "platform", "female", "American", None),
    ("11labs-Brian", "Brian", "elevenlabs", "male", "American", None),
    ("11labs-Marissa", "Marissa", "elevenlabs", "female", "American", None),
    ("11labs-Adrian", "Adrian", "elevenlabs", "male", "American", None),
    ("alloy", "Alloy", "openai", "neutral", None, None),
    ("nova", "Nova", "openai", "female", None, None),
    ("echo", "Echo", "openai", "male", None, None),
    ("cartesia-Cleo", "Cleo", "cartesia", "female", "American", None),
    ("minimax-Daniel", "Daniel", "minimax", "male", "British", None),
    ("fish-Lola", "Lola", "fish_audio", "female", None, None),
    ("inworld-Ashley", "Ashley", "inworld", "female", "American", None),
    ("qwen3-Cherry", "Cherry", "qwen3", "female", None, None),
    ("Polly.Amy", "Amy", "platform", "female", "British", None),
)
VOICES: tuple[dict[str, str | None], ...] = tuple(dict(zip(_KEYS, voice, strict=True)) for voice in _SAMPLE)
