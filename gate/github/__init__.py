"""What a GitHub runner gives a step, and what a step gives it back."""
