"""Reports: pages, tables and figures made from tracked results and statistics alone."""
