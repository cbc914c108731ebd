"The command line: words in, tables out; nothing is computed here."
