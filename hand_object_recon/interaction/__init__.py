"""Hands and objects together: contacts, and the refinement that makes them agree."""
