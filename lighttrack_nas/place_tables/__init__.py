"""Tables of places: what each candidate loses against the teacher, and fronts from them."""
