"""Traces after they left the services: the buffer of those not kept, and the count of all of them at every hop."""
