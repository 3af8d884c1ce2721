"""The engine on a server of its own (vLLM, SGLang): HTTP instead of torch."""
