"""What standing tasks and requests have in common, whatever they measure: when they are due and where they may go."""
