"""Lists of lines as people keep them: spreadsheets and text tables to the inventory, its differences and its history."""
