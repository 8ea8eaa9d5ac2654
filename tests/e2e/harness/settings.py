"""What the caller of the tests may choose, by environment variable.

LMC_SERVER      the server under test (default: Debian's memcached, which must pass its own tests)
LMC_ORACLE      memcached 1.6.18, compared with (default: /usr/bin/memcached)
LMC_TIME_SCALE  factor on every deadline: 1 for release builds, 5 or more under sanitizers (default 1)
LMC_EFFORT      factor on the amount of random work (default 1; CI's sanitizer runs use less, a night run more)
LMC_TARGET      whom the tests that can do so ask: alone (default), or of a primary with two backups, primary or backup
LMC_SEED        one seed to repeat instead of the fixed list; printed by every failure of a random test
"""

import os


def server_path():
    return os.environ.get("LMC_SERVER", "/usr/bin/memcached")


def oracle_path():
    return os.environ.get("LMC_ORACLE", "/usr/bin/memcached")


def is_memcached(path=None):
    """Whether the server (default: the one under test) is memcached itself, not ours."""
    return os.path.basename(path or server_path()) == "memcached"


def target():
    role = os.environ.get("LMC_TARGET", "alone")
    assert role in ("alone", "primary", "backup"), f"LMC_TARGET is '{role}'"
    return "alone" if is_memcached() else role


def time_scale():
    return float(os.environ.get("LMC_TIME_SCALE", "1"))


def seconds(nominal):
    """A deadline for something that takes well under `nominal` seconds in a release build."""
    return nominal * time_scale()


def effort(count, at_least=1):
    return max(at_least, round(count * float(os.environ.get("LMC_EFFORT", "1"))))


def seeds(count):
    """The seeds of a random test: the same in every run, unless LMC_SEED names one."""
    if "LMC_SEED" in os.environ:
        return [int(os.environ["LMC_SEED"])]
    return list(range(1, effort(count) + 1))


def sanitized():
    """Whether the server under test is a sanitizer build: memory figures mean nothing there."""
    return bool(os.environ.get("LMC_SANITIZED"))
