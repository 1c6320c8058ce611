"""What a finished run is reported as, for tools: JUnit XML, a summary in JSON."""
