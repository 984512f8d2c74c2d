"""What an integration is made of.  Nothing here knows the portal: no tables, no queue, no request of a merchant."""
