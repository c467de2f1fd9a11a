"""Delivery by Celery: thin bodies that hand work to the orchestrator's core."""
