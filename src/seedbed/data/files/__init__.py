"""Files of any form and encoding, read into records."""
