"""What runs inside a job, before and after the user's own code. Standard library only; see DESIGN.md one folder up."""
