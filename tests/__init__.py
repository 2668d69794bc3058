"""
The tests of logrecv.
"""

from hypothesis import HealthCheck, settings

# A busy machine is slow at times, which tells nothing of what is tested.
settings.register_profile(
    "logrecv", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("logrecv")
