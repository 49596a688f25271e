"""Render the files of one handset of the demo site, and see what its model cannot express.

Every file is read back by a parser of the vendor's own syntax before you get it.
"""

from provisioning.device_profile import load_profiles
from provisioning.inventory import load_site
from provisioning.render import render_handset
from provisioning.resources import demo_site_dir, device_profiles_dir


def main() -> None:
    """Render Clara's Snom D785."""
    site = load_site(demo_site_dir() / "site.yaml")
    profiles = load_profiles(device_profiles_dir())
    intent = site.intent("clara")
    rendered = render_handset(intent, profiles.get(intent.model))
    for file in rendered.files:
        secret = ", holds secrets" if file.secret else ""
        print(f"{file.path}: {len(file.content)} octets, {file.media_type}{secret}")
    for loss in rendered.losses:
        print(f"lost: {loss.field}: {loss.reason}")


if __name__ == "__main__":
    main()
