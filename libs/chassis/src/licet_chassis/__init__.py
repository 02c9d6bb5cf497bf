"""What the services share. Whoever imports it takes time zones from the pinned database."""

from licet_chassis.zones import use_pinned_zones

use_pinned_zones()
