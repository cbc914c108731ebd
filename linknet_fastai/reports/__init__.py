"What people look at."
