"""The report: one self-contained HTML page from the files of a run folder, and the table on the console."""
