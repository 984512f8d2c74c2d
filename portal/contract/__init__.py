"""What an integration is made of.  Pure: no framework, no database, no queue."""
