"""The places of a space as people see them, with what each costs and loses."""
