"The run folder: files, and nothing else."
