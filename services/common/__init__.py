"""What every service shares: application frame, settings, live configuration, telemetry, health, auth, errors."""
