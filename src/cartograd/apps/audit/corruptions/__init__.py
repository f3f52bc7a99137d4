"""Harm that comes without an enemy: noise, blur, missing cells, slips of the pen."""
