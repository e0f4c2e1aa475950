"""One table of settings: name, `gate.toml` key, environment, action input, flag, default, meaning.

Precedence, highest first: flag, environment, ``gate.toml``, default. An unknown key in ``gate.toml`` is refused: a typo
must not weaken the gate.
"""

from gate.model.setting import Setting
from gate.settings.profiles import PROFILES, Profile, check_confirm, find_profile
from gate.settings.resolve import check_config, resolve, resolve_named
from gate.settings.table import BY_NAME, SETTINGS, Act, Settings, refuse_incomplete

__all__ = [
    "BY_NAME",
    "PROFILES",
    "SETTINGS",
    "Act",
    "Profile",
    "Setting",
    "Settings",
    "check_config",
    "check_confirm",
    "find_profile",
    "refuse_incomplete",
    "resolve",
    "resolve_named",
]
