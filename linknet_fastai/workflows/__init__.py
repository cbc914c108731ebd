"What the commands do: one whole job a file."
