"""The Robot Framework face of the rig: ``Library    rig.robotlib``."""

from rig.robotlib.library import PhonerigLibrary

robotlib = PhonerigLibrary
"""The same under the package's name, so that ``Library    rig.robotlib`` works too."""

__all__ = ["PhonerigLibrary", "robotlib"]
