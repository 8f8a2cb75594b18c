"""Configs: composed, checked and expanded into variants and seeds, before any work is done."""
