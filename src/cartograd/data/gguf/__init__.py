"""GGUF files, what llama.cpp keeps models in: tensors, blocks of quantised numbers, tokenizers."""
