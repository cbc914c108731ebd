"One whole job a file."
