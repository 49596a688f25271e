"""The platform's interface for programs: Xsi-Actions, Xsi-Events, and a management API."""
