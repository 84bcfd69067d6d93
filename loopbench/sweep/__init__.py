"""Sweeps: a study's grid of training runs with their evaluations and diagnoses, on one machine or many."""
