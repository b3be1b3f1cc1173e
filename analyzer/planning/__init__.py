"""The inventory in the hands of people: checking the file, finding a line, showing its path."""
